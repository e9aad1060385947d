"""The description of the API, the page that shows it, and what lies beside both: nothing."""

from functools import cache
from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.utils import translation
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.views import CrmView


@cache
def description() -> dict[str, Any]:
    """Return the OpenAPI document. It follows from the code, so one making is enough."""
    with translation.override("en"):
        made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
        return made


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 as YAML or JSON, the same for everybody: it describes, it shows no data."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    content_negotiation_class = DefaultContentNegotiation

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(description())


# Own scripts only: stricter than the admin, whose theme evaluates its attributes.
@method_decorator(
    csp_replace({"script-src": [SELF], "style-src": [SELF, UNSAFE_INLINE]}), "dispatch"
)
class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from installed files: it works offline and without inline scripts."""

    permission_classes = [AllowAny]
    url_name = "api-schema"


@extend_schema(exclude=True)
class UnknownView(CrmView):
    """Whatever else is asked for below /api/: a problem, not a page."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise exceptions.NotFound("There is no such address here.", code="unknown_address")
