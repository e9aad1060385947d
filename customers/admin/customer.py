from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from crm_project.common import formats
from crm_project.common.admin import (
    BigListAdmin,
    CrmAdmin,
    CrmTabularInline,
    HistoryAdmin,
    HistoryTab,
    LaterTabsAdmin,
    ReadOnlyAdminMixin,
    ReasonAdmin,
)
from crm_project.common.admin.theme import display
from crm_project.common.registry import BulkAction, Column, customer_page
from crm_project.common.selectors.history import Source
from customers.admin.contact import ContactsTab
from customers.admin.filters import ContactableFilter, CountryFilter
from customers.models import Consent, Customer, CustomerAlias

HISTORY = [
    Source(apps.get_model("customers.CustomerEvent")),
    Source(apps.get_model("customers.ConsentEvent"), "customer_id", "Consent"),
    Source(apps.get_model("customers.ContactBlockEvent"), "customer_id", "Block"),
]
NO_FLAG = "none forbids contact"
NOT_CONTACTABLE = {
    "MERGED_OR_DELETED": "merged or deleted",
    "TEST_ACCOUNT": "test account",
    "OPT_OUT": "opted out",
    "BOUNCED": "mail bounces",
}


class ChangesTab(HistoryTab):
    model = HISTORY[0].events
    sources = HISTORY


class ConsentInline(CrmTabularInline[Consent]):
    model = Consent
    fields = ["channel", "purpose", "status", "source", "decided_at"]


class AliasInline(CrmTabularInline[CustomerAlias]):
    model = CustomerAlias
    verbose_name_plural = "Old codes"
    fields = ["code", "reason", "created_at"]
    readonly_fields = ["created_at"]


customer_page.add_tab(ContactsTab, position=50, permission="customers.view_contactevent")
customer_page.add_tab(ChangesTab, position=90, permission="customers.view_customer")


@admin.register(Customer)
class CustomerAdmin(
    LaterTabsAdmin[Customer], HistoryAdmin[Customer], ReasonAdmin[Customer], BigListAdmin[Customer]
):
    list_display = ["code", "name", "email", "country", "may_contact"]
    list_filter = [CountryFilter, ContactableFilter]
    ordering = ["code"]
    indexed_columns = ("code", "country")
    short_search_field = "code"
    search_help_text = "Code, name or e-mail"
    inlines = [ConsentInline, AliasInline]
    history_sources = HISTORY
    change_form_outer_before_template = "crm/kpis.html"
    readonly_fields = ["may_contact", "created_at", "updated_at"]
    fieldsets = (
        (None, {"fields": ["code", "name", ("email", "phone"), ("country", "language")]}),
        ("Contact flags", {"fields": ["may_contact", ("is_optout", "is_bounced", "is_test")]}),
        ("More", {"fields": ["status", "registered_at", "telegram_id", "profile",
                             ("created_at", "updated_at")]}),
    )  # fmt: skip

    @display(description="Flags", label={NO_FLAG: "success"})
    def may_contact(self, customer: Customer) -> str:
        """Show the flags alone; whether to write now also depends on consents and windows."""
        if customer.contactable:
            return NO_FLAG
        reason = customer.not_contactable_reason
        return NOT_CONTACTABLE.get(reason, reason or formats.NOTHING)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        extra = [_as_display(column) for column in customer_page.columns(request)]
        return [*super().get_list_display(request), *extra]

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [*customer_page.filters(request), *super().get_list_filter(request)]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer what other apps do with ticked customers."""
        extra = customer_page.actions(request)
        return {
            **super().get_actions(request),
            **{one.name: (_as_action(one), one.name, one.description) for one in extra},
        }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """Load what the registered columns show: one query for each kind, none for each row."""
        loads = [column.prefetch for column in customer_page.columns(request) if column.prefetch]
        found: QuerySet[Customer] = super().get_queryset(request)
        return found.prefetch_related(*dict.fromkeys(loads))

    def get_changeform_datasets(self, request: HttpRequest) -> list[type[Any]]:
        return customer_page.tabs(request)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Customer | None = None,
    ) -> HttpResponse:
        context["kpis"] = customer_page.kpis(request, obj) if obj else []
        response: HttpResponse = super().render_change_form(
            request, context, add, change, form_url, obj
        )
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Customers are marked deleted or merged, so that their orders keep an owner."""
        return False


def _as_display(column: Column) -> Callable[[Customer], Any]:
    """Turn a registered column into what Django's list understands."""

    def show(customer: Customer) -> Any:
        return column.value(customer)

    show.__name__ = column.name
    return admin.display(show, description=column.title, ordering=column.ordering or None)


def _as_action(action: BulkAction) -> Callable[[Any, HttpRequest, Any], HttpResponse | None]:
    """Turn a registered action into what Django's list understands."""

    def run(
        modeladmin: Any, request: HttpRequest, queryset: QuerySet[Customer]
    ) -> HttpResponse | None:
        return action.run(request, queryset)

    return run


@admin.register(CustomerAlias)
class CustomerAliasAdmin(ReadOnlyAdminMixin, CrmAdmin[CustomerAlias]):
    list_display = ["code", "customer", "reason", "created_at"]
    list_select_related = ["customer"]
    search_fields = ["code__exact"]
    search_help_text = "The whole old code"
    sortable_by = ["code"]
    list_max_show_all = 0
