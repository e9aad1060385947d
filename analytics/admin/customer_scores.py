"""What the scoring adds to the customer page and list: R, F, M, segment, their history."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.urls import reverse

from analytics.admin.marks import segment_mark
from analytics.models import CurrentRfmScore, RfmScore
from analytics.selectors.rfm import current_run, customer_history
from crm_project.common import formats
from crm_project.common.admin import TemplateTab
from crm_project.common.registry import Column, Kpi, customer_page

PERMISSION = "analytics.view_currentrfmscore"


def _score(customer: Any) -> CurrentRfmScore | None:
    try:
        found: CurrentRfmScore = customer.rfm
    except ObjectDoesNotExist:
        return None
    return found


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield segment, R, F and M of the current run, each saying as of when."""
    run = current_run()
    if run is None:
        yield Kpi("Segment", "not scored yet", note="“Score now” under RFM runs does it.")
        return
    as_of = f"as of {run.as_of:%-d %b %Y}"
    found = CurrentRfmScore.objects.select_related("segment").filter(customer=customer).first()
    if found is None:
        yield Kpi("Segment", "Prospect", note=f"no order counted, {as_of}")
        return
    link = f"{reverse('admin:customers_customer_changelist')}?segment={found.segment.code}"
    yield Kpi("Segment", found.segment.name, note=as_of, href=link)
    yield Kpi("Recency", f"R {found.r}", note=f"{found.recency_days:,} days since the last sale")
    sales = "1 sale" if found.frequency == 1 else f"{found.frequency:,} sales"
    yield Kpi("Frequency", f"F {found.f}", note=sales)
    yield Kpi("Monetary", f"M {found.m}", note=formats.money(found.monetary))


def segment_column(customer: Any) -> Any:
    score = _score(customer)
    return segment_mark(score.segment) if score else formats.NOTHING


def score_column(customer: Any) -> str:
    score = _score(customer)
    return score.code if score else formats.NOTHING


class ScoresTab(TemplateTab):
    """The segment of one customer in every run that is kept."""

    model = RfmScore
    title = "RFM history"
    template_name = "crm/scores_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        return {"history": customer_history(customer_id=int(key))} if key.isdecimal() else {}


customer_page.add_kpis(kpis, position=10, permission=PERMISSION)
customer_page.add_column(
    Column("segment", "Segment", segment_column, "rfm__segment"), position=10, permission=PERMISSION
)
customer_page.add_column(
    Column("rfm_score", "RFM", score_column, "rfm__segment"), position=11, permission=PERMISSION
)
customer_page.add_tab(ScoresTab, position=20, permission=PERMISSION)
