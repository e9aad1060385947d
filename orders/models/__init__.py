from orders.models.label_suggestion import LabelSuggestion
from orders.models.order import Order, OrderItem
from orders.models.product import Product, ProductAlias
from orders.models.totals import CustomerTotals

__all__ = ["CustomerTotals", "LabelSuggestion", "Order", "OrderItem", "Product", "ProductAlias"]
