"""What recommendations add to the customer page: what is offered, why, or why nothing."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator

from crm_project.common.admin import TemplateTab
from crm_project.common.registry import Kpi, customer_page
from customers.models import Customer
from recommendations.admin.decisions import DECIDE
from recommendations.admin.explained import shown
from recommendations.models import RecoItem
from recommendations.selectors.recommendations import (
    CustomerList,
    current_run,
    history,
    list_of,
)
from recommendations.selectors.words.components import SCENARIOS, named
from recommendations.selectors.words.refusals import refusals

PERMISSION = "recommendations.view_recoitem"
PAST = 12
_LONGEST_NAME = 40


def _list(request: HttpRequest, customer_id: int) -> CustomerList | None:
    """Read the current list once for a page, or a tab of it."""
    key = f"crm.reco.{customer_id}"
    if key not in request.META:
        run = current_run()
        request.META[key] = list_of(customer_id=customer_id, run=run) if run else None
    found: CustomerList | None = request.META[key]
    return found


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield the first product of the list, or that there is none."""
    found = _list(request, customer.pk)
    if found is None:
        return
    link, as_of = "#dataset-recoitem", f"as of {found.run.as_of:%-d %b %Y}"
    if not found.items:
        yield Kpi("Offer next", "nothing", note=f"{found.nothing.rstrip('.')}; {as_of}", href=link)
        return
    first = found.items[0]
    label = Truncator(first.product.label).chars(_LONGEST_NAME)
    scenario = named(SCENARIOS, first.scenario)
    yield Kpi("Offer next", label, note=f"{scenario}, {as_of}", href=link)


class RecommendationsTab(TemplateTab):
    """The list of the current run with its reasons, and what earlier runs offered."""

    model = RecoItem
    title = "Recommendations"
    template_name = "crm/reco_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        found = _list(self.request, int(key))
        if found is None:
            return {}
        code = Customer.objects.values_list("code", flat=True).get(pk=int(key))
        past = [one for one in history(customer_id=int(key), runs=PAST) if one.run != found.run]
        return {
            "found": found,
            "rows": shown(self.request, found.items),
            "nothing": _nothing(found),
            "past": past,
            "code": code,
            "decide": self._decide(found, code),
        }

    def _decide(self, found: CustomerList, code: str) -> str:
        """Return where somebody with the right decides on the list; empty where there is none."""
        if not found.items or not self.request.user.has_perm(DECIDE):
            return ""
        page = reverse("admin:recommendations_decide", args=[found.run.pk])
        return f"{page}?{urlencode({'customer': code})}"


def _nothing(found: CustomerList) -> list[str]:
    """Return why there is no offer: the rule first, then what each scenario lacks."""
    if found.items:
        return []
    if found.offer is None or found.run.items_dropped_at:
        return [found.nothing]
    return refusals(found.offer.code, found.offer.details)


customer_page.add_kpis(kpis, position=25, permission=PERMISSION)
customer_page.add_tab(RecommendationsTab, position=8, permission=PERMISSION)
