"""Whether the replica has what a reader must see: what is a few seconds old, and their own writes.

Places in the write-ahead log are compared, not clocks: a standby that was cut off does not know how
late it is. Once a second, each process asks the primary how far it has written and the replica how
far it has replayed.
"""

import threading
from time import monotonic

import structlog
from django.conf import settings
from django.db import DatabaseError, connections

from crm_project.common.replicas.router import PRIMARY, REPLICA

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two looks."""

REST = 5.0
"""Seconds that a replica which failed is left alone."""

NOWHERE = 1 << 63
"""A place that no log reaches."""

_WRITTEN = "select (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"
_REPLAYED = """
    select case when pg_is_in_recovery()
        then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint end
"""


class Freshness:
    """What a process knows of the replica. Places are bytes of log since its beginning.

    Args:
        max_lag: seconds of the primary's writes that a reader may miss.
    """

    def __init__(self, max_lag: float) -> None:
        self.max_lag = max_lag
        self.words = "not asked yet"
        self._written: tuple[tuple[float, int], ...] = ()
        self._replayed = -1
        self._asked = self._rests_until = float("-inf")
        self._lock = threading.Lock()

    def has(self, place: int) -> bool:
        """Return whether the replica is fresh enough for everybody, and has replayed ``place``."""
        now = monotonic()
        if now < self._rests_until:
            return False
        if now - self._asked >= EVERY and self._lock.acquire(blocking=False):
            # One thread asks; the others go by what was known a moment ago, if it was.
            try:
                self._ask(now)
            finally:
                self._lock.release()
        return self._replayed >= max(place, self._owed(now))

    def failed(self, why: str) -> None:
        """Leave the replica alone for a while."""
        self._rests_until = monotonic() + REST
        self._say(why)

    def _owed(self, now: float) -> int:
        """Return a place that the primary reached ``max_lag`` seconds ago or later.

        Where nobody has asked since then, it may have written anything: nothing is fresh enough.
        """
        since = now - max(self.max_lag, EVERY)
        return next((place for asked, place in self._written if asked >= since), NOWHERE)

    def _ask(self, now: float) -> None:
        self._asked = now
        try:
            written, replayed = written_until(), _place(REPLICA, _REPLAYED)
        except DatabaseError as error:
            connections[REPLICA].close()
            self.failed(f"it does not answer: {type(error).__name__}")
            return
        if replayed is None:
            self.failed("it is no standby")
            return
        recent = (look for look in self._written if look[0] >= now - max(self.max_lag, EVERY))
        self._written = (*recent, (now, written))
        self._replayed = replayed
        behind = replayed < self._owed(now)
        if behind and len(self._written) == 1:
            # How late it is shows with the next look.
            return
        self._say(f"it is more than {self.max_lag:g} s late" if behind else "")

    def _say(self, words: str) -> None:
        if words != self.words:
            self.words = words
            if words:
                log.warning("replica is not read", reason=words)
            else:
                log.info("replica is read")


def written_until() -> int:
    """Return the place up to which the primary has written its log."""
    found = _place(PRIMARY, _WRITTEN)
    return int(found or 0)


def _place(alias: str, query: str) -> int | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return row[0] if row else None


freshness = Freshness(settings.CRM_REPLICA_MAX_LAG_SECONDS)
