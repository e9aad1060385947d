"""Filters of the list of recommended products. One run is shown at a time."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from crm_project.common.admin.theme import DropdownFilter, TextFilter
from customers.selectors.customers import by_code
from orders.models import Product
from recommendations.models import Decided, RecoRun, Scenario, Slot
from recommendations.selectors.recommendations import current_run, kept_runs

RUNS = 60
_LONGEST_KEY = 9


def run_asked(request: HttpRequest) -> RecoRun | None:
    """Return the run that the address names, or the current one; None before the first."""
    asked = request.GET.get(RunFilter.parameter_name, "")
    if asked.isdecimal() and len(asked) <= _LONGEST_KEY:
        return kept_runs().filter(pk=int(asked)).select_related("config").first()
    return current_run()


class RunFilter(DropdownFilter):
    title = "run"
    parameter_name = "run"
    all_option = ["", "The current run"]

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [
            (str(run.pk), f"{run.as_of:%-d %b %Y} (run {run.pk})") for run in kept_runs()[:RUNS]
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        run = run_asked(request)
        return queryset.filter(run_id=run.pk) if run else queryset.none()


class _ChoiceFilter(DropdownFilter):
    field = ""
    offered: list[tuple[str, Any]] = []

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(value, str(words).capitalize()) for value, words in self.offered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class ScenarioFilter(_ChoiceFilter):
    title = parameter_name = field = "scenario"
    offered = Scenario.choices


class SlotFilter(_ChoiceFilter):
    title = "kind"
    parameter_name = field = "slot"
    offered = Slot.choices


class StatusFilter(_ChoiceFilter):
    title = parameter_name = field = "status"
    offered = Decided.choices


class RankFilter(_ChoiceFilter):
    title = parameter_name = field = "rank"
    offered = [("1", "first"), ("2", "second"), ("3", "third")]


class CustomerFilter(TextFilter):
    """Reads the index of the list of one customer in one run."""

    title = "customer code, whole"
    parameter_name = "customer_code"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = _asked(self.value())
        if not code:
            return queryset
        customer = by_code(code)
        return queryset.filter(customer=customer) if customer else queryset.none()


class ProductFilter(TextFilter):
    title = "product key, whole"
    parameter_name = "product_key"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = _asked(self.value())
        if not key:
            return queryset
        product = Product.objects.filter(key=key).first()
        return queryset.filter(product=product) if product else queryset.none()


def _asked(value: str | None) -> str:
    return (value or "").strip().replace("\x00", "")
