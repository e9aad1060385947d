from recommendations.admin import configs, customer_tab, items, runs

__all__ = ["configs", "customer_tab", "items", "runs"]
