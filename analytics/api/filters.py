from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import filters, filterset

from analytics.models import CurrentRfmScore
from customers.selectors.customers import by_code

_DIGITS = [(digit, str(digit)) for digit in range(1, 6)]


class ScoreFilter(filterset.FilterSet):
    """Filters of the current scores."""

    segment = filters.CharFilter(field_name="segment__code", label="The segment's code.")
    customer = filters.CharFilter(method="filter_customer", label="The customer's code.")
    r = filters.TypedChoiceFilter(choices=_DIGITS, coerce=int, label="Recency, 5 is newest.")
    f = filters.TypedChoiceFilter(choices=_DIGITS, coerce=int, label="Frequency, 5 is most.")
    m = filters.TypedChoiceFilter(choices=_DIGITS, coerce=int, label="Money, 5 is most.")

    def filter_customer(
        self, rows: QuerySet[CurrentRfmScore], name: str, value: str
    ) -> QuerySet[Any]:
        customer = by_code(value)
        return rows.filter(customer=customer) if customer else rows.none()
