from recommendations.admin import configs, runs

__all__ = ["configs", "runs"]
