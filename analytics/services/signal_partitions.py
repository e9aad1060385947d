"""Partitions of signals and raw events: on demand, ahead, and removed when they are old.

The application's role owns no tables: functions of the migrating role do the work.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from crm_project.common.services import refresh

logger = structlog.get_logger(__name__)

SIGNALS = "analytics_signal"
RAW_EVENTS = "analytics_rawevent"

MONTHS_AHEAD = 3
DROP_TRIES = 20
"""A table that readers use for longer than so many tenths of a second goes the next night."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHECK_VIOLATION = "23514"


@dataclass(frozen=True, slots=True)
class Partition:
    """One month (before 2020: one year) of signals or raw events.

    Attributes:
        table: whose part it is.
        starts, ends: the half-open interval in UTC.
        rows: as the planner believes; exact figures would cost a pass over it.
        bytes: on disk, with indexes.
    """

    table: str
    name: str
    starts: datetime
    ends: datetime
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PartitionsKept:
    """What one run did, by names of partitions.

    Attributes:
        made: how many were missing.
        dropped: those too old.
        busy: too old as well, but in use; they go the next time.
    """

    made: int
    dropped: tuple[str, ...]
    busy: tuple[str, ...]
    dry_run: bool = False


def ensure_partitions(*, signals: Iterable[int], raw_events: Iterable[int]) -> int:
    """Make the partitions that hold these moments, where they are missing. Returns how many.

    Args:
        signals, raw_events: moments in microseconds since 1970 UTC.
    """
    # Asked each time: what this process remembered, another may have dropped.
    return _ensure(
        [_EPOCH + timedelta(microseconds=moment) for moment in signals],
        [_EPOCH + timedelta(microseconds=moment) for moment in raw_events],
    )


def is_missing_partition(error: IntegrityError) -> bool:
    """Whether a row found no partition: one of the table's own checks would be named."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", "")
    named = getattr(getattr(cause, "diag", None), "constraint_name", None)
    return state == _CHECK_VIOLATION and named is None


def partitions(table: str) -> list[Partition]:
    """Return the partitions of ``SIGNALS`` or ``RAW_EVENTS``, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("select * from crm_private.signal_partitions(%s)", [table])
        return [Partition(table, *row) for row in cursor.fetchall()]


def keep_partitions(*, today: date | None = None, dry_run: bool = False) -> PartitionsKept:
    """Make the partitions of the next months, drop those past retention, tell the planner.

    Retention counts whole months besides the current one: with 12, a signal of March is there
    until the end of March of the next year. Nothing is dropped unless a setting says so. Receipts
    stay: what was dropped is not stored again when it is sent again.

    Raises:
        CrmError: a retention of less than no months.
    """
    first = (today or timezone.now().astimezone(UTC).date()).replace(day=1)
    ahead = [_midnight(_months_after(first, months)) for months in range(MONTHS_AHEAD + 1)]
    old = _past_retention(first)
    if dry_run:
        return PartitionsKept(0, tuple(part.name for part in old), (), dry_run=True)
    with refresh.record("signal partitions") as state:
        made = _ensure(ahead, ahead)
        gone = {part.name: _drop(part) for part in old}
        _analyze()
        state.rows = made + sum(gone.values())
    dropped = tuple(name for name, done in gone.items() if done)
    busy = tuple(name for name, done in gone.items() if not done)
    if dropped or busy:
        logger.info("signal_partitions_dropped", dropped=dropped, busy=busy)
    return PartitionsKept(made, dropped, busy)


def _ensure(signals: list[datetime], raw_events: list[datetime]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select crm_private.ensure_signal_partitions(%s, %s)"
            " + crm_private.ensure_signal_partitions(%s, %s)",
            [SIGNALS, signals, RAW_EVENTS, raw_events],
        )
        made: int = cursor.fetchone()[0]
    return made


def _analyze() -> None:
    """Tell the planner about all months together, which nobody else does."""
    with connection.cursor() as cursor:
        cursor.execute("select crm_private.analyze_signals()")


def _past_retention(first: date) -> list[Partition]:
    """Return the partitions that end before the oldest month that is kept."""
    found = []
    for table, months in (
        (SIGNALS, settings.CRM_SIGNAL_RETENTION_MONTHS),
        (RAW_EVENTS, settings.CRM_RAW_EVENT_RETENTION_MONTHS),
    ):
        if months < 0:
            raise CrmError("Retention is a number of months; 0 keeps everything.")
        if months:
            oldest_kept = _midnight(_months_after(first, -months))
            found += [part for part in partitions(table) if part.ends <= oldest_kept]
    return found


def _drop(part: Partition) -> bool:
    """Drop one partition; False when readers were in the way all the time."""
    for _ in range(DROP_TRIES):
        # Each try waits a tenth of a second for the table, and holds nobody up for longer.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "select crm_private.drop_signal_partition(%s, %s)", [part.table, part.name]
            )
            if cursor.fetchone()[0]:
                return True
    return False


def _months_after(first: date, months: int) -> date:
    """Return the first day of a month some months after (or before) another.

    >>> _months_after(date(2026, 11, 1), 3), _months_after(date(2026, 1, 1), -13)
    (datetime.date(2027, 2, 1), datetime.date(2024, 12, 1))
    """
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
