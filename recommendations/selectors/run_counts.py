"""How many items, lists and exclusions of a run there are of each kind; counted once, then kept.

A run of half a million customers takes seconds to count, and its pages and ``/recommendations``
show the numbers on every call. What is kept is never old: it is kept under what it depends on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import connection
from django.db.models import Count
from redis.exceptions import RedisError

from recommendations.models import RecoAudit, RecoDecision, RecoExclusion, RecoItem, RecoRun

T = TypeVar("T")

_KEPT_SECONDS = 86_400

_WAITING = """
    select
        count(*), count(distinct i.customer_id),
        count(*) filter (where a.exportable),
        count(distinct i.customer_id) filter (where a.exportable)
    from recommendations_recoitem as i
    left join recommendations_recoaudit as a
        on a.customer_id = i.customer_id and a.run_id = i.run_id
    where i.run_id = %(run)s and i.status = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a run nobody decided on yet; ``passing`` are lists that the audit let pass."""

    items: int
    customers: int
    passing_items: int
    passing_customers: int


def statuses(*, run: RecoRun) -> dict[str, int]:
    """Return how many items of a run are pending, approved, rejected and flagged."""

    def count() -> dict[str, int]:
        rows = RecoItem.objects.filter(run_id=run.pk).order_by().values_list("status")
        return dict(rows.annotate(number=Count("pk")))

    return _kept("statuses", run, count)


def excluded(*, run: RecoRun, stage: str) -> dict[str, int]:
    """Return how many customers each code kept without an offer (or a message), most first."""

    def count() -> dict[str, int]:
        rows = RecoExclusion.objects.filter(run_id=run.pk, stage=stage).order_by()
        found: Iterable[Any] = rows.values_list("code").annotate(number=Count("customer_id"))
        return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    return _kept(f"excluded:{stage}", run, count)


def list_scores(*, run: RecoRun) -> dict[int, int]:
    """Return how many lists of a run have which score, best first."""

    def count() -> dict[int, int]:
        rows = RecoAudit.objects.filter(run=run).order_by().values_list("score")
        return dict(sorted(rows.annotate(lists=Count("customer_id")), reverse=True))

    return _kept("list_scores", run, count)


def waiting(*, run: RecoRun) -> Waiting:
    """Return how much of a run waits for a decision."""

    def count() -> tuple[int, ...]:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING, {"run": run.pk})
            return tuple(cursor.fetchone())

    return Waiting(*_kept("waiting", run, count))


def _kept(what: str, run: RecoRun, count: Callable[[], T]) -> T:
    """Return a count as it was kept, or count; count, too, while the cache is away.

    Each item changes by decisions alone, and each decision is a new row: the newest is read first,
    so that what is counted under it is as new or newer. Its moment tells it from one of the same
    number in a database that was restored. A run under way is counted every time.
    """
    if run.finished_at is None:
        return count()
    key = f"reco:{what}:{_state(run)}"
    try:
        known: T | None = cache.get(key)
        if known is None:
            known = count()
            cache.set(key, known, _KEPT_SECONDS)
    except RedisError:
        return count()
    return known


def _state(run: RecoRun) -> str:
    """Return all that the counts of a finished run depend on, as a key of the cache."""
    decided = RecoDecision.objects.filter(run=run).order_by("-pk")
    newest = decided.values_list("pk", "created_at").first() or ()
    audit = (run.checks.get("audited_at"), run.checks.get("made_at"))
    parts = (run.pk, run.finished_at, run.items_dropped_at, *audit, *newest)
    return ":".join(str(part).replace(" ", "T") for part in parts)
