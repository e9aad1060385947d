from crm_project.common.admin import backups, jobs, people, refresh, schedules, tokens
from crm_project.common.admin.bases import (
    BigListAdmin,
    CrmAdmin,
    CrmTabularInline,
    ReadOnlyAdminMixin,
    ReasonAdmin,
    ReasonForm,
    done,
    person,
    remember_reason,
)
from crm_project.common.admin.history import HistoryAdmin, HistoryTab
from crm_project.common.admin.tabs import LaterTabsAdmin, TemplateTab

__all__ = [
    "BigListAdmin",
    "CrmAdmin",
    "CrmTabularInline",
    "HistoryAdmin",
    "HistoryTab",
    "LaterTabsAdmin",
    "ReadOnlyAdminMixin",
    "ReasonAdmin",
    "ReasonForm",
    "TemplateTab",
    "backups",
    "done",
    "jobs",
    "people",
    "person",
    "refresh",
    "remember_reason",
    "schedules",
    "tokens",
]
