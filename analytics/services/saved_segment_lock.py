"""One at a time rebuilds or archives a saved segment."""

from django.db import connection

_LOCK = 7_264_043
"""The first half of the advisory lock; the segment's key is the second."""


def lock(segment_id: int) -> bool:
    """Take the lock of a segment until the transaction ends; False: somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_LOCK, segment_id])
        return bool(cursor.fetchone()[0])
