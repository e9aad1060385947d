"""Runs of the pipeline: their steps on a line of time; start one, resume one."""

from datetime import timedelta
from textwrap import shorten
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSingleDateWidget

from analytics.models import PipelineRun, PipelineStep
from analytics.selectors.pipeline import shown_status, somebody_is_at_work
from analytics.services import pipeline_registry as registry
from crm_project.common import formats, tasks
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.progress import job_progress
from crm_project.common.admin.theme import BaseDialogForm, action, display
from crm_project.common.models import Job
from crm_project.common.services import jobs

TONES = {
    "succeeded": "crm-good",
    "failed": "crm-bad",
    "blocked": "crm-warn",
    "interrupted": "crm-warn",
}
BRIEF = 200
"""Letters of what a step found that are shown before somebody asks for the rest."""
NARROWEST = 0.6
"""Percent of the line: a step that took no time is seen, too."""


class RunForm(BaseDialogForm):
    """What a run of the pipeline is asked for."""

    as_of = forms.DateField(
        label="As of",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="The end of this day counts. Empty: today. A day before the one that people see "
        "now goes into the history and changes nothing that they see.",
    )
    steps = forms.MultipleChoiceField(
        label="Only these steps",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: all.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, registry.label_of(name)) for name in registry.names()]
        self.fields["steps"].choices = choices  # type: ignore[attr-defined]

    def clean_as_of(self) -> Any:
        day = self.cleaned_data["as_of"]
        if day and day > timezone.localdate():
            raise forms.ValidationError("This day is still to come.")
        return day


@admin.register(PipelineRun)
class PipelineRunAdmin(ReadOnlyAdminMixin, CrmAdmin[PipelineRun]):
    list_display = ["as_of", "state", "steps_done", "took", "origin", "created_by", "started_at",
                    "problem"]  # fmt: skip
    list_select_related = ["created_by"]
    list_filter = ["status", "origin"]
    ordering = ["-id"]
    sortable_by = ["as_of"]
    actions_list = ["run_now"]
    actions_detail = ["resume"]
    change_form_outer_before_template = "crm/pipeline_run_before.html"
    fields = ["as_of", "state", "make_current", "origin", "created_by", "attempts", "started_at",
              "resumed_at", "finished_at", "took", "error"]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("steps")

    def has_run_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("analytics.add_pipelinerun")

    def has_resume_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Only where something is left to do."""
        if not self.has_run_permission(request):
            return False
        run = self.get_object(request, object_id) if object_id else None
        return run is None or run.status != PipelineRun.Status.SUCCEEDED

    @action(
        description="Run now",
        permissions=["run"],
        icon="play_arrow",
        dialog={
            "title": "Run the scoring pipeline",
            "description": "Runs in the background. Each number changes in one moment, when its "
            "step is complete; a step that fails stops only those that need it.",
            "form_class": RunForm,
            "form_submit_text": "Run now",
        },
    )
    def run_now(self, request: HttpRequest, form: RunForm) -> HttpResponse:
        asked = form.cleaned_data
        return self._start(
            request,
            "The pipeline is in the queue.",
            as_of=asked["as_of"].isoformat() if asked["as_of"] else None,
            steps=asked["steps"],
            origin=PipelineRun.Origin.ADMIN,
        )

    @action(
        description="Resume",
        permissions=["resume"],
        icon="resume",
        dialog={
            "title": "Do what this run left undone?",
            "description": "Steps that were done stay as they are, unless what they read has "
            "changed since.",
            "form_class": None,
            "form_submit_text": "Resume",
        },
    )
    def resume(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None or run.status == PipelineRun.Status.SUCCEEDED:
            messages.error(request, "This run is complete; nothing is left to do.")
            return done(request, reverse("admin:analytics_pipelinerun_change", args=[object_id]))
        return self._start(request, "The run is in the queue again.", resume=True, run_id=run.pk)

    def _start(self, request: HttpRequest, words: str, **params: Any) -> HttpResponse:
        job = jobs.create_job(
            kind="score",
            params=params,
            user=person(request),
            request_id=request.META.get("crm.request_id", ""),
        )
        tasks.enqueue(job)
        messages.success(request, words)
        if request.user.has_perm("common.view_job"):
            return done(request, reverse("admin:common_job_change", args=[job.pk]))
        return done(request, reverse("admin:analytics_pipelinerun_changelist"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = context.get("original")
        if run is not None:
            context["shown"] = shown(run)
            if _is_going(run.job) and request.user.has_perm("common.view_job"):
                context["job"] = job_progress(run.job)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(
        description="Status",
        label={
            "running": "info",
            "succeeded": "success",
            "failed": "danger",
            "interrupted": "warning",
        },
    )
    def state(self, run: PipelineRun) -> str:
        return shown_status(run)

    @admin.display(description="Steps")
    def steps_done(self, run: PipelineRun) -> str:
        steps = list(run.steps.all())
        finished = sum(step.status in PipelineStep.DONE for step in steps)
        return f"{finished} of {len(steps)}"

    @admin.display(description="Work")
    def took(self, run: PipelineRun) -> str:
        return formats.duration(_work(list(run.steps.all())))

    @admin.display(description="Problem")
    def problem(self, run: PipelineRun) -> str:
        return run.error[:120] or formats.NOTHING


def _is_going(job: Job | None) -> bool:
    return job is not None and not job.finished


def _work(steps: list[PipelineStep]) -> Any:
    """Return the time that the steps took together; waiting between attempts is none."""
    return sum((step.duration for step in steps if step.duration), timedelta())


def shown(run: PipelineRun) -> dict[str, Any]:
    """Return a run's steps as bars on one line of time, and what is wrong with it in words."""
    steps = sorted(run.steps.all(), key=lambda step: step.position)
    working = somebody_is_at_work()
    status = shown_status(run, working=working)
    whole = _work(steps).total_seconds() or 1.0
    begun, bars = 0.0, []
    for step in steps:
        seconds = step.seconds or 0.0
        bars.append(_bar(step, begun / whole, seconds / whole, alive=status == "running"))
        begun += seconds
    return {
        "steps": bars,
        "done": sum(step.status in PipelineStep.DONE for step in steps),
        "seconds": formats.duration(_work(steps)),
        "warning": _warning(run, status),
        "tone": TONES.get(status, ""),
    }


def _bar(step: PipelineStep, left: float, width: float, *, alive: bool) -> dict[str, Any]:
    status = step.status
    if status == PipelineStep.Status.RUNNING and not alive:
        status = PipelineStep.Status.INTERRUPTED
    return {
        "label": registry.label_of(step.name),
        "status": PipelineStep.Status(status).label.lower(),
        "tone": TONES.get(status, ""),
        "left": round(min(100 * left, 100 - NARROWEST), 2),
        "width": round(max(100 * width, NARROWEST if step.started_at else 0), 2),
        "took": formats.duration(step.duration),
        "rows": formats.count(step.rows) if step.rows is not None else "",
        "attempts": step.attempts,
        "words": step.words,
        "brief": shorten(step.words, BRIEF, placeholder=" …"),
        "more": len(step.words) > BRIEF,
        "error": step.error,
    }


def _warning(run: PipelineRun, status: str) -> str:
    if status == "interrupted":
        return (
            f"{run.error or 'Its process was killed.'} What was published before stays. “Resume” "
            "does what is left; the next nightly run does it, too, if it is of the same day."
        )
    if status == "failed":
        return f"{run.error} Everybody sees the former numbers of these steps."
    if not run.make_current:
        return "This run scored a day of the past: what people see today was left as it is."
    return ""
