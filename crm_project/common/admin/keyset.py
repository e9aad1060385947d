"""Lists of many millions of rows: pages by key, no count, and a limit on what a filter may cost."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from crm_project.common.admin.bases import ChangeList, CrmAdmin, M
from crm_project.common.selectors.time_limit import TooSlowError, time_limit

AFTER, BEFORE = "after", "before"
PATIENCE = timedelta(seconds=4)
"""A list that takes longer is given up: a filter without an index must not load the database."""

TOO_SLOW = (
    f"Finding these rows took longer than {PATIENCE.seconds} seconds, so the search was stopped. "
    "Narrow it down: by customer, by type, or to fewer days."
)
_ASKED = "crm.keyset"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class KeysetPages:
    """Stands where templates expect a paginator: the way to older and newer rows."""

    template_name = "crm/pagination_keyset.html"

    def __init__(self, *, older: str, newer: str) -> None:
        self.older = older
        self.newer = newer


class KeysetChangeList(ChangeList):
    """Newest first by the admin's ``keyset``; a page is found through the index, however deep.

    The address says after (or before) which row a page begins. An address that makes no sense
    shows the first page.
    """

    model_admin: Any

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any, Any]) -> list[Any]:
        """No other order has an index, so none can be asked for."""
        return list(self.model_admin.keyset_order)

    def get_results(self, request: HttpRequest) -> None:
        older = newer = ""
        rows: list[Any] = []
        self.asked: dict[str, str] = request.META.get(_ASKED, {})
        try:
            with time_limit(PATIENCE):
                rows, older, newer = self._page()
        except TooSlowError:
            messages.warning(request, TOO_SLOW)
        self.model_admin.prepare_rows(request, rows)
        self.result_list = rows
        # Equal, so that the theme says neither: nobody has counted.
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = KeysetPages(older=older, newer=newer)

    def _page(self) -> tuple[list[Any], str, str]:
        """Return the rows and the addresses of the older and the newer page ("" where none)."""
        size = self.list_per_page
        site = self.model_admin
        if before := self._key(self.asked.get(BEFORE, "")):
            upwards = [name.removeprefix("-") for name in site.keyset_order]
            newer = self.queryset.filter(site.keyset_beyond(*before, way="gt"))
            found = list(newer.order_by(*upwards)[:size])
            # Fewer than a page are newer: the first page holds them, and it is full.
            if len(found) == size:
                rows = found[::-1]
                return rows, self._address(AFTER, rows[-1]), self._address(BEFORE, rows[0])
        after = self._key(self.asked.get(AFTER, ""))
        wanted = self.queryset
        if after:
            wanted = wanted.filter(site.keyset_beyond(*after, way="lt"))
        found = list(wanted[: size + 1])
        rows = found[:size]
        to_older = self._address(AFTER, rows[-1]) if len(found) > size else ""
        to_newer = self._address(BEFORE, rows[0]) if after and rows else ""
        return rows, to_older, to_newer

    def _address(self, way: str, row: Any) -> str:
        moment, key = (getattr(row, name) for name in self.model_admin.keyset)
        return str(self.get_query_string({way: f"{(moment - _EPOCH) // _MICROSECOND}.{key}"}))

    def _key(self, text: str) -> tuple[datetime, Any] | None:
        """Read a key as the address has it; None for anything else."""
        micros, _, key = text.partition(".")
        if not micros.isdecimal() or len(micros) > 17:
            return None
        try:
            return _EPOCH + int(micros) * _MICROSECOND, self.opts.pk.to_python(key)
        except (ValidationError, OverflowError):
            return None


class KeysetListAdmin(CrmAdmin[M]):
    """A list of rows that are never counted, ordered by ``keyset``: a time and the key."""

    keyset: tuple[str, str] = ("occurred_at", "id")
    list_disable_select_all = True
    list_per_page = 50
    sortable_by: list[str] = []

    @property
    def keyset_order(self) -> list[str]:
        return [f"-{name}" for name in self.keyset]

    def keyset_beyond(self, moment: datetime, key: Any, *, way: str) -> Q:
        """Return the condition "further on than this row" (``way`` is ``lt`` or ``gt``).

        The first part bounds the time alone: partitions outside it are not even opened.
        """
        first, second = self.keyset
        bound = Q(**{f"{first}__{way}e": moment})
        return bound & (Q(**{f"{first}__{way}": moment}) | Q(**{f"{second}__{way}": key}))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Take our own parameters out: they are no filters, and a new filter starts on page 1."""
        here = self.get_preserved_filters(request)
        given = request.GET.copy()
        request.META[_ASKED] = {name: given.pop(name, [""])[-1] for name in (AFTER, BEFORE)}
        request.GET = given  # type: ignore[assignment] # mutable, and changed no more
        found: ChangeList = super().get_changelist_instance(request)
        # Whoever comes back from a row comes back to this page.
        found.preserved_filters = here
        return found

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Give the rows of one page what their columns show, with few queries for all of them."""
