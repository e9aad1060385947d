"""The base of every endpoint: who may, how often, which parameters, which version, only once."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from rest_framework import exceptions, mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView

from crm_project.common.api import etag, idempotency
from crm_project.common.api.filters import check_parameters, chosen_fields, server_time
from crm_project.common.api.serializers import take_reason
from crm_project.common.api.throttling import add_headers

API_VERSION = "1"
SERVER_TIME = "X-Server-Time"


class CrmView(APIView):
    """Counts every request, also refused ones; knows its parameters; honours Idempotency-Key."""

    # By action. Of several, one is enough.
    required_scopes: Mapping[str, str | tuple[str, ...]] = {}
    staff_permissions: Mapping[str, str | tuple[str, ...]] = {}
    # Query parameters of actions other than list and retrieve.
    extra_parameters: Mapping[str, tuple[str, ...]] = {}
    metadata_class = None

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except exceptions.APIException:
            # Guessing tokens is counted by address.
            super().check_throttles(request)
            raise

    def check_permissions(self, request: Request) -> None:
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Already done, before the permissions."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if getattr(self, "action", None) is None:
            return
        check_parameters(request, self.known_parameters())
        method = (request.method or "").lower()
        handler = getattr(self, method)
        wrapped = idempotency.wrap(request, handler, self.handle_exception)
        if wrapped is not handler:
            setattr(self, method, wrapped)

    def known_parameters(self) -> set[str]:
        return set(self.extra_parameters.get(getattr(self, "action", ""), ()))

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["API-Version"] = API_VERSION
        final["Cache-Control"] = "private, no-cache"
        if isinstance(request, Request):
            add_headers(request, final)
        return final


class CrmViewSet(CrmView, viewsets.GenericViewSet[Any]):
    """A resource. Subclasses name queryset, serializer, filters, scopes and the services."""

    http_method_names = ["get", "head", "post", "patch", "delete"]
    ordering_fields: tuple[str, ...] = ()
    default_ordering: tuple[str, ...] = ("id",)
    unique_ordering: frozenset[str] = frozenset({"id"})
    brief_fields: tuple[str, ...] = ()
    # Where fields= and brief= are understood.
    sparse_actions: frozenset[str] = frozenset({"list", "retrieve"})
    filterset_class: Any = None

    def known_parameters(self) -> set[str]:
        known = super().known_parameters()
        if self.action in self.sparse_actions and self.brief_fields:
            known |= {"fields", "brief"}
        if self.action == "list":
            known |= set(getattr(self.pagination_class, "parameters", ()))
            known |= set(self.filterset_class.base_filters) if self.filterset_class else set()
            known |= {"ordering"} if self.ordering_fields else set()
        return known

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "only": self.only_fields()}

    def only_fields(self) -> set[str] | None:
        """Return the fields the caller chose in a list; None: all."""
        if self.action != "list" or not self.brief_fields or self.request is None:
            return None
        return chosen_fields(self.request, self.readable_fields(), self.brief_fields)

    def readable_fields(self) -> list[str]:
        serializer: Serializer[Any] = self.get_serializer_class()()  # type: ignore[assignment]
        return [name for name, field in serializer.fields.items() if not field.write_only]

    def get_object(self) -> Any:
        if any("\x00" in str(value) for value in self.kwargs.values()):
            # PostgreSQL stores no such text, so nothing has this key.
            raise exceptions.NotFound
        return super().get_object()

    def represent(self, found: Model) -> dict[str, Any]:
        """Return the whole representation: what the ETag stands for."""
        return dict(self.get_serializer(found).data)

    def validated(self, data: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the checked values of a body; its reason goes to the history."""
        return self.checked(self.get_serializer(data=data, **kwargs))

    def checked(self, serializer: BaseSerializer[Any]) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        return take_reason(dict(serializer.validated_data))

    def answer(self, found: Model, *, code: int = status.HTTP_200_OK) -> Response:
        shown = self.represent(found)
        return Response(shown, status=code, headers={"ETag": etag.make(shown)})


class ListMixin(mixins.ListModelMixin):
    """A page of the list, and the time from which to ask for changes next."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        filterset = getattr(self, "filterset_class", None)
        synced = filterset is not None and "modified_since" in filterset.base_filters
        asked_at = server_time() if synced else ""
        response = super().list(request, *args, **kwargs)
        if asked_at:
            response[SERVER_TIME] = asked_at
        return response


class RetrieveMixin(CrmViewSet):
    """One resource with its ETag; 304 where the caller holds this version."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        shown = self.represent(self.get_object())
        tag = etag.make(shown)
        if etag.not_modified(request, tag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
        only = chosen_fields(request, list(shown), self.brief_fields)
        if only is not None:
            shown = {name: value for name, value in shown.items() if name in only}
        return Response(shown, headers={"ETag": tag})


class WriteMixin(CrmViewSet):
    """Locks, compares the version, then calls the service of the subclass."""

    def lock(self) -> Any:
        """Return the addressed row, locked until the transaction ends."""
        found = self.get_object()
        rows: QuerySet[Any] = self.get_queryset().filter(pk=found.pk)
        locked = rows.select_for_update(of=("self",)).first()
        if locked is None:
            raise exceptions.NotFound
        etag.check_if_match(self.request, etag.make(self.represent(locked)))
        return locked

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            found = self.lock()
            values = self.validated(request.data, instance=found, partial=True)
            return self.answer(self.perform_change(found, values))

    def perform_change(self, found: Any, values: dict[str, Any]) -> Any:
        raise NotImplementedError
