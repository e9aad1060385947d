from analytics.admin import customer_scores, filters, runs, segments

__all__ = ["customer_scores", "filters", "runs", "segments"]
