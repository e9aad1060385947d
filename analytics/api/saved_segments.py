from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analytics.api.saved_segment_filters import SavedSegmentFilter
from analytics.api.saved_segment_serializers import (
    FieldsSerializer,
    MemberSerializer,
    PreviewQuerySerializer,
    PreviewSerializer,
    SavedSegmentSerializer,
    WhySerializer,
    why_facts,
)
from analytics.models import SavedSegment, SavedSegmentExport
from analytics.scoring.segment_fields import Registry
from analytics.scoring.segment_form import offers
from analytics.scoring.segment_rules import Problem, RuleError
from analytics.selectors.saved_segments import members, read_rule, tried, why
from analytics.selectors.segment_choices import registry
from analytics.services.saved_segment_exports import export_members
from analytics.services.saved_segments import (
    RuleRefusedError,
    archive_saved_segment,
    create_saved_segment,
    restore_saved_segment,
    update_saved_segment,
)
from crm_project.common.api.jobs import AcceptedSerializer, accepted
from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.permissions import may
from crm_project.common.api.views import ListMixin, RetrieveMixin, WriteMixin
from crm_project.common.models import User
from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import enqueue
from customers.selectors.customers import by_code

T = TypeVar("T")
_READ, _WRITE = "segments:read", "segments:write"


@extend_schema_view(
    list=extend_schema(summary="List saved segments"),
    retrieve=extend_schema(summary="Read one saved segment"),
    partial_update=extend_schema(summary="Change a saved segment"),
)
@extend_schema(tags=["segments"])
class SavedSegmentViewSet(ListMixin, RetrieveMixin, WriteMixin):
    """Customers whom staff describe by a rule. Rebuilt every night, or when asked."""

    queryset = SavedSegment.objects.select_related("owner")
    serializer_class = SavedSegmentSerializer
    filterset_class = SavedSegmentFilter
    lookup_field = "slug"
    lookup_value_regex = "[a-z0-9-]+"
    ordering_fields = ("name", "slug")
    unique_ordering = frozenset({"name", "slug"})
    default_ordering = ("slug",)
    brief_fields = ("slug", "name", "member_count", "built_at", "is_archived")
    extra_parameters = {"members": ("limit", "cursor")}
    required_scopes = {
        **dict.fromkeys(("list", "retrieve", "fields", "preview", "members", "why"), _READ),
        **dict.fromkeys(("create", "partial_update", "destroy", "restore", "rebuild"), _WRITE),
        "members_csv": _READ,
    }
    staff_permissions = {
        "preview": "analytics.view_savedsegment",
        "rebuild": "analytics.rebuild_savedsegment",
        "restore": "analytics.change_savedsegment",
        "members_csv": "analytics.export_savedsegment",
    }

    @cached_property
    def offered(self) -> Registry:
        return registry()

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        return {**context, "offered": self.offered} if self.action == "list" else context

    @extend_schema(summary="Create a saved segment")
    def create(self, request: Request) -> Response:
        """It has no members until it is rebuilt."""
        values = {**self.validated(request.data), "owner": self._user()}
        segment = _ruled(lambda: create_saved_segment(slug=values.pop("slug"), values=values))
        response = self.answer(segment, code=status.HTTP_201_CREATED)
        response["Location"] = reverse("saved-segment-detail", [segment.slug], request=request)
        return response

    def perform_change(self, found: SavedSegment, values: dict[str, Any]) -> SavedSegment:
        return _ruled(lambda: update_saved_segment(segment_id=found.pk, values=values))

    @extend_schema(summary="Archive a saved segment", responses={204: None})
    def destroy(self, request: Request, slug: str) -> Response:
        """The description stays and can be restored; the members go."""
        with transaction.atomic():
            archive_saved_segment(segment_id=self.lock().pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Restore an archived segment", request=None, responses=SavedSegmentSerializer
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, slug: str) -> Response:
        """The next rebuild finds its members."""
        return self.answer(restore_saved_segment(segment_id=self.get_object().pk))

    @extend_schema(summary="Rebuild a segment", request=None, responses={202: AcceptedSerializer})
    @action(detail=True, methods=["post"])
    def rebuild(self, request: Request, slug: str) -> Response:
        """Answers at once; the job tells how far it is. Readers see the old members until then."""
        segment = self.get_object()
        with transaction.atomic():
            job = create_job(
                kind="rebuild_saved_segments",
                params={"slugs": [segment.slug]},
                user=self._user(),
                request_id=request.META["crm.request_id"],
            )
            enqueue(job)
            return accepted(job, request)

    @extend_schema(summary="List what a rule may ask about", responses=FieldsSerializer)
    @action(detail=False, filter_backends=[], pagination_class=None)
    def fields(self, request: Request) -> Response:
        """Fields with their questions, and the choices there are today."""
        shown = [offer for group in offers(self.offered).values() for offer in group]
        return Response(FieldsSerializer({"results": shown}).data)

    @extend_schema(
        summary="Try a rule", request=PreviewQuerySerializer, responses=PreviewSerializer
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Count and show who meets a rule now. Nothing is stored. Names need customers:read."""
        asked = self.checked(PreviewQuerySerializer(data=request.data))
        trial = tried(_ruled(lambda: read_rule(asked["rule"])), limit=asked["limit"])
        names = [field.name for field in trial.fields]
        customers = [
            {
                "code": sample.code,
                **({"name": sample.name} if self._personal() else {}),
                "values": dict(zip(names, sample.values, strict=True)),
            }
            for sample in trial.samples
        ]
        facts = {"words": trial.words, "count": trial.count, "too_slow": trial.too_slow}
        return Response(PreviewSerializer({**facts, "customers": customers}).data)

    @extend_schema(summary="List the members of a segment", responses=MemberSerializer(many=True))
    @action(detail=True, pagination_class=CursorPagination, filter_backends=[])
    def members(self, request: Request, slug: str) -> Response:
        """Those whom the last rebuild found. Names and addresses need customers:read."""
        rows = members(self.get_object()).select_related("customer").order_by("customer_id")
        page = self.paginate_queryset(rows)
        context = {**self.get_serializer_context(), "personal": self._personal()}
        return self.get_paginated_response(MemberSerializer(page, many=True, context=context).data)

    @extend_schema(
        summary="Download the members of a segment",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    @action(detail=True, url_path=r"members\.csv", filter_backends=[])
    def members_csv(self, request: Request, slug: str) -> StreamingHttpResponse:
        """As CSV, safe to open in a spreadsheet; who took it is kept. Names as for members."""
        segment = self.get_object()
        lines = export_members(
            segment=segment,
            user=self._user(),
            way=SavedSegmentExport.Way.API,
            personal=self._personal(),
            request_id=request.META["crm.request_id"],
        )
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="segment-{segment.slug}.csv"'
        return response

    @extend_schema(summary="Ask why a customer is in a segment, or not", responses=WhySerializer)
    @action(detail=True, url_path="why/(?P<code>[^/]+)", filter_backends=[])
    def why(self, request: Request, slug: str, code: str) -> Response:
        """Asked of the customer as they are now, part by part of the rule as it is now."""
        segment, customer = self.get_object(), by_code(code)
        if customer is None:
            raise Http404
        found = why(_ruled(lambda: read_rule(segment.rule)), customer=customer)
        is_member = segment.members.filter(customer=customer).exists()
        facts = why_facts(found, code=customer.code, is_member=is_member)
        return Response(WhySerializer(facts).data)

    def _personal(self) -> bool:
        return may(self.request, ("customers:read",), ("customers.view_customer",))

    def _user(self) -> User | None:
        user = self.request.user
        return user if isinstance(user, User) else None

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """One segment is found by its slug, also when it is archived."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset


def _ruled(work: Callable[[], T]) -> T:
    """Do something with a rule; what is wrong with the rule is told place by place."""
    try:
        return work()
    except (RuleError, RuleRefusedError) as error:
        raise exceptions.ValidationError(_by_place(error.problems)) from error


def _by_place(problems: tuple[Problem, ...]) -> dict[str, list[exceptions.ErrorDetail]]:
    """Return problems by dotted path, like ``rule.and.0.value``."""
    found: dict[str, list[exceptions.ErrorDetail]] = {}
    for problem in problems:
        detail = exceptions.ErrorDetail(problem.words, problem.code)
        found.setdefault(f"rule{problem.path.replace('/', '.')}", []).append(detail)
    return found
