"""What signals add to the customer page and list: interest, intent, and the timeline."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from analytics.admin.signal_marks import types_by_name
from analytics.admin.timeline_shown import timeline_page
from analytics.models import Signal, SignalScore
from analytics.scoring.signal_scores import STRONG_INTENT
from analytics.selectors.activity import Activity, activity
from analytics.selectors.signal_scores import LiveScore, live_score
from crm_project.common import formats
from crm_project.common.admin import TemplateTab
from crm_project.common.admin.theme import RadioFilter
from crm_project.common.charts import columns as chart
from crm_project.common.registry import Column, Kpi, customer_page

PERMISSION = "analytics.view_signal"
STRONG = Decimal(str(STRONG_INTENT))
REASONS = 5
_NEARLY_ALL = Decimal("0.995")


def interest_words(score: Decimal) -> str:
    """Return an account's score as people read it: 0 to 100, which is never quite reached."""
    return ">99" if score >= _NEARLY_ALL else f"{score * 100:.0f}"


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield interest and, where there is any, intent: computed now, from the signals."""
    live = _live(request, customer.pk)
    if live.last_signal_at is None:
        yield Kpi("Interest", "no signals", note="none of their own that still counts")
        return
    number = live.signals_90d
    count = f"{number:,} signal{'s' if number != 1 else ''} in 90 days, as of now"
    intent = f"{'strong ' if live.strong_intent else ''}intent {live.intent:.2f}; "
    yield Kpi(
        "Interest",
        f"{interest_words(live.score)} of 100",
        note=f"{intent if live.intent else ''}{count}",
        href="#dataset-signal",
        tone="crm-hot" if live.strong_intent else "",
    )


def _live(request: HttpRequest, customer_id: int) -> LiveScore:
    """Compute the score once for a page, or a tab of it."""
    key = f"crm.live_score.{customer_id}"
    if key not in request.META:
        request.META[key] = live_score(customer_id, reasons=REASONS)
    found: LiveScore = request.META[key]
    return found


def _stored(customer: Any) -> SignalScore | None:
    try:
        found: SignalScore = customer.signal_score
    except ObjectDoesNotExist:
        return None
    return found


def interest_column(customer: Any) -> str:
    """The score of the last night: a list cannot compute every customer's."""
    found = _stored(customer)
    return interest_words(found.score) if found else formats.NOTHING


class InterestFilter(RadioFilter):
    """Customers by their score of the last night."""

    title = "interest, last night"
    parameter_name = "interest"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("intent", "Strong intent"), ("high", "Interest of 50 or more"), ("any", "Any")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "intent": Q(signal_score__intent__gte=STRONG),
            "high": Q(signal_score__score__gte=Decimal("0.5")),
            "any": Q(signal_score__score__gt=0),
        }.get(self.value() or "")
        return queryset.filter(wanted) if wanted else queryset


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
            "reasons": _reasons(_live(self.request, int(key))),
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


def _reasons(live: LiveScore) -> list[dict[str, Any]]:
    """Return what the interest comes from, the strongest first, with what is left of it."""
    types = types_by_name() if live.reasons else {}
    return [
        {
            "label": types[part.event_type].label if part.event_type in types else part.event_type,
            "at": part.occurred_at,
            "score": part.score,
            "left": part.left,
            "width": round(part.left * 100),
        }
        for part in live.reasons
    ]


def _shown(found: Activity) -> dict[str, Any]:
    axis = chart.axis_for(found.counts)
    return {
        "bars": chart.bars(found.counts, axis, least=6),
        "first": found.first,
        "total": found.total,
        "most": max(found.counts, default=0),
    }


customer_page.add_kpis(kpis, position=15, permission=PERMISSION)
customer_page.add_column(
    Column("interest", "Interest", interest_column, "signal_score", "signal_score__score"),
    position=15,
    permission=PERMISSION,
)
customer_page.add_filter(InterestFilter, position=15, permission=PERMISSION)
customer_page.add_tab(TimelineTab, position=5, permission=PERMISSION)
