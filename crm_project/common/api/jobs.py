from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.routers import CrmRouter
from crm_project.common.api.serializers import Sparse
from crm_project.common.api.views import ListMixin, RetrieveMixin
from crm_project.common.models import ApiToken, Job, User


class JobSerializer(Sparse, serializers.ModelSerializer[Job]):
    """Long work and how far it is. ``result`` and ``error`` are filled when it is over."""

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "params",
            "status",
            "progress_done",
            "progress_total",
            "message",
            "result",
            "error",
            "attempts",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List own jobs, newest first"),
    retrieve=extend_schema(summary="Read one job: is it over?"),
)
@extend_schema(tags=["jobs"])
class JobViewSet(ListMixin, RetrieveMixin):
    """Work that takes longer than a request. A token sees the jobs of its user."""

    queryset = Job.objects.all()
    serializer_class = JobSerializer
    pagination_class = CursorPagination
    lookup_field = "id"
    lookup_value_regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    # Ids are UUIDs of version 7: their order is that of creation.
    default_ordering = ("-id",)
    brief_fields = ("id", "kind", "status", "progress_done", "progress_total")
    required_scopes = {"list": "jobs:read", "retrieve": "jobs:read"}

    def get_queryset(self) -> QuerySet[Job]:
        request: Request = self.request
        if isinstance(request.auth, ApiToken) or not isinstance(request.user, User):
            return Job.objects.filter(created_by_id=request.user.pk)
        # Staff came here with the permission to see all of them.
        return Job.objects.all()


def accepted(job: Job, request: Request, **more: Any) -> Response:
    """Answer 202 with the job and where to ask how far it is."""
    link = reverse("job-detail", [job.pk], request=request)
    body = {**more, "job": JobSerializer(job).data}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": link})


class AcceptedSerializer(serializers.Serializer[Any]):
    """The work has begun, or waits for a worker: ask ``GET /jobs/{id}``."""

    job = JobSerializer()


router = CrmRouter()
router.register("jobs", JobViewSet, basename="job")
urlpatterns = router.urls
