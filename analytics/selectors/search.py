"""Search by words over customers, products and signals.

Answers in bounded time, whatever is asked: what would need all rows is answered from the newest
(``more`` says that there is more, ``incomplete`` that time ran out). Never raises for what people
type. Who may see which kind is for the caller to decide: pass only those.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from psycopg.errors import QueryCanceled

from analytics.selectors import search_sql as sql
from analytics.selectors.search_typos import meant

CUSTOMERS, PRODUCTS, SIGNALS = KINDS = ("customers", "products", "signals")
"""What can be searched, in the order of the answer."""

MAX_LIMIT = 50
MAX_LENGTH = 200
"""Characters of a question that are read; nobody types more."""

CANDIDATES = 200
"""Rows of a kind that are ranked; of more matches, the newest signals and any others."""

WALK = 5_000
"""Newest signals that are compared one by one: words of one in some hundred are found there."""

READ_MATCHES, READ_MATCHES_OF_EACH = 3_000, 50_000
"""Of a word more common than that among customers or products, about so many matches are read, at
random; of each of several words many more, for few may have them all."""

BUDGET = timedelta(milliseconds=250)
"""After that the search for older signals stops between two partitions."""

TIMEOUT_MS = 1_000
"""The database gives up a statement after that; the kind is then incomplete."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One row found.

    Attributes:
        kind: one of ``KINDS``.
        id: key of the row: of the customer or product, or the signal's UUID.
        key: what people know it by: customer code, product key; of a signal its type.
        title: customer's name or code, product's label, or the signal's type and customer. Plain.
        highlight: what was found in it, as HTML: escaped, with ``<mark>`` around the words.
        rank: comparable within a kind only.
        exact: its code, old code, alias or e-mail address is what was asked for.
        occurred_at: of a signal; else None.
        customer_id, customer_code: of a customer, or of a signal whose customer is known.
    """

    kind: str
    id: str
    key: str
    title: str
    highlight: SafeString
    rank: float
    exact: bool = False
    occurred_at: datetime | None = None
    customer_id: int | None = None
    customer_code: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, by kind in the order of ``KINDS``, the best first.

    Attributes:
        query: what was searched, cleaned.
        hits: at most ``limit`` of each kind.
        did_you_mean: set when nothing was found as typed: the words whose hits these are.
        more: kinds of which there are more hits than shown.
        incomplete: kinds whose search ran out of time; there may be hits that are not shown.
    """

    query: str
    hits: tuple[SearchHit, ...] = ()
    did_you_mean: str = ""
    more: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[SearchHit, ...]:
        """Return the hits of one kind."""
        return tuple(hit for hit in self.hits if hit.kind == kind)


def search(
    q: str, *, kinds: Collection[str] = KINDS, limit: int = 10, names: bool = True
) -> SearchResult:
    """Find customers, products and signals by words.

    All words must be there, in any order and without regard to case and accents; ``"two words"``
    side by side, ``or``, and ``-without`` work as on the web. The last word may be unfinished.
    Codes, old codes and e-mail addresses are found exactly. Where nothing is found, words that are
    like the mistyped ones are tried.

    Args:
        q: what was typed.
        kinds: those of ``KINDS`` to search; others are ignored.
        limit: hits of each kind, 1 to ``MAX_LIMIT``.
        names: call signals by their customer's name; without it by the code, for who may not see
            customers.
    """
    text = clean(q)
    asked = tuple(kind for kind in KINDS if kind in kinds)
    limit = max(1, min(limit, MAX_LIMIT))
    found = _find(text, asked, limit, names)
    if found.hits or found.incomplete or not text:
        return found
    with _bounded():
        other = meant(text, asked)
    if not other:
        return found
    better = _find(other, asked, limit, names)
    return SearchResult(text, better.hits, other, better.more) if better.hits else found


def clean(q: str) -> str:
    """Return what was typed without what PostgreSQL cannot store, cut to a sensible length.

    >>> clean("  blue\\x00 mug  ")
    'blue mug'
    """
    text = q.encode("utf-8", "ignore").decode()
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:MAX_LENGTH].strip()


def _find(text: str, kinds: Iterable[str], limit: int, names: bool) -> SearchResult:
    """Search as typed."""
    queries = _queries(text)
    given = {
        "text": text,
        "names": names,
        "limit": limit + 1,
        "candidates": CANDIDATES,
        **sql.MARKED,
        **(queries or {"whole": "", "prefixed": "", "matches": READ_MATCHES}),
    }
    found = _by_kind([kind for kind in kinds if queries or kind != SIGNALS], given)
    return SearchResult(
        text,
        tuple(hit for hits, _ in found.values() for hit in hits[:limit]),
        more=tuple(kind for kind, (hits, _) in found.items() if len(hits) > limit),
        incomplete=tuple(kind for kind, (_, complete) in found.items() if not complete),
    )


def _by_kind(kinds: list[str], given: dict[str, Any]) -> dict[str, tuple[list[SearchHit], bool]]:
    """Return hits and completeness by kind; one that runs out of time takes no other along."""
    found: dict[str, tuple[list[SearchHit], bool]] = {}
    left = iter(kinds)
    while len(found) < len(kinds):
        try:
            with _bounded(given["matches"]):
                for kind in left:
                    found[kind] = ([], False)
                    found[kind] = _FINDERS[kind](given)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
    return found


def _queries(text: str) -> dict[str, Any] | None:
    """Return the words as a query, and the same with the last one unfinished; None: no words."""
    if not text:
        return None
    with connection.cursor() as cursor:
        cursor.execute(sql.READ, {"words": text})
        whole, indexable, words = cursor.fetchone()
    if not indexable:
        return None
    return {
        "whole": whole,
        "prefixed": f"{whole}:*" if _may_go_on(text, whole) else whole,
        "matches": READ_MATCHES if words == 1 else READ_MATCHES_OF_EACH,
    }


_OPERATORS = re.compile(r'"|(^|\s)-|(^|\s)or(\s|$)', re.IGNORECASE)


_LAST = re.compile(r"'((?:[^']|''){2,})'$")


def _may_go_on(text: str, whole: str) -> bool:
    """Whether the last word may be the beginning of a longer one: in plain words only."""
    return bool(_LAST.search(whole)) and not _OPERATORS.search(text)


def _customers(given: dict[str, Any]) -> tuple[list[SearchHit], bool]:
    rows = _rows(sql.CUSTOMERS, given)
    return [
        SearchHit(
            CUSTOMERS,
            str(pk),
            code,
            name or code,
            _marked(line),
            rank,
            exact,
            customer_id=pk,
            customer_code=code,
        )
        for pk, code, name, rank, exact, line in rows
    ], True


def _products(given: dict[str, Any]) -> tuple[list[SearchHit], bool]:
    rows = _rows(sql.PRODUCTS, given)
    return [
        SearchHit(PRODUCTS, str(pk), key, label, _marked(line), rank, exact)
        for pk, key, label, rank, exact, line in rows
    ], True


def _signals(given: dict[str, Any]) -> tuple[list[SearchHit], bool]:
    candidates, complete = _signal_candidates(given)
    best = sorted(candidates, key=lambda row: (row[2], row[1]), reverse=True)[: given["limit"]]
    if not best:
        return [], complete
    ranks = {pk: rank for pk, _, rank in best}
    shown = {"ids": [pk for pk, _, _ in best], "times": [at for _, at, _ in best], **given}
    return [
        SearchHit(
            SIGNALS,
            str(pk),
            event_type,
            f"{event_type} · {(given['names'] and name) or code or customer_ref}",
            _marked(line),
            ranks[pk],
            occurred_at=at,
            customer_id=customer_id,
            customer_code=code or "",
        )
        for pk, at, event_type, customer_ref, _, customer_id, code, name, line in _rows(
            sql.SIGNALS_SHOWN, shown
        )
    ], complete


def _signal_candidates(given: dict[str, Any]) -> tuple[list[tuple[Any, ...]], bool]:
    """Return rows ``(id, occurred_at, rank)`` and whether all months were looked at."""
    newest = _rows(sql.SIGNALS_NEWEST, {**given, "walk": WALK})
    if len(newest) >= given["limit"]:
        return newest, True
    found = _rows(sql.SIGNALS_INDEXED, {**given, "budget": BUDGET})
    return [row for row in found if row[0]], all(row[0] for row in found)


_FINDERS = {CUSTOMERS: _customers, PRODUCTS: _products, SIGNALS: _signals}


def _rows(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@contextmanager
def _bounded(matches: int = 0) -> Iterator[None]:
    """Bound the statements inside. The settings are rolled back with them; they only read."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(sql.BOUNDS, {"timeout": TIMEOUT_MS, "matches": matches})
        yield
        transaction.set_rollback(True)


def _marked(line: str) -> SafeString:
    """Return a headline as HTML: everything escaped, and then the marks around found words."""
    html = escape(line).replace(sql.BEGIN, "<mark>").replace(sql.END, "</mark>")
    return mark_safe(html)  # noqa: S308 - escaped in the line above
