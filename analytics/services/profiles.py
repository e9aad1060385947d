"""Keep the stored profiles of customers up to date. Readers are never blocked.

A refresh is one transaction. It takes the log of changes that every writer of orders, lines and
tastes adds to (``analytics/sql/profile_changes_v1.sql``), computes the customers concerned in
chunks into a table of its own, and brings the differences into the table that everybody reads.
Whatever kills it on the way leaves the former profiles, and the log for the next refresh.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from analytics.services.rfm_steps import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.services import refresh

STEP = "profiles"
"""The name of the step in the ledger."""

RULES = "profile-1"
"""Version of the rules in SQL: profiles of another version are all computed anew."""

CHUNK = 5_000
"""Customers computed in one statement: their lines fit into memory."""

_LOCK = 7_264_006
"""The advisory lock of refreshes; any number that nothing else uses."""


@dataclass(frozen=True, slots=True)
class ProfilesResult:
    """What a refresh did.

    ``customers`` were looked at, ``written`` of them have a new or another profile now, and
    ``removed`` profiles went since nothing counted is left of them. ``whole``: everybody's were
    computed, whether asked for or because the stored ones described something else. After a
    ``dry_run`` nothing of it was kept.
    """

    customers: int
    as_of: date
    written: int
    removed: int
    whole: bool
    dry_run: bool = False


def refresh_profiles(
    *,
    as_of: date | None = None,
    full: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ProfilesResult:
    """Compute the profiles of customers concerned by what changed since the last refresh.

    Args:
        as_of: the day whose end is described; by default today in the business's time zone. A day
            before the one described so far computes everybody: the stored profiles then show that
            day. To look at the past without writing, use ``selectors.profiles.taste_profiles``.
        full: compute everybody.
        dry_run: compute all the same, but keep nothing.

    Raises ``CrmError`` for a day to come, and ``ConflictError`` while another refresh is under
    way.
    """
    day = as_of or timezone.localdate()
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    until = end_of(day)
    if dry_run:
        return _refresh(day, until, full=full, keep=False, progress=progress)
    with refresh.record(STEP, as_of=until) as state:
        result = _refresh(day, until, full=full, keep=True, progress=progress)
        state.rows = result.customers
    return result


@transaction.atomic
def _refresh(
    day: date, until: datetime, *, full: bool, keep: bool, progress: Progress | None
) -> ProfilesResult:
    if not _one("select pg_try_advisory_xact_lock(%s)", _LOCK)[0]:
        raise ConflictError("Profiles are being refreshed already; try again when that is done.")
    _tell(progress, 0, None, "Looking for what changed")
    zone = settings.TIME_ZONE
    whole, customers, chunks = _one(
        "select * from crm_private.profiles_begin(%s, %s, %s, %s, %s)",
        until, zone, RULES, full, CHUNK,
    )  # fmt: skip
    for chunk in range(chunks):
        _tell(progress, chunk, chunks + 1, f"Computing {customers:,} profiles")
        _one("select crm_private.profiles_compute(%s, %s, %s)", chunk, until, zone)
    _tell(progress, chunks, chunks + 1, "Making them readable")
    written, removed = _one(
        "select * from crm_private.profiles_publish(%s, %s, %s, %s, %s)",
        day, until, zone, RULES, whole,
    )  # fmt: skip
    if not keep:
        transaction.set_rollback(True)
    return ProfilesResult(
        customers=customers,
        as_of=day,
        written=written,
        removed=removed,
        whole=whole,
        dry_run=not keep,
    )


def _tell(progress: Progress | None, done: int, total: int | None, message: str) -> None:
    if progress is not None:
        progress(done, total, message)


def _one(sql: str, *params: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
