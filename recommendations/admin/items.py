"""The products recommended in one run, each with its reasons; read only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm_project.common.admin import BigListAdmin, ReadOnlyAdminMixin
from crm_project.common.admin.bases import ChangeList
from crm_project.common.admin.theme import display
from customers.selectors.customers import by_code
from orders.models import Product
from recommendations.admin.decisions import ItemDecisions
from recommendations.admin.explained import shown
from recommendations.admin.item_filters import (
    CustomerFilter,
    ProductFilter,
    RankFilter,
    RunFilter,
    ScenarioFilter,
    SlotFilter,
    StatusFilter,
    run_asked,
)
from recommendations.admin.why_not_page import why_not_view
from recommendations.models import RecoItem
from recommendations.selectors.explanations import explain_short
from recommendations.selectors.recommendations import item
from recommendations.selectors.run_counts import excluded, statuses
from recommendations.selectors.words.components import SCENARIOS, SLOTS, named
from recommendations.selectors.words.refusals import refusal

_LONGEST_ID = 18
_FOUND = 50


class _ItemList(ChangeList):
    """Explains the rows of a page together: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        for row, words in zip(self.result_list, explain_short(self.result_list), strict=True):
            row.short = words


@admin.register(RecoItem)
class RecoItemAdmin(ReadOnlyAdminMixin, ItemDecisions, BigListAdmin[RecoItem]):
    list_display = ["who", "rank", "what", "scenario_shown", "slot_shown", "score_shown",
                    "why", "status_shown"]  # fmt: skip
    list_display_links = ["what"]
    list_filter = [RunFilter, ScenarioFilter, SlotFilter, StatusFilter, RankFilter, CustomerFilter,
                   ProductFilter]  # fmt: skip
    list_select_related = ["customer", "product"]
    ordering = ["id"]
    indexed_columns = ()
    search_help_text = "Customer code, or words of a product"
    list_before_template = "crm/reco_items_before.html"
    change_form_outer_before_template = "crm/reco_item.html"
    fields = ["who", "what", "run", "rank", "status_shown", "decided_by", "decided_at"]
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        page = path("why-not/", wrap(why_not_view), name="recommendations_why_not")
        return [page, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _ItemList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Open the partition that the id names, and no other."""
        if not object_id.isdecimal() or len(object_id) > _LONGEST_ID:
            return None
        return item(item_id=int(object_id))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a customer by the whole code, else products by words."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        if customer := by_code(term):
            return queryset.filter(customer=customer), False
        products = Product.objects.search(term).values_list("pk", flat=True)[:_FOUND]
        return queryset.filter(product_id__in=list(products)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = run_asked(request)
        context = {"run": run, **(_counts(run) if run else {}), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        found = context.get("original")
        if found:
            context["row"] = shown(request, [found])[0]
            context["title"] = f"{found.rank}. {found.product.label}"
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description="Customer")
    def who(self, found: RecoItem) -> SafeString:
        href = reverse("admin:customers_customer_change", args=[found.customer_id])
        link = f"{href}#dataset-recoitem"
        return format_html('<a class="crm-link" href="{}">{}</a>', link, found.customer.code)

    @admin.display(description="Product")
    def what(self, found: RecoItem) -> str:
        return str(found.product)

    @display(description="Scenario", label=True)
    def scenario_shown(self, found: RecoItem) -> str:
        return named(SCENARIOS, found.scenario)

    @admin.display(description="Kind")
    def slot_shown(self, found: RecoItem) -> str:
        return named(SLOTS, found.slot)

    @admin.display(description="Score")
    def score_shown(self, found: RecoItem) -> SafeString:
        return format_html(
            '<span class="crm-score"><span class="crm-score-bar"><i style="width:{}%"></i></span>'
            "{}</span>",
            round(found.score),
            f"{found.score:.0f}",
        )

    @admin.display(description="Why")
    def why(self, found: RecoItem) -> str:
        return str(getattr(found, "short", ""))

    @display(
        description="Status",
        label={"approved": "success", "rejected": "danger", "flagged": "warning"},
    )
    def status_shown(self, found: RecoItem) -> str:
        return found.status


def _counts(run: Any) -> dict[str, Any]:
    """Return how many items have which status, and how many customers got nothing, and why."""
    without = excluded(run=run, stage="offer")
    return {
        "by_status": sorted(statuses(run=run).items()),
        "without": [(refusal(code).rstrip("."), number) for code, number in without.items()],
        "without_total": sum(without.values()),
    }
