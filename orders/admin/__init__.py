from orders.admin import customer_figures, order, product

__all__ = ["customer_figures", "order", "product"]
