"""Settings of the recommendations."""

from django.contrib import admin

from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin
from recommendations.models import RecoConfig


@admin.register(RecoConfig)
class RecoConfigAdmin(ReadOnlyAdminMixin, CrmAdmin[RecoConfig]):
    list_display = ["name", "status", "created_by", "created_at"]
    list_select_related = ["created_by"]
