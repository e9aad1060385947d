from customers.admin import contact, customer, imports

__all__ = ["contact", "customer", "imports"]
