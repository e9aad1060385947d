"""What the sender is told once its events are on the queue's disk."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from analytics.ingest.identity import uuid7
from analytics.services.signal_intake import IntakeError, Item

PROBLEM_TYPE = "application/problem+json"
_GENERATION = 50_000
_encode = msgspec.json.Encoder().encode


class Receipt(msgspec.Struct, gc=False, omit_defaults=True):
    """What became of one event. ``id`` asks for its fate at ``/api/v1/receipts/{id}``."""

    index: int
    status: str
    id: str = ""
    message_id: str = ""


class Rejected(msgspec.Struct, gc=False):
    """Why one event was not taken."""

    index: int
    message_id: str
    code: str
    detail: str


class Answer(msgspec.Struct, gc=False):
    """The body of a successful answer; what was accepted or a duplicate is queued durably.

    ``batch_id`` names the request: it is the id of its first event, or one of its own.
    """

    batch_id: str
    accepted: int
    duplicate: int
    rejected: list[Rejected]
    receipts: list[Receipt]


class Known:
    """Message ids that this process acknowledged lately, to tell a repetition at once.

    A hint for the sender only: repetitions are queued all the same, and the worker decides. Two
    generations, the older of which is forgotten when the younger is full.
    """

    def __init__(self) -> None:
        self._younger: set[bytes] = set()
        self._older: set[bytes] = set()

    def note(self, digest: bytes) -> bool:
        """Remember a message id; returns whether it was known already."""
        if digest in self._younger or digest in self._older:
            return True
        if len(self._younger) >= _GENERATION:
            self._older, self._younger = self._younger, set()
        self._younger.add(digest)
        return False


def answer(items: Sequence[Item], *, now: int, known: Known) -> Answer:
    """Return the receipts of events that were queued, and the reasons for those that were not."""
    receipts: list[Receipt] = []
    rejected: list[Rejected] = []
    duplicate = 0
    for index, item in enumerate(items):
        receipt_id = "" if item.envelope is None else _written(item.envelope.id)
        if item.refused is not None:
            rejected.append(Rejected(index, item.message_id, item.refused.code, str(item.refused)))
            receipts.append(Receipt(index, "rejected", receipt_id))
        elif item.digest and known.note(item.digest):
            duplicate += 1
            receipts.append(Receipt(index, "duplicate", receipt_id, item.message_id))
        else:
            receipts.append(Receipt(index, "accepted", receipt_id, item.message_id))
    accepted = len(items) - duplicate - len(rejected)
    batch_id = receipts[0].id or _written(uuid7(now))
    return Answer(batch_id, accepted, duplicate, rejected, receipts)


def encoded(found: Answer) -> bytes:
    return _encode(found)


def problem(error: IntakeError, request_id: str) -> bytes:
    """Return the members of RFC 9457 with the flat list of what is wrong, as the whole API does."""
    body: dict[str, Any] = {
        "type": f"urn:crm:problem:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": str(error),
        "instance": request_id,
        "errors": [
            {"attr": wrong.attr or None, "code": wrong.code, "detail": wrong.detail}
            for wrong in error.errors
        ],
    }
    return _encode(body)


def _written(id_bytes: bytes) -> str:
    """Return a UUID as it is written.

    >>> _written(bytes(16))
    '00000000-0000-0000-0000-000000000000'
    """
    text = id_bytes.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
