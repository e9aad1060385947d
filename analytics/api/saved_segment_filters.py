from typing import Any

from django_filters.rest_framework import filters, filterset

from analytics.models import SavedSegment
from crm_project.common.api.flags import FlagFilter


class SavedSegmentFilter(filterset.FilterSet):
    """Filters of the list. Archived segments are left out unless they are asked for."""

    q = filters.CharFilter(
        field_name="name", lookup_expr="icontains", label="Part of the name.", max_length=100
    )
    owner = filters.CharFilter(field_name="owner__username", label="This owner's only.")
    failed = FlagFilter(method="filter_failed", label="The last rebuild failed.")
    archived = FlagFilter(field_name="is_archived", label="Archived ones only.")

    class Meta:
        model = SavedSegment
        fields: list[str] = []

    def filter_failed(self, rows: Any, name: str, value: bool) -> Any:
        return rows.exclude(error="") if value else rows.filter(error="")

    def filter_queryset(self, queryset: Any) -> Any:
        found = super().filter_queryset(queryset)  # type: ignore[no-untyped-call]
        if self.form.cleaned_data.get("archived") is None:
            return found.filter(is_archived=False)
        return found
