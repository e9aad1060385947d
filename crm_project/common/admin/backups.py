"""Backups and the drills that prove them: whether the promise is kept, and everything that ran."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from crm_project.common import backup_jobs, formats, tasks
from crm_project.common.admin.bases import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.theme import action, display
from crm_project.common.models import BackupRun, DrillRun
from crm_project.common.selectors.backups import LogArchive, Promise, Trust, log_archive, trust
from crm_project.common.services import jobs

STATUS = {"running": "info", "succeeded": "success", "failed": "danger"}


class _OperationAdmin(ReadOnlyAdminMixin, CrmAdmin[Any]):
    """A list of attempts, below the state of both promises."""

    list_filter = ["status"]
    ordering = ["-started_at"]
    sortable_by = ["started", "taken"]
    list_before_template = "crm/backup_trust.html"
    job_kind = ""
    start_permission = ""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "trust": shown_trust()}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def has_start_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Starting one needs the right to add it, although no form does, and a place for backups.

        In a cluster the pages have none: only the pods that make backups do.
        """
        return bool(settings.CRM_BACKUP.url) and request.user.has_perm(self.start_permission)

    def _start(self, request: HttpRequest) -> HttpResponse:
        job = jobs.create_job(
            kind=self.job_kind,
            params={},
            user=person(request),
            request_id=request.META.get("crm.request_id", ""),
        )
        tasks.enqueue(job)
        messages.success(request, "It is in the queue.")
        if request.user.has_perm("common.view_job"):
            return done(request, reverse("admin:common_job_change", args=[job.pk]))
        return done(request, reverse(f"admin:common_{self.opts.model_name}_changelist"))

    @display(description="Status", label=STATUS)
    def state(self, run: Any) -> str:
        return str(run.status)

    @admin.display(description="Started", ordering="started_at")
    def started(self, run: Any) -> str:
        return formats.moment(run.started_at)

    @admin.display(description="Taken", ordering="taken_at")
    def taken(self, run: Any) -> str:
        return formats.moment(run.taken_at)

    @admin.display(description="Took")
    def took(self, run: Any) -> str:
        return formats.duration(run.duration)

    @admin.display(description="Rows")
    def row_count(self, run: Any) -> str:
        return formats.count(run.rows)

    @admin.display(description="Problem")
    def problem(self, run: Any) -> str:
        return run.error[:120] or formats.NOTHING


@admin.register(BackupRun)
class BackupRunAdmin(_OperationAdmin):
    list_display = ["what", "state", "taken", "file_size", "row_count", "encrypted", "took",
                    "removed", "problem"]  # fmt: skip
    search_fields = ["name"]
    search_help_text = "Name of a backup"
    fields = ["what", "state", "place", "taken_at", "started_at", "finished_at", "took",
              "file_size", "dump_size", "tables", "row_count", "encrypted", "sha256",
              "removed_at", "error"]  # fmt: skip
    readonly_fields = fields
    actions_list = ["back_up_now"]
    job_kind = backup_jobs.BACKUP
    start_permission = "common.add_backuprun"

    @action(
        description="Back up now",
        permissions=["start"],
        icon="backup",
        dialog={
            "title": "Make a backup now?",
            "description": "It runs in the background and disturbs nobody. Backups past retention "
            "are removed afterwards.",
            "form_class": None,
            "form_submit_text": "Back up now",
        },
    )
    def back_up_now(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        return self._start(request)

    @admin.display(description="Backup")
    def what(self, run: BackupRun) -> str:
        return str(run)

    @admin.display(description="Size")
    def file_size(self, run: BackupRun) -> str:
        return formats.size(run.file_bytes)

    @admin.display(description="Removed")
    def removed(self, run: BackupRun) -> str:
        return formats.moment(run.removed_at)

    @admin.display(description="Unpacked")
    def dump_size(self, run: BackupRun) -> str:
        return formats.size(run.dump_bytes)


@admin.register(DrillRun)
class DrillRunAdmin(_OperationAdmin):
    list_display = ["started", "kind", "state", "backup_name", "taken", "restore_time", "row_count",
                    "took", "problem"]  # fmt: skip
    search_fields = ["backup_name"]
    search_help_text = "Name of a backup"
    list_filter = ["status", "kind"]
    fields = ["kind", "backup_name", "taken_at", "state", "started_at", "finished_at", "took",
              "left_after", "fetch_time", "restore_time", "compare_time", "tables", "row_count",
              "found_differences", "found_notes", "error"]  # fmt: skip
    readonly_fields = fields
    actions_list = ["drill_now"]
    job_kind = backup_jobs.DRILL
    start_permission = "common.add_drillrun"

    @action(
        description="Drill now",
        permissions=["start"],
        icon="settings_backup_restore",
        dialog={
            "title": "Restore the newest backup as a drill?",
            "description": "It goes into a database of its own, is compared row by row, and is "
            "dropped again. The database in use is not touched.",
            "form_class": None,
            "form_submit_text": "Drill now",
        },
    )
    def drill_now(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        return self._start(request)

    @admin.display(description="Had left the server after")
    def left_after(self, run: DrillRun) -> str:
        return _seconds(run.archived_seconds)

    @admin.display(description="Fetched in")
    def fetch_time(self, run: DrillRun) -> str:
        return _seconds(run.fetch_seconds)

    @admin.display(description="Restored in")
    def restore_time(self, run: DrillRun) -> str:
        return _seconds(run.restore_seconds)

    @admin.display(description="Compared in")
    def compare_time(self, run: DrillRun) -> str:
        return _seconds(run.compare_seconds)

    @admin.display(description="Differences")
    def found_differences(self, run: DrillRun) -> SafeString | str:
        return _lines(run.differences)

    @admin.display(description="Notes")
    def found_notes(self, run: DrillRun) -> SafeString | str:
        return _lines(run.notes)


def shown_trust() -> list[dict[str, Any]]:
    """Return both promises as the page writes them; red when one is not kept."""
    found = trust()
    newest = f"Newest: {found.newest.name}" if found.newest else "There is none"
    proof = f"Of {found.proof.backup_name}" if found.proof else "There was none"
    return [
        _promise("Newest backup", found.backup, newest),
        _promise("Last verified restore", found.restore, proof),
        *_shown_archive(log_archive(), found),
    ]


def _shown_archive(found: LogArchive | None, known: Trust) -> list[dict[str, Any]]:
    """Return the state of the log's archive and its proof, where the server sends its log away."""
    if found is None:
        return []
    proof = known.log_proof
    after = f"A change leaves within {proof.archived_seconds or 0:.0f} s" if proof else ""
    return [
        _promise("Last restore of the log", known.log, after or "There was none"),
        {
            "label": "Log archived",
            "value": f"{formats.age(timezone.now() - found.at)} ago" if found.at else "never",
            "at": timezone.localtime(found.at) if found.at else None,
            "state": "fails" if found.failing else "up to date",
            "note": "What came after it is lost with the server.",
            "tone": "crm-bad" if found.failing else "crm-good",
            "error": "",
        },
    ]


def _promise(label: str, promise: Promise, note: str) -> dict[str, Any]:
    good = promise.kept and not promise.failing
    if promise.at is None:
        words = "never"
    else:
        words = f"{formats.age(promise.age)} ago" if promise.age else formats.NOTHING
    state = "as promised" if promise.kept else f"older than {formats.age(promise.promised)}"
    return {
        "label": label,
        "value": words,
        "at": timezone.localtime(promise.at) if promise.at else None,
        "state": "never done" if promise.at is None else state,
        "note": note,
        "tone": "crm-good" if good else "crm-bad",
        "error": promise.error,
    }


def _seconds(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:.1f} s"


def _lines(found: list[str]) -> SafeString | str:
    return format_html_join("", "<div>{}</div>", ((line,) for line in found)) or "none"
