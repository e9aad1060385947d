from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from crm_project.common import formats
from crm_project.common.admin import (
    CrmAdmin,
    CrmTabularInline,
    HistoryAdmin,
    HistoryTab,
    ReadOnlyAdminMixin,
    ReasonAdmin,
)
from crm_project.common.admin.theme import BaseDataset, TextFilter, display
from crm_project.common.registry import customer_page
from crm_project.common.selectors.history import Source
from orders.models import Order, OrderItem

HISTORY = [
    Source(apps.get_model("orders.OrderEvent")),
    Source(apps.get_model("orders.OrderItemEvent"), "order_id", "Line"),
]
KINDS = {"sale": "success", "return": "warning"}
STATUSES = {"paid": "info", "fulfilled": "success", "cancelled": "danger"}


class ChangesTab(HistoryTab):
    model = HISTORY[0].events
    sources = HISTORY


class ItemInline(CrmTabularInline[OrderItem]):
    model = OrderItem
    verbose_name_plural = "Lines"
    fields = ["ordinal", "product", "quantity", "unit_price", "discount_amount", "tax_amount",
              "net_amount"]  # fmt: skip
    readonly_fields = ["net_amount"]
    raw_id_fields = ["product"]
    per_page = 25

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderItem]:
        found: QuerySet[OrderItem] = super().get_queryset(request)
        return found.select_related("product")


class _ExactFilter(TextFilter):
    """A text to compare with a whole field that has an index."""

    field = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class CustomerFilter(_ExactFilter):
    title = "customer code"
    parameter_name = "customer_code"
    field = "customer__code"


class BatchFilter(_ExactFilter):
    """Orders that came with one import."""

    title = "import number"
    parameter_name = "batch"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(batch_id=int(value)) if value.isdecimal() else queryset.none()


class OrderDisplay:
    """Columns that the order list and the customer's tab share."""

    @display(description="Kind", label=KINDS)
    def shown_kind(self, order: Order) -> str:
        return order.kind

    @display(description="Status", label=STATUSES)
    def shown_status(self, order: Order) -> str:
        return order.status

    @admin.display(description="Net amount", ordering="net_amount")
    def net(self, order: Order) -> str:
        amount = formats.money(order.net_amount, order.currency)
        return f"{formats.MINUS}{amount}" if order.kind == Order.Kind.RETURN else amount


@admin.register(Order)
class OrderAdmin(OrderDisplay, HistoryAdmin[Order], ReasonAdmin[Order]):
    list_display = ["number", "customer", "ordered_at", "shown_kind", "shown_status", "net",
                    "channel", "source"]  # fmt: skip
    list_select_related = ["customer"]
    list_filter = [CustomerFilter, BatchFilter, "kind", "status"]
    paginator = InfinitePaginator
    list_disable_select_all = True
    ordering = ["-ordered_at", "-id"]
    sortable_by = ["ordered_at"]
    search_fields = ["number__startswith"]
    search_help_text = "Beginning of the number"
    raw_id_fields = ["customer"]
    inlines = [ItemInline]
    history_sources = HISTORY
    readonly_fields = ["from_import", "created_at", "updated_at"]
    fieldsets = (
        (None, {"fields": [("source", "number"), "customer", "ordered_at",
                           ("kind", "status"), "channel"]}),
        ("Money", {"fields": [("currency", "net_amount", "gross_amount")]}),
        ("Origin", {"fields": ["from_import", ("created_at", "updated_at")]}),
    )  # fmt: skip

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_changeform_datasets(self, request: HttpRequest) -> list[type[Any]]:
        return [ChangesTab]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders are history: they are cancelled or returned, never deleted."""
        return False

    @admin.display(description="Import")
    def from_import(self, order: Order) -> SafeString | str:
        if order.batch_id is None:
            return "entered by hand or over the API"
        url = reverse("admin:customers_importbatch_change", args=[order.batch_id])
        return format_html('<a href="{}">Import {}</a>', url, order.batch_id)


class _OrdersTabAdmin(OrderDisplay, ReadOnlyAdminMixin, CrmAdmin[Order]):
    list_display = ["number", "ordered_at", "shown_kind", "shown_status", "net", "channel"]
    list_per_page = 10
    sortable_by: list[str] = []
    search_fields = ["number__startswith"]
    ordering = ["-ordered_at", "-id"]
    extra_context: dict[str, Any]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        found: QuerySet[Order] = super().get_queryset(request)
        return found.filter(customer_id=self.extra_context["object"])


class OrdersTab(BaseDataset):
    """Orders of one customer, newest first, in pages."""

    model = Order
    model_admin = _OrdersTabAdmin
    tab = True
    title = "Orders"


customer_page.add_tab(OrdersTab, position=10, permission="orders.view_order")
