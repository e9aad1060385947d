"""Turn what was received into signals: each envelope is stored once, whatever is sent again.

One transaction writes the raw event, the receipt of its message id, and the signal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics.ingest.envelope import Envelope


class Poison(ValueError):  # noqa: N818 - the word the worker and the docs use
    """One event of a batch can never be stored; nothing of the batch was touched.

    Attributes:
        index: its place in the batch given to ``store``.
        code: one word, like ``too_deep``.
        detail: a sentence for people, without the event's values.
    """

    def __init__(self, index: int, code: str, detail: str) -> None:
        super().__init__(f"event {index}: {detail}")
        self.index = index
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch; the first three add up to its length.

    Attributes:
        stored: new signals.
        duplicate: events whose message id was stored before; kept in the raw log only.
        redelivered: envelopes that had been processed before; nothing happened.
        linked: of the new signals, those of a customer we know.
        unresolved: of the new signals, those of nobody we know yet.
    """

    stored: int = 0
    duplicate: int = 0
    redelivered: int = 0
    linked: int = 0
    unresolved: int = 0


def store(envelopes: Sequence["Envelope"], *, replay: bool = False) -> Stored:
    """Store a batch, in one transaction. Storing it again, also at the same time, changes nothing.

    Args:
        envelopes: at most some thousands.
        replay: envelopes whose raw event exists already (quarantined ones, or a raw log that is
            read again): what is missing of receipts and signals is added.

    Raises:
        Poison: an event can never be stored; raised before the database is asked for anything.
        django.db.DataError: PostgreSQL refused a value; nothing was stored.
        django.db.OperationalError: try again later; nothing was stored.
    """
    raise NotImplementedError


def quarantine(envelope: "Envelope", code: str, reason: str) -> bool:
    """Keep an event that cannot be stored, with the reason, where staff find it.

    Doing it again counts an attempt. Returns False when the event had been stored after all, or
    decided on; then nothing happens.

    Args:
        code: one word, like ``too_deep``; at most 40 characters.
        reason: a sentence for people; at most 300 characters are kept.
    """
    raise NotImplementedError
