"""Models of embeddings and the state of each customer in them; start a run; go back to a model."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import Truncator
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldBooleanSwitchWidget

from analytics.models import CustomerEmbedding, EmbeddingModel, ProductEmbedding
from analytics.selectors.embeddings import counts
from analytics.services import embedding_models
from crm_project.common import formats, tasks
from crm_project.common.admin import CrmAdmin, ReadOnlyAdminMixin, done, person
from crm_project.common.admin.theme import BaseDialogForm, action, display
from crm_project.common.exceptions import CrmError
from crm_project.common.services import jobs

STATES = {
    "current": "success", "building": "info", "retired": "warning", "failed": "danger",
}  # fmt: skip
STATUSES = {
    "done": "success", "pending": "info", "stale": "warning", "failed": "danger",
}  # fmt: skip


def start_run(request: HttpRequest, **params: Any) -> HttpResponse:
    """Write the job, and show it to who may see it."""
    job = jobs.create_job(
        kind="embed_customers",
        params=params,
        user=person(request),
        request_id=request.META.get("crm.request_id", ""),
    )
    tasks.enqueue(job)
    messages.success(request, "The embedding is in the queue.")
    if request.user.has_perm("common.view_job"):
        return done(request, reverse("admin:common_job_change", args=[job.pk]))
    return done(request, reverse("admin:analytics_embeddingmodel_changelist"))


class UseForm(BaseDialogForm):
    """Whether a model may serve before everybody has a vector in it."""

    partly = forms.BooleanField(
        label="Also while customers wait for their vector in it",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="They have no similar customers until they are embedded.",
    )


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdminMixin, CrmAdmin[EmbeddingModel]):
    list_display = ["name", "state", "provider", "dimension", "learned", "created_at",
                    "activated_at", "why"]  # fmt: skip
    list_filter = ["status", "provider"]
    ordering = ["-id"]
    sortable_by = ["created_at"]
    actions_list = ["embed_now", "embed_anew"]
    actions_detail = ["use_now"]
    change_form_outer_before_template = "crm/embedding_model_before.html"
    fields = ["name", "state", "provider", "dimension", "params", "template", "reason", "error",
              "learned", "fitted_at", "written", "indexed_at", "created_by", "created_at",
              "activated_at", "dropped_at"]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmbeddingModel]:
        found: QuerySet[EmbeddingModel] = super().get_queryset(request)
        return found.defer("artefact")

    def has_embed_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("analytics.change_customerembedding")

    def has_use_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        if not request.user.has_perm("analytics.change_embeddingmodel"):
            return False
        may = EmbeddingModel.objects.filter(is_current=False, dropped_at__isnull=True)
        return object_id is None or (
            str(object_id).isdecimal() and may.filter(pk=object_id).exists()
        )

    @action(
        description="Embed now",
        permissions=["embed"],
        icon="play_arrow",
        dialog={
            "title": "Embed everybody who waits",
            "description": "Runs in the background: customers and products that are new, have "
            "changed, or failed before.",
            "form_class": None,
            "form_submit_text": "Embed now",
        },
    )
    def embed_now(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        return start_run(request)

    @action(
        description="Embed everybody anew",
        permissions=["embed"],
        icon="restart_alt",
        dialog={
            "title": "Embed everybody anew",
            "description": "A new model learns from today's texts. The old vectors serve until it "
            "is complete; then both change places in one moment. A service may charge for it: see "
            "manage.py embed_customers --anew --all --dry-run.",
            "form_class": None,
            "form_submit_text": "Embed anew",
        },
    )
    def embed_anew(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        return start_run(request, anew=True)

    @action(
        description="Use this model",
        permissions=["use"],
        icon="check_circle",
        dialog={
            "title": "Use this model?",
            "description": "Similar customers and taste groups read its vectors from now on. The "
            "one used until now is kept for some days, to go back to.",
            "form_class": UseForm,
            "form_submit_text": "Use it",
        },
    )
    def use_now(self, request: HttpRequest, form: UseForm, object_id: str) -> HttpResponse:
        try:
            model = embedding_models.activate(
                model_id=int(object_id), partly=form.cleaned_data["partly"]
            )
        except CrmError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{model} is the current model now.")
        return done(request, reverse("admin:analytics_embeddingmodel_change", args=[object_id]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        model = context.get("original")
        if model is not None:
            context["counts"] = counts(model)
            context["refit_at"] = embedding_models.refit_at(model)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @display(description="Status", label=STATES)
    def state(self, model: EmbeddingModel) -> str:
        return "current" if model.is_current else model.status

    @admin.display(description="Learned from")
    def learned(self, model: EmbeddingModel) -> str:
        return f"{formats.count(model.fitted_on)} texts" if model.fitted_on else formats.NOTHING

    @admin.display(description="Why")
    def why(self, model: EmbeddingModel) -> str:
        return Truncator(model.error or model.reason).chars(80)


class _EmbeddingAdmin(ReadOnlyAdminMixin, CrmAdmin[Any]):
    """States row by row; the numbers of a vector tell nobody anything."""

    list_filter = ["status", "model"]
    paginator = InfinitePaginator
    ordering = ["-id"]
    sortable_by: list[str] = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.defer("vector", "model__artefact")

    @display(description="Status", label=STATUSES)
    def state(self, row: CustomerEmbedding | ProductEmbedding) -> str:
        return row.status


_SHOWN = ["state", "model", "embedded_at", "attempts", "next_try_at", "error"]


@admin.register(CustomerEmbedding)
class CustomerEmbeddingAdmin(_EmbeddingAdmin):
    list_display = ["customer", *_SHOWN]
    list_select_related = ["customer", "model"]
    search_fields = ["customer__code__exact"]
    search_help_text = "Customer code, whole"
    fields = [*list_display, "text_sha256", "template_version", "checked_at"]
    readonly_fields = fields


@admin.register(ProductEmbedding)
class ProductEmbeddingAdmin(_EmbeddingAdmin):
    list_display = ["product", *_SHOWN]
    list_select_related = ["product", "model"]
    search_fields = ["product__key__exact"]
    search_help_text = "Product key, whole"
    fields = [*list_display, "text_sha256", "template_version", "checked_at"]
    readonly_fields = fields
