"""What embeddings add to the customer's page and list: who is alike and why, and an action."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from analytics.admin.embeddings import start_run
from analytics.models import CurrentRfmScore, CustomerEmbedding
from analytics.selectors.embeddings import customers_with_status
from analytics.selectors.similar import Neighbour, similar_customers
from crm_project.common.admin import TemplateTab
from crm_project.common.admin.theme import RadioFilter
from crm_project.common.exceptions import NotReadyError
from crm_project.common.registry import BulkAction, customer_page

PERMISSION = "analytics.view_customerembedding"
SHOWN = 10
SOME_ORDERS = 3


class SimilarTab(TemplateTab):
    """The customers whose taste is most like this one's, with what they have in common."""

    model = CustomerEmbedding
    title = "Similar customers"
    template_name = "crm/similar_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        asked = self.request.GET.get("similar", "")
        segment = _segment_of(int(key))
        try:
            found = similar_customers(
                customer_id=int(key),
                k=SHOWN,
                segment=segment if asked == "segment" else None,
                min_orders=SOME_ORDERS if asked == "orders" else None,
            )
        except NotReadyError as error:
            return {"why": str(error)}
        choices = [("", "Everybody"), ("orders", f"At least {SOME_ORDERS} orders")]
        if segment is not None:
            choices.insert(1, ("segment", "Same segment"))
        return {
            "found": found,
            # Below zero they are less alike than two customers drawn at random.
            "rows": [_shown(one) for one in found.neighbours if one.likeness > 0],
            "choices": choices,
            "asked": asked,
        }


def _segment_of(customer_id: int) -> str | None:
    scores = CurrentRfmScore.objects.filter(customer_id=customer_id)
    return scores.values_list("segment__code", flat=True).first()


def _shown(one: Neighbour) -> dict[str, Any]:
    return {
        "neighbour": one,
        "href": reverse("admin:customers_customer_change", args=[one.customer.pk]),
        "percent": max(0, round(100 * one.likeness)),
    }


class EmbeddingFilter(RadioFilter):
    """Customers by what has become of their embedding."""

    title = "embedding"
    parameter_name = "embedding"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("pending", "Waits"), ("done", "Done"), ("failed", "Failed"),
                ("empty", "Nothing known")]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return customers_with_status(queryset, self.value() or "") if self.value() else queryset


def embed_ticked(request: HttpRequest, rows: Any) -> HttpResponse:
    """Embed the ticked customers, also those who were before."""
    return start_run(request, customers=sorted(rows.values_list("pk", flat=True)))


customer_page.add_tab(SimilarTab, position=30, permission=PERMISSION)
customer_page.add_filter(EmbeddingFilter, position=30, permission=PERMISSION)
customer_page.add_action(
    BulkAction("embed_customers", "Embed the selected customers", embed_ticked),
    position=30,
    permission="analytics.change_customerembedding",
)
