from orders.admin import customer_figures, labels, order, product

__all__ = ["customer_figures", "labels", "order", "product"]
