from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.pagination import CursorPagination
from crm_project.common.api.views import ListMixin, RetrieveMixin
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import User
from recommendations.api.run_serializers import (
    DifferenceSerializer,
    RecoConfigSerializer,
    WriteConfigSerializer,
)
from recommendations.models import RecoConfig
from recommendations.selectors.configs import differences, find_config
from recommendations.services.configs import activate_config, create_config


@extend_schema_view(
    list=extend_schema(summary="List settings of recommendations, newest first"),
    retrieve=extend_schema(summary="Read settings with all their values"),
)
@extend_schema(tags=["recommendations"])
class RecoConfigViewSet(ListMixin, RetrieveMixin):
    """Thresholds and weights, each set under the hash of its values. One set is active."""

    queryset = RecoConfig.objects.select_related("parent")
    serializer_class = RecoConfigSerializer
    pagination_class = CursorPagination
    default_ordering = ("-id",)
    lookup_value_regex = "[0-9]{1,9}"
    brief_fields = ("id", "name", "hash", "status")
    required_scopes = {
        "list": "recommendations:read",
        "retrieve": "recommendations:read",
        "diff": "recommendations:read",
        "create": "recommendations:configure",
        "activate": "recommendations:configure",
    }
    staff_permissions = {
        "create": "recommendations.add_recoconfig",
        "activate": "recommendations.change_recoconfig",
    }
    extra_parameters = {"diff": ("to",)}

    @extend_schema(
        summary="Write new settings",
        request=WriteConfigSerializer,
        responses={201: RecoConfigSerializer},
    )
    def create(self, request: Request) -> Response:
        """They are a draft until somebody activates them. The very same values are refused."""
        values = self.checked(WriteConfigSerializer(data=request.data))
        parent = _found(values["based_on"], "based_on") if values.get("based_on") else None
        try:
            made = create_config(
                name=values["name"],
                values=values["values"],
                comment=values["comment"],
                parent=parent,
                user=_user(request),
            )
        except ConflictError:
            raise
        except CrmError as error:
            raise exceptions.ValidationError({"values": [str(error)]}) from error
        return self.answer(made, code=status.HTTP_201_CREATED)

    @extend_schema(summary="Let runs use these settings", request=None)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """The settings active until now are retired; they can be activated again."""
        return self.answer(activate_config(config=self.get_object(), user=_user(request)))

    @extend_schema(
        summary="What differs between two sets of settings",
        responses=DifferenceSerializer(many=True),
        parameters=[
            OpenApiParameter("to", str, required=True, description="Hash of the other settings.")
        ],
    )
    @action(detail=True, pagination_class=None, filter_backends=[])
    def diff(self, request: Request, pk: str) -> Response:
        """``before`` is of these settings, ``after`` of the others."""
        these = self.get_object()
        other = _found(request.query_params.get("to", ""), "to")
        found = differences(these.values, other.values)
        return Response(DifferenceSerializer(found, many=True).data)


def _user(request: Request) -> User | None:
    user: Any = request.user
    return user if isinstance(user, User) else None


def _found(text: str, name: str) -> RecoConfig:
    try:
        return find_config(text)
    except CrmError as error:
        raise exceptions.ValidationError({name: [str(error)]}) from error
