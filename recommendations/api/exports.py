from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from django_filters.rest_framework import filters, filterset
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin
from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from recommendations.api import audit_serializers as shapes
from recommendations.models import RecoExport
from recommendations.selectors.asked import asked_campaign, asked_run, asked_segment
from recommendations.services.export_files import read_file
from recommendations.services.exports import preview_export

_EXPORT = "recommendations:export"


class RecoExportFilter(filterset.FilterSet):
    """Filters of the exports."""

    run = filters.NumberFilter(
        field_name="run_id", label="Of this run.", min_value=1, max_value=2**31 - 1
    )
    campaign = filters.CharFilter(field_name="campaign__code", label="A campaign's code.")


@extend_schema_view(
    list=extend_schema(summary="List exports, newest first"),
    retrieve=extend_schema(
        summary="Read an export with its manifest", responses=shapes.ExportDetailSerializer
    ),
)
@extend_schema(tags=["recommendations"])
class RecoExportViewSet(ListMixin, RetrieveMixin):
    """What left for campaigns."""

    queryset = RecoExport.objects.select_related("campaign", "created_by")
    serializer_class = shapes.ExportSerializer
    filterset_class = RecoExportFilter
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    lookup_value_regex = "[0-9]{1,18}"
    brief_fields = ("id", "run", "campaign", "customers", "rows", "created_at")
    sparse_actions = frozenset({"list"})
    extra_parameters = {"items": ("limit", "cursor")}
    required_scopes = {
        "list": "recommendations:read",
        "retrieve": "recommendations:read",
        "items": "recommendations:read",
        "create": _EXPORT,
        "preview": _EXPORT,
        "csv": _EXPORT,
    }
    staff_permissions = {
        "create": "recommendations.add_recoexport",
        "preview": "recommendations.add_recoexport",
        "csv": "recommendations.add_recoexport",
    }

    def get_serializer_class(self) -> Any:
        detail = self.action == "retrieve"
        return shapes.ExportDetailSerializer if detail else shapes.ExportSerializer

    @extend_schema(
        summary="Let approved recommendations leave for a campaign",
        request=shapes.StartExportSerializer,
        responses={202: AcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Answers at once; the job's result names the export. Only what is approved, passes the
        audit and may be contacted at that moment leaves, and never the control group."""
        asked = self._asked(request)
        segment = asked["segment"]
        with transaction.atomic():
            job = create_job(
                kind="export_recommendations",
                params={
                    "run": asked["run"].pk,
                    "campaign": asked["campaign"].pk,
                    "segment": segment.slug if segment else None,
                },
                user=request.user if isinstance(request.user, User) else None,
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)

    @extend_schema(
        summary="Count what an export would hold",
        request=shapes.StartExportSerializer,
        responses=shapes.PreviewExportSerializer,
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Writes nothing: no arms, no rows."""
        told = preview_export(**self._asked(request))
        return Response(shapes.PreviewExportSerializer(told).data)

    @extend_schema(
        summary="List what an export holds", responses=shapes.ExportRowSerializer(many=True)
    )
    @action(detail=True, filter_backends=[])
    def items(self, request: Request, pk: str) -> Response:
        """Customers by code and their products; without names and addresses."""
        rows = self.get_object().items.select_related("customer", "product")
        page = self.paginate_queryset(rows.order_by("id"))
        context = {**self.get_serializer_context(), "only": None}
        shown = shapes.ExportRowSerializer(page, many=True, context=context)
        return self.get_paginated_response(shown.data)

    @extend_schema(
        summary="Download the file of an export", responses={(200, "text/csv"): OpenApiTypes.STR}
    )
    @action(detail=True, url_path=r"file\.csv", filter_backends=[])
    def csv(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Byte by byte what left: its SHA-256 is in the manifest. Holds names and addresses."""
        export = self.get_object()
        response = StreamingHttpResponse(
            read_file(export=export), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="export-{export.pk}.csv"'
        return response

    def _asked(self, request: Request) -> dict[str, Any]:
        values = self.checked(shapes.StartExportSerializer(data=request.data))
        finders: dict[str, Callable[[Any], Any]] = {
            "campaign": asked_campaign,
            "run": asked_run,
            "segment": asked_segment,
        }
        return {name: _found(name, find, values.get(name)) for name, find in finders.items()}


def _found(name: str, find: Callable[[Any], Any], value: Any) -> Any:
    try:
        return find(value)
    except CrmError as error:
        raise exceptions.ValidationError({name: [str(error)]}) from error
