"""Imports: upload → preview → confirm → result, the work itself in the background."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.paginator import InfinitePaginator

from crm_project.common import formats, tasks
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, person
from crm_project.common.admin.progress import job_progress
from crm_project.common.admin.theme import TextFilter, display
from crm_project.common.exceptions import CrmError
from crm_project.common.models import Job
from crm_project.common.services import jobs
from customers.admin.import_form import UploadForm
from customers.models import ImportBatch, RefusedRow
from customers.selectors.imports import gone_in_words, refused_csv
from customers.selectors.refusals import refusals
from customers.services import imports
from customers.services.import_again import import_again

STATUS_COLOURS = {
    "previewed": "warning",
    "committed": "success",
    "failed": "danger",
    "previewing": "info",
    "importing": "info",
}
STEPS = ["Upload", "Preview", "Confirm", "Result"]
_STEP_OF = {"uploaded": 2, "previewing": 2, "previewed": 3, "importing": 4, "committed": 4}


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdminMixin, CrmAdmin[ImportBatch]):
    list_display = ["file_name", "kind", "state", "counted_lines", "shown_new", "shown_refused",
                    "created_by", "created_at"]  # fmt: skip
    list_select_related = ["created_by"]
    list_filter = ["status", "kind"]
    ordering = ["-created_at"]
    sortable_by = ["created_at"]
    search_fields = ["file_name", "source"]
    search_help_text = "File name or source"
    list_before_template = "crm/import_list_before.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("customers.add_importbatch")

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        """Confirming and cancelling need the right to change imports."""
        return request.user.has_perm("customers.change_importbatch")

    def get_urls(self) -> list[URLPattern]:
        def to(route: str, view: Any, name: str) -> URLPattern:
            wrapped = self.admin_site.admin_view(view)
            found: URLPattern = path(
                f"<int:batch_id>/{route}", wrapped, name=f"customers_importbatch_{name}"
            )
            return found

        return [
            to("confirm/", require_POST(self.confirm_view), "confirm"),
            to("cancel/", require_POST(self.cancel_view), "cancel"),
            to("again/", require_POST(self.again_view), "again"),
            to("refused.csv", self.refused_view, "refused"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take the file and start its preview."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                batch = form.create(person(request))
            except CrmError as error:
                form.add_error("file", str(error))
            else:
                _start(request, batch, "import_preview")
                return HttpResponseRedirect(_page(batch.pk))
        context = self._context(request, "Import a file", form=form, step=1)
        return TemplateResponse(request, "crm/import_upload.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show where the import stands and what to do next."""
        found = self.get_queryset(request).select_related("job")
        batch = get_object_or_404(found, pk=object_id if object_id.isdecimal() else None)
        if not self.has_view_permission(request, batch):
            raise PermissionDenied
        gone = gone_in_words(batch=batch)
        context = self._context(
            request,
            f"Import {batch.pk}: {batch.file_name}",
            batch=batch,
            original=batch,
            job=job_progress(batch.job) if batch.job and _is_working(batch) else None,
            refusals=refusals(batch=batch) if batch.refused else [],
            gone=gone,
            may_again=not gone and batch.refused > 0 and self.has_add_permission(request),
            may_confirm=self.has_confirm_permission(request),
            step=_STEP_OF.get(batch.status, 2),
        )
        return TemplateResponse(request, "crm/import_batch.html", context)

    def confirm_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        batch = self._to_change(request, batch_id)
        if batch.status == ImportBatch.Status.PREVIEWED:
            _start(request, batch, "import_commit")
        else:
            messages.warning(request, f"The import is {batch.get_status_display()} by now.")
        return HttpResponseRedirect(_page(batch_id))

    def cancel_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        batch = self._to_change(request, batch_id)
        try:
            if batch.job and not batch.job.finished:
                jobs.cancel_job(job_id=batch.job.pk)
            imports.cancel(batch_id=batch_id)
        except CrmError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The import is cancelled. Nothing was written.")
        return HttpResponseRedirect(_page(batch_id))

    def again_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Preview the same file once more, for the lines that were refused."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        try:
            batch = import_again(batch_id=batch_id, user=person(request))
        except CrmError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(_page(batch_id))
        _start(request, batch, "import_preview")
        return HttpResponseRedirect(_page(batch.pk))

    def refused_view(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        if not request.user.has_perm("customers.view_refusedrow"):
            raise PermissionDenied
        batch = get_object_or_404(ImportBatch, pk=batch_id)
        return StreamingHttpResponse(
            refused_csv(batch=batch),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="refused-{batch_id}.csv"'},
        )

    def _to_change(self, request: HttpRequest, batch_id: int) -> ImportBatch:
        if not self.has_confirm_permission(request):
            raise PermissionDenied
        return get_object_or_404(ImportBatch.objects.select_related("job"), pk=batch_id)

    def _context(self, request: HttpRequest, title: str, **extra: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "steps": list(enumerate(STEPS, 1)),
            **extra,
        }

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, batch: ImportBatch) -> str:
        return batch.status

    @admin.display(description="Lines")
    def counted_lines(self, batch: ImportBatch) -> str:
        return formats.count(batch.lines)

    @admin.display(description="New")
    def shown_new(self, batch: ImportBatch) -> str:
        return formats.count(batch.new)

    @admin.display(description="Refused")
    def shown_refused(self, batch: ImportBatch) -> str:
        return formats.count(batch.refused)


class BatchFilter(TextFilter):
    title = "import number"
    parameter_name = "batch"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(batch_id=int(value)) if value.isdecimal() else queryset.none()


@admin.register(RefusedRow)
class RefusedRowAdmin(ReadOnlyAdminMixin, CrmAdmin[RefusedRow]):
    """Lines that were not imported, with the reason in words."""

    list_display = ["line_number", "reason", "shortened", "batch"]
    list_select_related = ["batch"]
    list_filter = [BatchFilter]
    paginator = InfinitePaginator
    sortable_by: list[str] = []
    search_fields = ["code__exact"]
    search_help_text = "Reason code, whole"

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """One batch in the file's order; all of them newest first: both read the same index."""
        if request.GET.get("batch"):
            return ["batch_id", "line_number"]
        return ["-batch_id", "-line_number"]

    @admin.display(description="Line as it stands in the file")
    def shortened(self, row: RefusedRow) -> str:
        return row.raw[:120]


def _is_working(batch: ImportBatch) -> bool:
    """Tell whether the page should show the job: it works, waits, or failed on the way."""
    status = ImportBatch.Status
    return batch.status in {status.UPLOADED, status.PREVIEWING, status.IMPORTING} or (
        batch.job is not None and not batch.job.finished
    )


def _start(request: HttpRequest, batch: ImportBatch, kind: str) -> Job:
    """Write down the job of a batch and wake a worker."""
    job = jobs.create_job(
        kind=kind,
        params={"batch_id": batch.pk},
        user=person(request),
        request_id=request.META.get("crm.request_id", ""),
    )
    ImportBatch.objects.filter(pk=batch.pk).update(job=job)
    tasks.enqueue(job)
    return job


def _page(batch_id: int) -> str:
    return reverse("admin:customers_importbatch_change", args=[batch_id])
