from orders.models.order import Order, OrderItem
from orders.models.product import Product, ProductAlias
from orders.models.totals import CustomerTotals

__all__ = ["CustomerTotals", "Order", "OrderItem", "Product", "ProductAlias"]
