"""How fresh a computed number is."""

from datetime import datetime

from crm_project.common.models import RefreshState


def refreshed_at(name: str) -> datetime | None:
    """Return when a step last succeeded; None if it never did."""
    newest = (
        RefreshState.objects.filter(name=name, error="", finished_at__isnull=False)
        .order_by("-started_at")
        .first()
    )
    return newest.finished_at if newest else None


def step_of(view: str) -> str:
    """Return what the ledger calls the refresh of a materialized view, in words for people.

    >>> step_of("analytics_revenuebymonth")
    'revenue by month'
    """
    return _STEPS[view]


_STEPS = {
    "analytics_revenuebymonth": "revenue by month",
    "analytics_rfmgrid": "recency by frequency grid",
    "analytics_segmentsummary": "customers by segment",
}
