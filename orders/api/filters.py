from django.db.models import QuerySet
from django_filters.rest_framework import filters, filterset

from crm_project.common.api.flags import FlagFilter
from crm_project.common.api.moments import MomentFilter
from customers.selectors.customers import by_code
from orders.models import Order, Product
from orders.models.product import ProductQuerySet


class ProductFilter(filterset.FilterSet):
    """Filters of the product list."""

    q = filters.CharFilter(
        method="filter_q", label="Words that key or label contain.", max_length=200
    )
    key = filters.CharFilter(label="Exactly this key.")
    kind = filters.ChoiceFilter(choices=Product.Kind.choices, label="Product or charge.")
    category = filters.CharFilter(label="Exactly this category.")
    family = filters.CharFilter(label="Exactly this family.")
    is_active = FlagFilter(label="In the offer.")
    price_min = filters.NumberFilter(field_name="price", lookup_expr="gte", label="At least.")
    price_max = filters.NumberFilter(field_name="price", lookup_expr="lte", label="At most.")
    modified_since = MomentFilter(
        field_name="updated_at",
        lookup_expr="gte",
        label="Changed at or after this time: the X-Server-Time of an earlier answer.",
    )

    def filter_q(self, rows: ProductQuerySet, name: str, value: str) -> ProductQuerySet:
        return rows.search(value)


class OrderFilter(filterset.FilterSet):
    """Filters of the order list."""

    customer = filters.CharFilter(method="filter_customer", label="The customer's code.")
    source = filters.CharFilter(label="Exactly this source.")
    number = filters.CharFilter(label="Exactly this number.")
    kind = filters.ChoiceFilter(choices=Order.Kind.choices, label="Sale or return.")
    status = filters.ChoiceFilter(choices=Order.Status.choices, label="This status only.")
    channel = filters.CharFilter(label="Exactly this channel.")
    ordered_after = MomentFilter(
        field_name="ordered_at", lookup_expr="gte", label="At or after this time."
    )
    ordered_before = MomentFilter(
        field_name="ordered_at", lookup_expr="lt", label="Before this time."
    )

    def filter_customer(self, rows: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        customer = by_code(value)
        return rows.filter(customer=customer) if customer else rows.none()
