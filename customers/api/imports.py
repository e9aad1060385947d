import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.parsers import StrictJSONParser, TooLarge, check_storable
from crm_project.common.api.serializers import Sparse, StrictFields
from crm_project.common.api.views import ListMixin, RetrieveMixin
from crm_project.common.models import Job, User
from crm_project.common.tasks import enqueue
from customers.middleware import FORM_BYTES
from customers.models import ImportBatch
from customers.selectors.imports import refused_csv
from customers.services.import_again import import_again
from customers.services.import_jobs import start_commit, start_preview
from customers.services.imports import cancel, create_batch

_OPTIONS_LENGTH = 2000


class ImportSerializer(Sparse, serializers.ModelSerializer[ImportBatch]):
    """A file on its way in, and what became of each of its lines."""

    class Meta:
        model = ImportBatch
        fields = [
            "id",
            "kind",
            "format",
            "source",
            "mode",
            "on_error",
            "options",
            "file_name",
            "file_size",
            "file_sha256",
            "status",
            "lines",
            "new",
            "changed",
            "unchanged",
            "refused",
            "skipped",
            "summary",
            "error",
            "job",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class OptionsField(serializers.CharField):
    """A JSON object written as text, since it travels in a form."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            options = json.loads(text)
            check_storable(options)
        except (ValueError, RecursionError) as error:
            raise serializers.ValidationError("Give a JSON object.") from error
        if not isinstance(options, dict):
            raise serializers.ValidationError("Give a JSON object.")
        return options


class UploadSerializer(StrictFields):
    """A new import. The preview starts by itself."""

    file = serializers.FileField(
        allow_empty_file=True, help_text=".csv, .csv.gz or .csv.xz; read as it streams."
    )
    kind = serializers.CharField(
        max_length=20, help_text="orders, products, customers or contacts."
    )
    format = serializers.CharField(
        max_length=30, default="generic", help_text="Like generic or online-retail."
    )
    source = serializers.CharField(  # type: ignore[assignment] # a field named like an argument
        max_length=50, required=False, help_text="The shop system; the format unless given."
    )
    mode = serializers.ChoiceField(choices=ImportBatch.Mode.choices, required=False)
    on_error = serializers.ChoiceField(choices=ImportBatch.OnError.choices, required=False)
    options = OptionsField(
        required=False, max_length=_OPTIONS_LENGTH, help_text='Like {"anonymous": "keep"}.'
    )


class ImportAcceptedSerializer(AcceptedSerializer):
    batch = ImportSerializer()


class BoundedMultiPartParser(MultiPartParser):
    """Refuses a body that says it is too large before a byte of it is kept."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        length = (parser_context or {})["request"].META.get("CONTENT_LENGTH") or "0"
        limit = settings.CRM_UPLOAD_MAX_BYTES + FORM_BYTES
        if not str(length).isdecimal() or int(length) > limit:
            raise TooLarge(f"The file is larger than {settings.CRM_UPLOAD_MAX_BYTES} bytes.")
        return super().parse(stream, media_type, parser_context)


@extend_schema_view(
    list=extend_schema(summary="List imports, newest first"),
    retrieve=extend_schema(summary="Read one import with its counts"),
)
@extend_schema(tags=["imports"])
class ImportViewSet(ListMixin, RetrieveMixin):
    """Upload a file, look at the preview, confirm. Every line is accounted for."""

    queryset = ImportBatch.objects.all()
    serializer_class = ImportSerializer
    pagination_class = CursorPagination
    parser_classes = [BoundedMultiPartParser, StrictJSONParser]
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"
    default_ordering = ("-id",)
    brief_fields = ("id", "kind", "file_name", "status", "lines", "new", "changed", "refused")
    required_scopes = {
        "list": "imports:read",
        "retrieve": "imports:read",
        "errors": "imports:read",
        "create": "imports:write",
        "commit": "imports:write",
        "cancel": "imports:write",
        "again": "imports:write",
    }
    staff_permissions = {
        # Refused lines are as they were sent, with names and addresses.
        "errors": "customers.view_refusedrow",
        "commit": "customers.add_importbatch",
        "cancel": "customers.add_importbatch",
        "again": "customers.add_importbatch",
    }

    @extend_schema(
        summary="Upload a file; its preview starts",
        request={"multipart/form-data": UploadSerializer},
        responses={202: ImportAcceptedSerializer},
    )
    def create(self, request: Request) -> Response:
        values = self.checked(UploadSerializer(data=request.data))
        file = values.pop("file")
        with transaction.atomic():
            batch = create_batch(
                file=file, file_name=file.name or "file", user=self._user(), **values
            )
            job = start_preview(batch_id=batch.pk, **self._origin())
            return self._accepted(job, batch.pk)

    @extend_schema(
        summary="Import the previewed file", request=None, responses={202: ImportAcceptedSerializer}
    )
    @action(detail=True, methods=["post"])
    def commit(self, request: Request, id: str) -> Response:
        """Only after the preview; a failed import may be tried again."""
        batch = self.get_object()
        with transaction.atomic():
            job = start_commit(batch_id=batch.pk, **self._origin())
            return self._accepted(job, batch.pk)

    @extend_schema(summary="Give up an import", request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Possible until it is committed."""
        return Response(self.represent(cancel(batch_id=self.get_object().pk)))

    @extend_schema(
        summary="Import the refused lines again",
        request=None,
        responses={202: ImportAcceptedSerializer},
    )
    @action(detail=True, methods=["post"])
    def again(self, request: Request, id: str) -> Response:
        """A new import of the same file that only creates what is missing; its preview starts."""
        batch_id = self.get_object().pk
        with transaction.atomic():
            batch = import_again(batch_id=batch_id, user=self._user())
            job = start_preview(batch_id=batch.pk, **self._origin())
            return self._accepted(job, batch.pk)

    @extend_schema(
        summary="Download the refused lines", responses={(200, "text/csv"): OpenApiTypes.STR}
    )
    @action(detail=True, methods=["get"], url_path=r"errors\.csv")
    def errors(self, request: Request, id: str) -> StreamingHttpResponse:
        """Line number, reason and raw text of each refused line, as CSV."""
        batch = self.get_object()
        return _csv(refused_csv(batch=batch), f"import-{batch.pk}-errors.csv")

    def _accepted(self, job: Job, batch_id: int) -> Response:
        enqueue(job)
        batch = ImportBatch.objects.get(pk=batch_id)
        return accepted(job, self.request, batch=self.represent(batch))

    def _origin(self) -> dict[str, Any]:
        return {"user": self._user(), "request_id": self.request.META["crm.request_id"]}

    def _user(self) -> User | None:
        user = self.request.user
        return user if isinstance(user, User) else None


def _csv(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
