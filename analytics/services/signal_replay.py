"""Process events again: what lies in quarantine, or the raw log. Repeating it changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from analytics.ingest.envelope import Envelope
from analytics.models import QuarantinedEvent, RawEvent
from analytics.selectors.signal_receipts import envelope_of
from analytics.services.signal_batch import Poison
from analytics.services.signal_consumer import Counts
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_split import Split, is_machines_fault, what
from analytics.services.signal_store import Stored, store

PAGE = 2_000
LONGEST_REASON = 300

Progress = Callable[[int, int | None, str], None]


@dataclass(slots=True)
class Replayed:
    """What a replay did, in events.

    ``refused`` stay in quarantine (or, from the raw log, stay unstored) with the new reason.
    ``known``: their signal is there already.
    """

    looked_at: int = 0
    stored: int = 0
    duplicate: int = 0
    known: int = 0
    refused: int = 0
    dry_run: bool = False


def replay_quarantine(
    *,
    ids: Sequence[UUID] | None = None,
    since: datetime | None = None,
    dry_run: bool = False,
    user: Any = None,
    progress: Progress | None = None,
) -> Replayed:
    """Try open events of the quarantine again, oldest first, each in a transaction of its own.

    Args:
        ids: these only; default: all open ones.
        since: only what came into quarantine at or after this time.
        dry_run: only say what would happen.
        user: who asked for it; kept with what gets resolved.
        progress: told (done, total, words) as it goes on.

    Raises what the database raises when it is at fault; what was replayed until then stays so.
    """
    waiting = QuarantinedEvent.objects.open()
    if ids is not None:
        waiting = waiting.filter(id__in=ids)
    if since is not None:
        waiting = waiting.filter(quarantined_at__gte=since)
    # All at once: what is refused again would otherwise come up again.
    found = list(waiting.order_by("id").values_list("id", flat=True))
    done = Replayed(dry_run=dry_run)
    for id in found:
        _replay_one(id, done, by=_name(user))
        if progress is not None:
            progress(done.looked_at, len(found), "replaying")
    return done


@transaction.atomic
def _replay_one(id: UUID, done: Replayed, *, by: str) -> None:
    _one_replay_at_a_time()
    event = QuarantinedEvent.objects.open().select_for_update().filter(id=id).first()
    if event is None:
        return  # somebody else has decided on it
    done.looked_at += 1
    envelope = envelope_of(event)
    try:
        with transaction.atomic():
            result = store([envelope], replay=True)
            transaction.set_rollback(done.dry_run)
    except Exception as error:
        code, reason = _why(error)
        done.refused += 1
        if not done.dry_run:
            quarantine(envelope, code, reason)
        return
    done.stored += result.stored
    done.duplicate += result.duplicate
    done.known += result.redelivered
    if not done.dry_run:
        kinds = QuarantinedEvent.Resolution
        event.resolution = kinds.DUPLICATE if result.duplicate else kinds.STORED
        event.resolved_at, event.resolved_by = timezone.now(), by
        event.save(update_fields=["resolution", "resolved_at", "resolved_by"])


def _one_replay_at_a_time() -> None:
    """Wait for the transaction of another replay.

    Here alone one transaction stores signals and makes customers: it is in the gate, and asks for
    it when it commits. Two of them would wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('signal replay'))")


def _why(error: Exception) -> tuple[str, str]:
    """Return code and words for what is the event's fault; raise what is not."""
    if isinstance(error, Poison):
        return error.code, error.detail
    if is_machines_fault(error):
        raise error
    return "not_storable", f"It could not be stored: {what(error)}."


def replay_raw(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Replayed:
    """Store again whatever of the raw log received in ``[since, until)`` has no signal.

    What lies in quarantine, or was discarded there, is left alone. Raises what the database
    raises when it is at fault; then it can be called again.
    """
    done = Replayed(dry_run=dry_run)
    batch = _Again()
    for page in _pages(since, until):
        with transaction.atomic():
            _one_replay_at_a_time()
            counts = batch.store(page)
            transaction.set_rollback(dry_run)
        done.looked_at += len(page)
        done.stored += counts.stored
        done.duplicate += counts.duplicate
        done.known += counts.redelivered
        done.refused += counts.quarantined
        if progress is not None:
            progress(done.looked_at, None, "reading the raw log")
    return done


class _Again(Split):
    """Stores what the raw log has already; what cannot be stored is only counted."""

    def _store(self, envelopes: Sequence[Envelope]) -> Stored:
        # A savepoint: halves of a page are tried within the page's transaction.
        with transaction.atomic():
            return store(envelopes, replay=True)

    def _put_away(self, envelope: Envelope, code: str, reason: str) -> Counts:
        return Counts(quarantined=1)

    def _put_all_away(self, bad: Sequence[tuple[Envelope, str, str]]) -> Counts:
        return Counts(quarantined=len(bad))


def _pages(since: datetime | None, until: datetime | None) -> Iterator[list[Envelope]]:
    """Read the raw log in the order of its keys, which is that of reception.

    The key begins with the millisecond of reception: so it also says which months to leave out.
    """
    rows = RawEvent.objects.order_by("id")
    if since is not None:
        rows = rows.filter(received_at__gte=since, id__gte=_first_id(since))
    if until is not None:
        rows = rows.filter(received_at__lt=until)
    page = list(rows[:PAGE])
    while page:
        yield [envelope_of(row) for row in _without_quarantined(page)]
        last = page[-1]
        start_of_second = last.received_at.replace(microsecond=0)
        page = list(rows.filter(id__gt=last.id, received_at__gte=start_of_second)[:PAGE])


def _first_id(moment: datetime) -> UUID:
    """Return the smallest id of an event received in that second or later."""
    return UUID(int=int(moment.timestamp()) * 1000 << 80)


def _without_quarantined(rows: list[RawEvent]) -> list[RawEvent]:
    away = [row.id for row in rows if row.outcome == RawEvent.Outcome.QUARANTINED]
    resolved = {QuarantinedEvent.Resolution.STORED, QuarantinedEvent.Resolution.DUPLICATE}
    kept = QuarantinedEvent.objects.filter(id__in=away, resolution__in=resolved)
    still_away = set(away) - set(kept.values_list("id", flat=True))
    return [row for row in rows if row.id not in still_away]


@transaction.atomic
def discard(*, ids: Sequence[UUID], reason: str, user: Any = None) -> int:
    """Close open events of the quarantine for good, without storing them.

    Their bytes stay in the raw log. The reason is kept behind the one why they came there.
    Returns how many were open; others are left as they are.
    """
    rows = QuarantinedEvent.objects.open().select_for_update().filter(id__in=ids).order_by("id")
    for row in (found := list(rows)):
        row.resolution = QuarantinedEvent.Resolution.DISCARDED
        row.resolved_at, row.resolved_by = timezone.now(), _name(user)
        row.reason = f"{row.reason} Discarded: {reason}"[:LONGEST_REASON] if reason else row.reason
    changed = ["resolution", "resolved_at", "resolved_by", "reason"]
    QuarantinedEvent.objects.bulk_update(found, changed, batch_size=500)
    return len(found)


def _name(user: Any) -> str:
    return user.get_username() if user is not None else ""
