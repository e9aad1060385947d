"""The shop's rules about contact, and the customers who are left alone."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from crm_project.common.admin import (
    CrmTabularInline,
    HistoryAdmin,
    ReasonAdmin,
    ReasonForm,
    done,
    remember_reason,
)
from crm_project.common.admin.theme import BaseDialogForm, RadioFilter, action, display
from crm_project.common.exceptions import CrmError
from crm_project.common.middleware import REASON_FIELD, REASON_LENGTH
from crm_project.common.selectors.history import Source
from customers.models import Channel, ContactBlock, ContactPolicy, Customer, SilenceOverride
from customers.services.blocks import block, change_block, lift


class PolicyForm(ReasonForm):
    """Channels that need a consent are ticked, not typed."""

    consent_channels = forms.MultipleChoiceField(
        choices=Channel.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="On these channels marketing needs a granted consent. A refused or withdrawn one"
        " is obeyed on every channel.",
    )


class OverrideInline(CrmTabularInline[SilenceOverride]):
    model = SilenceOverride
    tab = False
    fields = ["scenario", "channel", "days"]
    verbose_name_plural = "Exceptions from the silence window: the one that fits best counts"


@admin.register(ContactPolicy)
class ContactPolicyAdmin(HistoryAdmin[ContactPolicy], ReasonAdmin[ContactPolicy]):
    """One row, which stands in the place of the list."""

    form = PolicyForm
    inlines = [OverrideInline]
    change_form_before_template = "crm/policy_before.html"
    history_sources = [
        Source(apps.get_model("customers.ContactPolicyEvent")),
        Source(apps.get_model("customers.SilenceOverrideEvent"), "policy_id", "Exception"),
    ]
    fieldsets = (
        ("How soon, how often", {"fields": [
            "silence_window_days", ("frequency_cap", "frequency_days"), "recent_order_days"]}),
        ("When", {"fields": [("quiet_from", "quiet_until")]}),
        ("With whose consent", {"fields": ["consent_channels"]}),
        ("Who is left out to measure the effect", {"fields": [
            "holdout_share", "holdout_rotates", "holdout_salt"]}),
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found: HttpResponse = self.changeform_view(
            request, str(ContactPolicy.ONLY), extra_context=extra_context
        )
        return found


class ActiveFilter(RadioFilter):
    title = "in force"
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        return [("1", "In force now"), ("0", "Over, or still to come")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        in_force = Q(since__lte=now) & (Q(until=None) | Q(until__gt=now))
        if self.value() is None:
            return queryset
        return queryset.filter(in_force if self.value() == "1" else ~in_force)


class LiftForm(BaseDialogForm):
    """Why the customer may be contacted again; kept in the history."""

    change_reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget,
    )


class BlockForm(ReasonForm):
    """A merged customer is refused before anything is stored."""

    def clean_customer(self) -> Customer:
        customer: Customer = self.cleaned_data["customer"]
        if customer.status == Customer.Status.MERGED:
            raise forms.ValidationError(
                "This customer was merged into another; block contact with that one."
            )
        return customer


@admin.register(ContactBlock)
class ContactBlockAdmin(HistoryAdmin[ContactBlock], ReasonAdmin[ContactBlock]):
    """Opt-outs, bounces and pauses. What was stored stays; only its end can be moved."""

    form = BlockForm
    list_display = ["customer", "kind_shown", "where", "reason", "source", "since", "ends"]
    list_select_related = ["customer"]
    list_filter = ["kind", "channel", ActiveFilter]
    paginator = InfinitePaginator
    search_fields = ["customer__code__exact"]
    search_help_text = "Customer code, whole"
    raw_id_fields = ["customer"]
    ordering = ["-id"]
    sortable_by = ["id"]
    actions_detail = ["lift_now"]
    history_sources = [Source(apps.get_model("customers.ContactBlockEvent"))]
    fieldsets = (
        (None, {"fields": ["customer", ("kind", "channel"), ("reason", "source"),
                           "since", "until"]}),
    )  # fmt: skip

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A block is ended, not deleted: what was true then stays readable."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["customer", "kind", "channel", "reason", "source", "since"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        name = request.user.get_username()
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"since": timezone.now(), "source": f"staff: {name}"[:100], **initial}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        remember_reason(form.cleaned_data.get(REASON_FIELD, ""))
        if change:
            change_block(block_id=obj.pk, until=obj.until)
            return
        names = ("kind", "reason", "channel", "source", "since", "until")
        made = block(customer_id=obj.customer_id, **{name: getattr(obj, name) for name in names})
        obj.pk = made.block.pk
        if not made.is_new:
            messages.info(request, "The same was stored before; nothing was added.")

    def has_lift_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("customers.change_contactblock")

    @action(
        description="Lift now",
        permissions=["lift"],
        icon="lock_open",
        dialog={
            "title": "Lift this block?",
            "description": "Contact is allowed again from now on, if nothing else speaks against"
            " it. What was stored stays readable.",
            "form_class": LiftForm,
            "form_submit_text": "Lift",
        },
    )
    def lift_now(self, request: HttpRequest, form: LiftForm, object_id: str) -> HttpResponse:
        found = get_object_or_404(ContactBlock, pk=object_id)
        try:
            remember_reason(form.cleaned_data.get(REASON_FIELD, ""))
            lift(block_id=found.pk)
        except CrmError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "It is lifted; contact is allowed again from now on.")
        return done(request, reverse("admin:customers_contactblock_change", args=[found.pk]))

    @display(description="Kind", label={"opted out": "danger", "address bounces": "warning"})
    def kind_shown(self, found: ContactBlock) -> str:
        return found.get_kind_display()

    @display(description="Channel")
    def where(self, found: ContactBlock) -> str:
        return found.get_channel_display() or "all channels"

    @display(description="Until")
    def ends(self, found: ContactBlock) -> Any:
        return found.until or "for good"
