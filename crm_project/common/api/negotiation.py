"""The API speaks JSON, whatever the caller's Accept header hopes for."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class FirstRenderer(BaseContentNegotiation):
    """Always the view's first renderer: nothing to negotiate, so nothing is 406."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next((p for p in parsers if _matches(p.media_type, request.content_type)), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


def _matches(offered: str, given: str) -> bool:
    return given.partition(";")[0].strip().lower() == offered
