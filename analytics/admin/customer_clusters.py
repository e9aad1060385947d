"""What the segmentations add to the customer page: the groups a customer is in, by name."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from analytics.models import Segmentation
from analytics.selectors.segmentations import clusters_of
from crm_project.common.registry import Kpi, customer_page

PERMISSION = "analytics.view_currentcluster"

TITLES = {
    Segmentation.Kind.RFM: "Behaviour group",
    Segmentation.Kind.TASTE: "Taste group",
    Segmentation.Kind.BOTH: "Behaviour and taste",
}
"""The segments of the RFM map have a figure of their own."""


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield the current group of each kind, saying as of when."""
    for row in clusters_of(customer.pk):
        title = TITLES.get(Segmentation.Kind(row.kind))
        if title:
            note = f"group {row.number}, as of {row.segmentation.as_of:%-d %b %Y}"
            yield Kpi(title, row.cluster.name, note=note)


customer_page.add_kpis(kpis, position=30, permission=PERMISSION)
