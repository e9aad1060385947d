from customers.admin import contact, customer, imports, policy

__all__ = ["contact", "customer", "imports", "policy"]
