"""Filters that analytics adds to the list of customers."""

from typing import Any

from django_filters.rest_framework import filters

from analytics.models import CustomerEmbedding
from analytics.selectors.embeddings import customers_with_status
from crm_project.common.api.filters import add_filter
from customers.api.filters import CustomerFilter


def _by_status(rows: Any, name: str, value: str) -> Any:
    return customers_with_status(rows, value)


add_filter(
    CustomerFilter,
    "embedding_status",
    filters.ChoiceFilter(
        choices=CustomerEmbedding.Status.choices,
        method=_by_status,
        label="Active customers in this state of embedding; pending: all who wait for a vector.",
    ),
)
