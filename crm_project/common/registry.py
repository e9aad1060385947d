"""What higher apps show on the pages of a lower app: they register here, the page reads here.

The customer page belongs to ``customers``, which knows nothing of orders or segments. Those apps
register figures, tabs, columns, filters, actions and prefetches when their admin is loaded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure of the strip above a page. ``value`` is text, escaped by the template."""

    label: str
    value: str
    note: str = ""
    href: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list: how to read it from a row, and what to load so that it costs no query."""

    name: str
    title: str
    value: Callable[[Any], Any]
    prefetch: str = ""
    ordering: str = ""


@dataclass(frozen=True, slots=True)
class BulkAction:
    """What can be done with the rows that somebody ticked: ``run(request, rows)``.

    ``run`` returns a response, or None to stay on the list.
    """

    name: str
    description: str
    run: Callable[[HttpRequest, Any], HttpResponse | None]


@dataclass(frozen=True, slots=True)
class _Part:
    position: int
    permission: str
    content: Any


@dataclass(slots=True)
class PageRegistry:
    """The extension points of one page and of the list that leads to it."""

    _kpis: list[_Part] = field(default_factory=list)
    _tabs: list[_Part] = field(default_factory=list)
    _columns: list[_Part] = field(default_factory=list)
    _filters: list[_Part] = field(default_factory=list)
    _actions: list[_Part] = field(default_factory=list)

    def add_kpis(
        self,
        source: Callable[[HttpRequest, Any], Iterable[Kpi]],
        *,
        position: int,
        permission: str = "",
    ) -> None:
        """Show the figures that ``source(request, row)`` returns; lower positions come first."""
        self._kpis.append(_Part(position, permission, source))

    def add_tab(self, dataset: type[Any], *, position: int, permission: str = "") -> None:
        """Show a dataset (``unfold.datasets.BaseDataset``) as a tab of the page."""
        self._tabs.append(_Part(position, permission, dataset))

    def add_column(self, column: Column, *, position: int, permission: str = "") -> None:
        """Show a column in the list."""
        self._columns.append(_Part(position, permission, column))

    def add_filter(self, list_filter: type[Any], *, position: int, permission: str = "") -> None:
        """Offer a filter beside the list."""
        self._filters.append(_Part(position, permission, list_filter))

    def add_action(self, action: BulkAction, *, position: int, permission: str = "") -> None:
        """Offer an action on ticked rows of the list."""
        self._actions.append(_Part(position, permission, action))

    def kpis(self, request: HttpRequest, row: Any) -> list[Kpi]:
        return [kpi for source in _allowed(self._kpis, request) for kpi in source(request, row)]

    def tabs(self, request: HttpRequest) -> list[type[Any]]:
        return _allowed(self._tabs, request)

    def columns(self, request: HttpRequest) -> list[Column]:
        return _allowed(self._columns, request)

    def filters(self, request: HttpRequest) -> list[type[Any]]:
        return _allowed(self._filters, request)

    def actions(self, request: HttpRequest) -> list[BulkAction]:
        return _allowed(self._actions, request)


def _allowed(parts: list[_Part], request: HttpRequest) -> list[Any]:
    """Return what this user may see, in its order."""
    return [
        part.content
        for part in sorted(parts, key=lambda part: part.position)
        if not part.permission or request.user.has_perm(part.permission)
    ]


customer_page = PageRegistry()
