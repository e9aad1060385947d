"""Schedules (django-celery-beat) in the theme's clothes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin as BasePeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from crm_project.common import formats
from crm_project.common.admin.bases import CrmAdmin
from crm_project.common.admin.theme import display

for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)


# Its attributes are typed as tuples of a fixed length; ours are longer or shorter.
_PeriodicTaskAdmin: Any = BasePeriodicTaskAdmin


class _TaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of known tasks, drawn by the theme."""


class ScheduleForm(PeriodicTaskForm):
    """The package's form (it checks the JSON and the task's name) with the theme's widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, widget in (("regtask", _TaskWidget), ("task", UnfoldAdminTextInputWidget)):
            if name in self.fields:
                self.fields[name].widget = widget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(_PeriodicTaskAdmin, CrmAdmin[PeriodicTask]):  # type: ignore[misc]
    form = ScheduleForm
    list_display = ["name", "is_on", "when", "last_run_at", "total_run_count"]
    list_filter = ["enabled"]
    date_hierarchy = None
    change_form_template = None
    actions = ["enable_tasks", "disable_tasks", "run_tasks"]
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (
            "When it runs (choose one)",
            {"fields": ("crontab", "interval", "clocked", "one_off", "start_time", "last_run_at")},
        ),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ["collapse"]}),
        ("Expiry", {"fields": ("expires", "expire_seconds", "queue"), "classes": ["collapse"]}),
    )
    readonly_fields = ("last_run_at",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer nothing to who may only look: the package's actions ask for no right at all."""
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_change_permission(request):
            return actions
        return {name: found for name, found in actions.items() if name not in self.actions}

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name in {"args", "kwargs"}:
            kwargs["widget"] = UnfoldAdminTextInputWidget()
        field: forms.Field | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        return field

    @display(description="On", boolean=True, ordering="enabled")
    def is_on(self, task: PeriodicTask) -> bool:
        return bool(task.enabled)

    @admin.display(description="When")
    def when(self, task: PeriodicTask) -> str:
        schedule = task.crontab or task.interval or task.clocked or task.solar
        return str(getattr(schedule, "human_readable", schedule or formats.NOTHING))


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(CrmAdmin[CrontabSchedule]):
    list_display = ["__str__", "human_readable"]


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(CrmAdmin[IntervalSchedule]):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(CrmAdmin[ClockedSchedule]):
    pass
