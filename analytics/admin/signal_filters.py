"""Filters of the signal list. Customer, type, class and days read an index; the others are slow
on their own, and the list gives up after a few seconds and says so."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics.models import SignalType
from crm_project.common.admin.theme import DropdownFilter, RadioFilter, TextFilter
from customers.selectors.customers import by_code
from orders.models import Product


class CustomerFilter(TextFilter):
    """A customer's code, an old code of theirs, or what was sent of somebody unknown."""

    title = "customer code, whole"
    parameter_name = "customer_code"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = asked_text(self.value())
        if not code:
            return queryset
        if customer := by_code(code):
            return queryset.filter(customer=customer)
        return queryset.filter(customer__isnull=True, customer_ref=code)


class TypeFilter(DropdownFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        """Types that are listed, and the one that a link asks for."""
        types = {found.event_type: found.label for found in SignalType.objects.order_by("label")}
        asked = asked_text(request.GET.get(self.parameter_name))
        return [*types.items(), *([(asked, asked)] if asked and asked not in types else [])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = asked_text(self.value())
        return queryset.filter(event_type=name) if name else queryset


class ClassFilter(DropdownFilter):
    """The class belongs to the type, so its types are what is looked for."""

    title = "class"
    parameter_name = "class"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [(value, str(words).capitalize()) for value, words in SignalType.Class.choices
                if value]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = asked_text(self.value())
        if not name:
            return queryset
        types = SignalType.objects.filter(signal_class=name).values_list("event_type", flat=True)
        return queryset.filter(event_type__in=list(types))


class ProductFilter(TextFilter):
    title = "product key, whole"
    parameter_name = "product_key"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = asked_text(self.value())
        if not key:
            return queryset
        known = Product.objects.filter(key=key).values_list("pk", flat=True).first()
        if known is not None:
            return queryset.filter(product=known)
        return queryset.filter(product__isnull=True, product_ref=key)


class SourceFilter(TextFilter):
    title = "source, whole"
    parameter_name = "source"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        source = asked_text(self.value())
        return queryset.filter(source=source) if source else queryset


class ResolvedFilter(RadioFilter):
    """Whether we know whose signal it is."""

    title = "customer known"
    parameter_name = "known"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("1", "Known"), ("0", "Not known yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(customer__isnull=value == "0") if value in {"0", "1"} else queryset


class HistoricalFilter(RadioFilter):
    title = "historical"
    parameter_name = "historical"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("1", "Sent afterwards"), ("0", "Sent as it happened")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(historical=value == "1") if value in {"0", "1"} else queryset


def asked_text(value: str | None) -> str:
    """Return what was typed; PostgreSQL has no NUL, so nothing in it can be looked for with one.

    Nor with half a character, which an address can carry and UTF-8 cannot.
    """
    text = (value or "").strip().replace("\x00", "")
    return text.encode("utf-8", "ignore").decode("utf-8")
