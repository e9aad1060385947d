from recommendations.admin import configs, customer_contact, customer_tab, items, outcomes, runs

__all__ = ["configs", "customer_contact", "customer_tab", "items", "outcomes", "runs"]
