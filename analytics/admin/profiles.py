"""Stored profiles as a list, and the button that brings them up to date."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldBooleanSwitchWidget

from analytics.models import CustomerProfile
from crm_project.common import formats, tasks
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.theme import BaseDialogForm, action
from crm_project.common.services import jobs


class RefreshForm(BaseDialogForm):
    """Whether to look at everybody."""

    full = forms.BooleanField(
        label="Everybody, not only those with changes",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )


@admin.register(CustomerProfile)
class CustomerProfileAdmin(ReadOnlyAdminMixin, CrmAdmin[CustomerProfile]):
    """What customers buy; the page of a customer shows all of it."""

    list_display = ["customer", "orders", "average_order", "gap", "top_family", "last_product",
                    "as_of"]  # fmt: skip
    list_select_related = ["customer", "last_product"]
    paginator = InfinitePaginator
    ordering = ["customer_id"]
    sortable_by: list[str] = []
    search_fields = ["customer__code__exact"]
    search_help_text = "Customer code, whole"
    actions_list = ["refresh_now"]

    def has_refresh_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("analytics.change_customerprofile")

    @action(
        description="Refresh now",
        permissions=["refresh"],
        icon="refresh",
        dialog={
            "title": "Refresh the profiles",
            "description": "Computes customers whose orders or articles changed, in the "
            "background. Everybody goes on seeing the former profiles until it is done.",
            "form_class": RefreshForm,
            "form_submit_text": "Refresh now",
        },
    )
    def refresh_now(self, request: HttpRequest, form: RefreshForm) -> HttpResponse:
        job = jobs.create_job(
            kind="refresh_profiles",
            params={"full": form.cleaned_data["full"]},
            user=person(request),
            request_id=request.META.get("crm.request_id", ""),
        )
        tasks.enqueue(job)
        messages.success(request, "The refresh is in the queue.")
        if request.user.has_perm("common.view_job"):
            return done(request, reverse("admin:common_job_change", args=[job.pk]))
        return done(request, reverse("admin:analytics_customerprofile_changelist"))

    @admin.display(description="Average order")
    def average_order(self, row: CustomerProfile) -> str:
        return formats.money(row.average_order_value)

    @admin.display(description="Days between orders")
    def gap(self, row: CustomerProfile) -> str:
        return formats.NOTHING if row.median_gap_days is None else f"{row.median_gap_days:,.0f}"

    @admin.display(description="Main family")
    def top_family(self, row: CustomerProfile) -> str:
        if not row.families:
            return formats.NOTHING
        return f"{row.families[0]['value']} ({row.families[0]['share']:.0%})"
