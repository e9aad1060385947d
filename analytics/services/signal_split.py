"""Store a batch whatever is in it: one bad event goes to quarantine, all others are stored.

What is the sender's fault (the event cannot be read) or the event's (the database refuses
exactly this one) is quarantined. What is the machine's fault (a server away, a deadlock, a full
disk, a missing table) is raised, so that the caller tries the whole batch again: storing is
idempotent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
import structlog
from django.conf import settings
from django.db import DataError, IntegrityError
from django.db import Error as DjangoDatabaseError

from analytics.ingest import events
from analytics.ingest.envelope import Envelope
from analytics.ingest.refusals import Refused
from analytics.services.signal_batch import Poison
from analytics.services.signal_consumer import Counts
from analytics.services.signal_partitions import is_missing_partition
from analytics.services.signal_quarantine import quarantine, quarantine_many
from analytics.services.signal_store import Stored, store
from crm_project.common.exceptions import CrmError

logger = structlog.get_logger(__name__)

QUARANTINE_AT_ONCE = 200

_EVENTS_OWN_FAULT = ("21", "22", "23", "54")
"""Classes of SQLSTATE that one event's values can cause: cardinality, data, integrity, limits."""


class SystematicFailureError(CrmError):
    """One event after the other is refused by the database: that is not the events' fault."""


@dataclass(slots=True)
class Split:
    """Stores batches, and notices when the events are not to blame.

    ``in_a_row`` counts events that the database refused since the last one that it took. Events
    that cannot be read do not count: any sender can send as many of those as it likes.
    """

    in_a_row: int = 0
    most_in_a_row: int = field(default_factory=lambda: settings.CRM_QUARANTINE_IN_A_ROW)
    _suspects: list[tuple[Envelope, str]] = field(default_factory=list)

    def store(self, envelopes: Sequence[Envelope]) -> Counts:
        """Store or quarantine every envelope.

        Raises ``SystematicFailureError``, and what the database raises when it is at fault;
        then some of the envelopes may have been stored, and all can be given again.
        """
        self._suspects.clear()
        counts = self._settle(envelopes)
        self.in_a_row += len(self._suspects)
        counts.add(self._put_suspects_away())
        return counts

    def _settle(self, envelopes: Sequence[Envelope]) -> Counts:
        if not envelopes:
            return Counts()
        try:
            done = self._store(envelopes)
        except Poison as poison:
            return self._without_refused(envelopes, poison)
        except Exception as error:
            if is_machines_fault(error):
                raise
            return self._split(envelopes, error)
        counts = Counts(stored=done.stored, duplicate=done.duplicate, redelivered=done.redelivered)
        if done.stored:
            # The database takes events: those that it refused are to blame themselves.
            self.in_a_row = 0
            counts.add(self._put_suspects_away())
        return counts

    def _store(self, envelopes: Sequence[Envelope]) -> Stored:
        return store(envelopes)

    def _put_away(self, envelope: Envelope, code: str, reason: str) -> Counts:
        return put_away(envelope, code, reason)

    def _put_all_away(self, bad: Sequence[tuple[Envelope, str, str]]) -> Counts:
        kept = quarantine_many(bad)
        return Counts(quarantined=kept, redelivered=len(bad) - kept)

    def _without_refused(self, envelopes: Sequence[Envelope], poison: Poison) -> Counts:
        """Read all of them once, put what cannot be read into quarantine, store the rest."""
        refused = {
            index: refusal
            for index, envelope in enumerate(envelopes)
            if (refusal := _refusal(envelope)) is not None
        }
        refused.setdefault(poison.index, (poison.code, poison.detail))
        bad = [(envelopes[index], *why) for index, why in refused.items()]
        counts = Counts()
        for start in range(0, len(bad), QUARANTINE_AT_ONCE):
            counts.add(self._put_all_away(bad[start : start + QUARANTINE_AT_ONCE]))
        logger.warning("signals_quarantined", events=len(bad), code=poison.code)
        good = [one for index, one in enumerate(envelopes) if index not in refused]
        counts.add(self._settle(good))
        return counts

    def _split(self, envelopes: Sequence[Envelope], error: Exception) -> Counts:
        """Store each half; what still fails alone is suspected to be the poison."""
        if len(envelopes) == 1:
            self._suspect(envelopes[0], error)
            return Counts()
        middle = len(envelopes) // 2
        counts = self._settle(envelopes[:middle])
        counts.add(self._settle(envelopes[middle:]))
        return counts

    def _suspect(self, envelope: Envelope, error: Exception) -> None:
        self._suspects.append((envelope, what(error)))
        seen = self.in_a_row + len(self._suspects)
        if seen > self.most_in_a_row:
            message = (
                f"{seen} events in a row were refused by the database or by a mistake in the "
                f"program ({what(error)}). Nothing is lost: they wait in the queue. Put the cause "
                "right and start the worker again; replay what lies in quarantine already."
            )
            raise SystematicFailureError(message) from error

    def _put_suspects_away(self) -> Counts:
        counts = Counts()
        while self._suspects:
            envelope, why = self._suspects[-1]
            logger.error("signal_quarantined", code="not_storable", why=why)
            counts.add(self._put_away(envelope, "not_storable", f"It could not be stored: {why}."))
            self._suspects.pop()
        return counts


def put_away(envelope: Envelope, code: str, reason: str) -> Counts:
    """Put one event into quarantine, unless it was stored or decided on before."""
    put = quarantine(envelope, code, reason)
    return Counts(quarantined=1) if put else Counts(redelivered=1)


def _refusal(envelope: Envelope) -> tuple[str, str] | None:
    try:
        events.parse(envelope)
    except Refused as refused:
        return refused.code, str(refused)
    except Exception:  # a mistake in the program: halving the batch finds the event
        return None
    return None


def is_machines_fault(error: Exception) -> bool:
    """Tell whether trying again later may help, without any change to the events."""
    if isinstance(error, IntegrityError) and is_missing_partition(error):
        return True
    if isinstance(error, DataError | IntegrityError | psycopg.DataError | psycopg.IntegrityError):
        return False  # also those that the driver finds before the server is asked
    if isinstance(error, DjangoDatabaseError | psycopg.Error):
        return not sqlstate(error).startswith(_EVENTS_OWN_FAULT)
    return isinstance(error, MemoryError | OSError)


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's five letters for the error; empty when it did not come from there."""
    for one in (error, error.__cause__):
        if isinstance(one, psycopg.Error):
            return one.sqlstate or ""
    return ""


def what(error: BaseException) -> str:
    """Name an error without the values in it.

    >>> what(ValueError("jane@example.org"))
    'ValueError'
    """
    state = sqlstate(error)
    return f"{type(error).__name__} {state}" if state else type(error).__name__
