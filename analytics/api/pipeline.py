from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import PipelineRun, PipelineStep
from analytics.selectors.pipeline import shown_status, somebody_is_at_work
from analytics.services import pipeline_registry as registry
from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.serializers import Sparse, StrictFields
from crm_project.common.api.views import ListMixin, RetrieveMixin
from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue


class PipelineStepSerializer(serializers.ModelSerializer[PipelineStep]):
    """One step as it went the last time it was started."""

    seconds = serializers.FloatField(allow_null=True, help_text="Null: it has not ended.")

    class Meta:
        model = PipelineStep
        fields = [
            *("name", "status", "started_at", "finished_at", "seconds", "rows", "words", "error"),
            "attempts",
        ]
        read_only_fields = fields


class PipelineRunSerializer(Sparse, serializers.ModelSerializer[PipelineRun]):
    """One run of the pipeline with its steps, in their order."""

    status = serializers.SerializerMethodField(
        help_text="running, succeeded, failed or interrupted (killed or cancelled)."
    )
    steps = PipelineStepSerializer(many=True, read_only=True)

    class Meta:
        model = PipelineRun
        fields = [
            *("id", "as_of", "make_current", "origin", "status", "error", "attempts", "job"),
            *("started_at", "resumed_at", "finished_at", "steps"),
        ]
        read_only_fields = fields

    def get_status(self, run: PipelineRun) -> str:
        return shown_status(run, working=self.context.get("working"))


class ScoreSerializer(StrictFields, serializers.Serializer[Any]):
    """What to run. Without anything: all steps as of today."""

    as_of = serializers.DateField(
        required=False, allow_null=True, help_text="The end of this local day. Default: today."
    )
    steps = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        max_length=30,
        help_text="These steps alone.",
    )
    from_step = serializers.CharField(
        required=False, max_length=60, help_text="This step and all after it."
    )
    resume = serializers.BooleanField(
        required=False, help_text="Do what the newest run left undone; nothing else may be given."
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("resume") and len(values) > 1:
            raise serializers.ValidationError({"resume": "Give nothing else with resume."})
        try:
            registry.choose(only=values.get("steps", ()), start_at=values.get("from_step", ""))
        except CrmError as error:
            name = "steps" if values.get("steps") else "from_step"
            raise serializers.ValidationError({name: str(error)}) from error
        return values


@extend_schema_view(
    list=extend_schema(summary="List runs of the scoring pipeline, newest first"),
    retrieve=extend_schema(summary="Read one run with its steps"),
)
@extend_schema(tags=["pipeline"])
class PipelineRunViewSet(ListMixin, RetrieveMixin):
    """The scoring pipeline: totals, RFM, profiles, predictions, embeddings, segmentations."""

    queryset = PipelineRun.objects.prefetch_related(
        Prefetch("steps", PipelineStep.objects.order_by("position"))
    )
    serializer_class = PipelineRunSerializer
    pagination_class = CursorPagination
    lookup_value_regex = "[0-9]{1,9}"
    default_ordering = ("-id",)
    brief_fields = ("id", "as_of", "status")
    required_scopes = {
        "list": "pipeline:read",
        "retrieve": "pipeline:read",
        "create": "pipeline:write",
    }

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "working": somebody_is_at_work()}

    @extend_schema(
        summary="Run the scoring pipeline, or resume it",
        request=ScoreSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job tells how far it is. Readers see the old numbers until then."""
        values = self.checked(ScoreSerializer(data=request.data))
        as_of = values.pop("as_of", None)
        with transaction.atomic():
            job = create_job(
                kind="score",
                params={**values, "as_of": as_of.isoformat() if as_of else None, "origin": "api"},
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)
