from customers.admin import contact, customer

__all__ = ["contact", "customer"]
