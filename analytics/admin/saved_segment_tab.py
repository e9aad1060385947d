"""What saved segments add to the customer page and list: which ones somebody is in."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics.models import SavedSegment, SavedSegmentMember
from analytics.selectors.saved_segments import segments_of
from crm_project.common import formats
from crm_project.common.admin import TemplateTab
from crm_project.common.admin.theme import DropdownFilter
from crm_project.common.registry import Column, customer_page

PERMISSION = "analytics.view_savedsegment"
SHOWN = 3


class SavedSegmentFilter(DropdownFilter):
    """Members of a saved segment, as its last rebuild found them."""

    title = "saved segment"
    parameter_name = "saved"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return list(SavedSegment.objects.active().values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Ask for the segment's key first: the planner then knows how many members it has."""
        wanted = self.value()
        if not wanted:
            return queryset
        segment = SavedSegment.objects.active().filter(slug=wanted).first()
        if segment is None:
            return queryset.none()
        members = SavedSegmentMember.objects.filter(segment=segment)
        return queryset.filter(pk__in=members.values("customer_id"))


def names(customer: Any) -> str:
    """Return the first few names, and how many more there are."""
    found = sorted(member.segment.name for member in customer.saved_memberships.all())
    more = len(found) - SHOWN
    shown = ", ".join(found[:SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown or formats.NOTHING


class SavedSegmentsTab(TemplateTab):
    """The saved segments of one customer, and since when."""

    model = SavedSegmentMember
    title = "Saved segments"
    template_name = "crm/saved_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        members = list(segments_of(int(key)).select_related("segment", "customer"))
        return {"members": members, "others": SavedSegment.objects.active().exists()}


customer_page.add_filter(SavedSegmentFilter, position=15, permission=PERMISSION)
customer_page.add_column(
    Column("saved_segments", "Saved segments", names, "saved_memberships__segment"),
    position=15,
    permission=PERMISSION,
)
customer_page.add_tab(SavedSegmentsTab, position=25, permission=PERMISSION)
