"""Partitions of signals and raw events: on demand, ahead, and removed when they are old.

The application's role owns no tables: functions of the migrating role do the work.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, connection

SIGNALS = "analytics_signal"
RAW_EVENTS = "analytics_rawevent"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHECK_VIOLATION = "23514"


def ensure_partitions(*, signals: Iterable[int], raw_events: Iterable[int]) -> int:
    """Make the partitions that hold these moments, where they are missing. Returns how many.

    Args:
        signals, raw_events: moments in microseconds since 1970 UTC.
    """
    made = 0
    with connection.cursor() as cursor:
        for parent, moments in ((SIGNALS, signals), (RAW_EVENTS, raw_events)):
            times = [_EPOCH + timedelta(microseconds=moment) for moment in moments]
            cursor.execute("select crm_private.ensure_signal_partitions(%s, %s)", [parent, times])
            made += cursor.fetchone()[0]
    return made


def is_missing_partition(error: IntegrityError) -> bool:
    """Whether a row found no partition: one of the table's own checks would be named."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", "")
    named = getattr(getattr(cause, "diag", None), "constraint_name", None)
    return state == _CHECK_VIOLATION and named is None
