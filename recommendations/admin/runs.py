"""Runs of the recommendations."""

from django.contrib import admin

from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from recommendations.models import RecoRun


@admin.register(RecoRun)
class RecoRunAdmin(ReadOnlyAdminMixin, CrmAdmin[RecoRun]):
    list_display = ["as_of", "status", "mode", "created_by", "started_at"]
    list_select_related = ["created_by"]
