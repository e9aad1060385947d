"""Jobs: what runs, how far it is, what failed; retry and cancel."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from crm_project.common import formats, tasks
from crm_project.common.admin.bases import CrmAdmin, ReadOnlyAdminMixin, done
from crm_project.common.admin.progress import job_progress
from crm_project.common.admin.theme import action, display
from crm_project.common.exceptions import CrmError
from crm_project.common.models import Job
from crm_project.common.services import jobs

STATUS_COLOURS = {
    "queued": "info",
    "running": "info",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "warning",
}


@admin.register(Job)
class JobAdmin(ReadOnlyAdminMixin, CrmAdmin[Job]):
    list_display = ["what", "state", "progress", "message", "created_by", "created_at", "took"]
    list_select_related = ["created_by"]
    list_filter = ["status"]
    ordering = ["-created_at"]
    sortable_by = ["created_at"]
    search_fields = ["kind", "request_id"]
    search_help_text = "Kind or request id"
    fields = [
        "what", "state", "created_by", "created_at", "started_at", "finished_at", "took",
        "attempts", "request_id", "shown_params", "shown_result", "error",
    ]  # fmt: skip
    readonly_fields = fields
    actions_detail = ["retry", "cancel"]
    change_form_outer_before_template = "crm/job_before.html"

    def get_urls(self) -> list[URLPattern]:
        polled = path(
            "<uuid:object_id>/progress/",
            self.admin_site.admin_view(self.progress_view),
            name="common_job_progress",
        )
        return [polled, *super().get_urls()]

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the bar alone; when the job has ended, ask the page to load anew."""
        job = get_object_or_404(Job, pk=object_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        response = TemplateResponse(request, "crm/job_progress.html", {"job": job_progress(job)})
        if job.finished:
            response["HX-Refresh"] = "true"
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        job = context.get("original")
        context["job"] = job_progress(job) if job else None
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def has_steer_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Retrying and cancelling need the right to change jobs, although no form does."""
        return request.user.has_perm("common.change_job")

    @action(
        description="Retry",
        permissions=["steer"],
        icon="replay",
        dialog={
            "title": "Run this job again?",
            "description": "It continues where it can, and repeats what was not finished.",
            "form_class": None,
            "form_submit_text": "Retry",
        },
    )
    def retry(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        try:
            job = jobs.retry_job(job_id=object_id)
        except CrmError as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, job, "Put into the queue again.")
            tasks.enqueue(job)
            messages.success(request, "The job is in the queue again.")
        return done(request, reverse("admin:common_job_change", args=[object_id]))

    @action(
        description="Cancel",
        permissions=["steer"],
        icon="cancel",
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Cancel this job?",
            "description": "It stops within seconds. What it has done so far is rolled back.",
            "form_class": None,
            "form_submit_text": "Cancel the job",
        },
    )
    def cancel(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        try:
            job = jobs.cancel_job(job_id=object_id)
        except CrmError as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, job, "Cancelled.")
            messages.success(request, "The job is cancelled.")
        return done(request, reverse("admin:common_job_change", args=[object_id]))

    @admin.display(description="Job", ordering="kind")
    def what(self, job: Job) -> str:
        return job_progress(job).label

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, job: Job) -> str:
        return job.status

    @admin.display(description="Progress")
    def progress(self, job: Job) -> SafeString | str:
        shown = job_progress(job)
        if shown.percent is None:
            return formats.count(job.progress_done) if job.progress_done else formats.NOTHING
        return format_html(
            '<progress class="crm-bar" max="100" value="{}"></progress> {} %',
            shown.percent,
            shown.percent,
        )

    @admin.display(description="Took")
    def took(self, job: Job) -> str:
        if not job.started_at or not job.finished_at:
            return formats.NOTHING
        return formats.duration(job.finished_at - job.started_at)

    @admin.display(description="Parameters")
    def shown_params(self, job: Job) -> SafeString:
        return _pretty(job.params)

    @admin.display(description="Result")
    def shown_result(self, job: Job) -> SafeString | str:
        return _pretty(job.result) if job.result else formats.NOTHING


def _pretty(value: Any) -> SafeString:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="crm-pre">{}</pre>', text)
