from django.db.models import QuerySet
from django_filters.rest_framework import filters, filterset

from analytics.models import QuarantinedEvent, Signal, SignalType
from analytics.models.signals import QuarantinedEventQuerySet
from crm_project.common.api.flags import FlagFilter
from crm_project.common.api.moments import MomentFilter
from customers.selectors.customers import by_code

_CLASSES = [choice for choice in SignalType.Class.choices if choice[0]]


class SignalFilter(filterset.FilterSet):
    """Filters of the signal list."""

    customer = filters.CharFilter(
        method="filter_customer", label="The customer's code, or one that nobody has yet."
    )
    event_type = filters.CharFilter(label="Exactly this type, like add_to_cart.")
    signal_class = filters.ChoiceFilter(
        choices=_CLASSES, method="filter_class", label="Types of this class."
    )
    product = filters.CharFilter(method="filter_product", label="The product's key.")
    source = filters.CharFilter(label="Exactly this source.")
    score_min = filters.NumberFilter(field_name="score", lookup_expr="gte", label="At least.")
    score_max = filters.NumberFilter(field_name="score", lookup_expr="lte", label="At most.")
    historical = FlagFilter(label="Sent to complete the record, or as it happened.")
    resolved = FlagFilter(
        field_name="customer",
        lookup_expr="isnull",
        exclude=True,
        label="Whether it belongs to a customer we know.",
    )
    occurred_after = MomentFilter(
        field_name="occurred_at", lookup_expr="gte", label="At or after this time."
    )
    occurred_before = MomentFilter(
        field_name="occurred_at", lookup_expr="lt", label="Before this time."
    )

    def filter_customer(self, rows: QuerySet[Signal], name: str, value: str) -> QuerySet[Signal]:
        customer = by_code(value)
        if customer is None:
            return rows.filter(customer__isnull=True, customer_ref=value)
        return rows.filter(customer=customer)

    def filter_class(self, rows: QuerySet[Signal], name: str, value: str) -> QuerySet[Signal]:
        # As a list: each type is then read from its place in the index, newest first.
        types = SignalType.objects.filter(signal_class=value).values_list("event_type", flat=True)
        return rows.filter(event_type__in=list(types))

    def filter_product(self, rows: QuerySet[Signal], name: str, value: str) -> QuerySet[Signal]:
        return rows.filter(product__key=value)


class QuarantineFilter(filterset.FilterSet):
    """Filters of the quarantine. Events that were decided on are left out unless asked for."""

    code = filters.CharFilter(label="Exactly this reason, like too_deep.")
    source = filters.CharFilter(label="Exactly this source.")
    state = filters.ChoiceFilter(
        choices=[
            ("open", "open"),
            ("all", "all"),
            *(choice for choice in QuarantinedEvent.Resolution.choices if choice[0]),
        ],
        method="filter_state",
        label="open unless given; all; or how they were decided on.",
    )
    quarantined_after = MomentFilter(
        field_name="quarantined_at", lookup_expr="gte", label="At or after this time."
    )

    def filter_state(
        self, rows: QuarantinedEventQuerySet, name: str, value: str
    ) -> QuarantinedEventQuerySet:
        if value == "open":
            return rows.open()
        return rows if value == "all" else rows.filter(resolution=value)
