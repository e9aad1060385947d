"""May we write to a customer, and when did we."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from crm_project.common.admin import (
    CrmAdmin,
    HistoryAdmin,
    ReadOnlyAdminMixin,
    ReasonAdmin,
)
from crm_project.common.admin.theme import BaseDataset, display
from crm_project.common.selectors.history import Source
from customers.models import Campaign, Consent, ContactEvent

_STATUS = {
    "delivered": "success", "opened": "success", "clicked": "success", "received": "info",
    "bounced": "danger", "failed": "danger",
}  # fmt: skip


@admin.register(Campaign)
class CampaignAdmin(HistoryAdmin[Campaign], ReasonAdmin[Campaign]):
    list_display = ["name", "code", "channel", "purpose", "contact_at", "starts_at", "ends_at",
                    "cost"]  # fmt: skip
    list_filter = ["channel", "purpose"]
    search_fields = ["code", "name"]
    search_help_text = "Code or name"
    prepopulated_fields = {"code": ["name"]}
    fieldsets = (
        (None, {"fields": ["name", "code", ("channel", "purpose")]}),
        ("When", {"fields": ["contact_at", "starts_at", "ends_at"]}),
        ("What it costs, and how its effect is measured", {"fields": [
            "cost", ("holdout_share", "window_days")]}),
    )  # fmt: skip
    history_sources = [Source(apps.get_model("customers.CampaignEvent"))]


@admin.register(ContactEvent)
class ContactEventAdmin(ReadOnlyAdminMixin, CrmAdmin[ContactEvent]):
    """Contacts come from the sending systems; nobody types them in."""

    list_display = ["occurred_at", "customer", "channel", "direction", "purpose", "state",
                    "campaign"]  # fmt: skip
    list_select_related = ["customer", "campaign"]
    list_filter = ["channel", "direction", "status"]
    paginator = InfinitePaginator
    search_fields = ["customer__code__exact", "external_id__exact"]
    search_help_text = "Customer code or message id, whole"
    ordering = ["-id"]
    sortable_by = ["id"]

    @display(description="Status", label=_STATUS)
    def state(self, contact: ContactEvent) -> str:
        return contact.status


@admin.register(Consent)
class ConsentAdmin(HistoryAdmin[Consent], ReasonAdmin[Consent]):
    list_display = ["customer", "channel", "purpose", "state", "source", "decided_at"]
    list_select_related = ["customer"]
    list_filter = ["channel", "purpose", "status"]
    paginator = InfinitePaginator
    search_fields = ["customer__code__exact"]
    search_help_text = "Customer code, whole"
    raw_id_fields = ["customer"]
    ordering = ["customer_id", "channel", "purpose"]
    sortable_by = ["customer_id"]
    history_sources = [Source(apps.get_model("customers.ConsentEvent"))]

    @display(
        description="Status",
        label={"granted": "success", "denied": "danger", "withdrawn": "warning"},
    )
    def state(self, consent: Consent) -> str:
        return consent.status


class _ContactsTabAdmin(ReadOnlyAdminMixin, CrmAdmin[ContactEvent]):
    list_display = ["occurred_at", "channel", "direction", "purpose", "state", "campaign"]
    list_per_page = 10
    sortable_by: list[str] = []
    ordering = ["-occurred_at"]
    extra_context: dict[str, Any]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactEvent]:
        found: QuerySet[ContactEvent] = super().get_queryset(request)
        return found.filter(customer_id=self.extra_context["object"]).select_related("campaign")

    @display(description="Status", label=_STATUS)
    def state(self, contact: ContactEvent) -> str:
        return contact.status


class ContactsTab(BaseDataset):
    """Contacts of one customer, newest first, in pages."""

    model = ContactEvent
    model_admin = _ContactsTabAdmin
    tab = True
    title = "Contacts"
