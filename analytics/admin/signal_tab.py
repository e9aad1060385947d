"""What signals add to the customer page and list: interest, intent, and the timeline."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics.admin import chart
from analytics.admin.timeline_shown import timeline_page
from analytics.models import Signal
from analytics.selectors.activity import Activity, activity
from crm_project.common.admin import TemplateTab
from crm_project.common.registry import customer_page

PERMISSION = "analytics.view_signal"


class TimelineTab(TemplateTab):
    """Orders, contacts and signals of one customer in one list, with how busy they were."""

    model = Signal
    title = "Timeline"
    template_name = "crm/signals_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        cursor = self.request.GET.get("timeline", "")
        return {
            "customer_id": int(key),
            "page": timeline_page(self.request, customer_id=int(key), cursor=cursor),
            "activity": _shown(activity(customer_id=int(key))),
            "later": bool(cursor),
        }


def timeline_view(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Return the next piece of a timeline, for the button at its end."""
    if not request.user.has_perms(["customers.view_customer", PERMISSION]):
        raise PermissionDenied
    cursor = request.GET.get("timeline", "")
    page = timeline_page(request, customer_id=customer_id, cursor=cursor)
    context = {"page": page, "customer_id": customer_id}
    return TemplateResponse(request, "crm/signals_timeline.html", context)


def _shown(found: Activity) -> dict[str, Any]:
    axis = chart.axis_for(found.counts)
    return {
        "bars": chart.bars(found.counts, axis, least=6),
        "first": found.first,
        "total": found.total,
        "most": max(found.counts, default=0),
    }


customer_page.add_tab(TimelineTab, position=5, permission=PERMISSION)
