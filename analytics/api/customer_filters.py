"""Filters that analytics adds to the lists of customers and products."""

from typing import Any

from django_filters.rest_framework import filters

from analytics.models import CustomerEmbedding, ProductEmbedding
from analytics.selectors.embeddings import customers_with_status, products_with_status
from crm_project.common.api.filters import add_filter
from customers.api.filters import CustomerFilter
from orders.api.filters import ProductFilter


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


def _products_by_status(rows: Any, name: str, value: str) -> Any:
    return products_with_status(rows, value)


add_filter(
    ProductFilter,
    "embedding_status",
    filters.ChoiceFilter(
        choices=ProductEmbedding.Status.choices,
        method=_products_by_status,
        label="Articles in this state of embedding; pending: all that wait for a vector.",
    ),
)
