"""From a request's body to the bytes of its events, without judging any of them.

One event that is written badly must not sink the others: where the whole cannot be read, the list
is cut apart by its brackets, and each event is judged by itself.
"""

import zlib
from dataclasses import dataclass

import msgspec

from analytics.ingest import limits
from analytics.ingest.cutting import cut
from analytics.ingest.refusals import Refused, from_decoding

_GZIP = 16 + zlib.MAX_WBITS
_KEYS = frozenset({b'"signals"', b'"batch"'})


class _Batch(msgspec.Struct, gc=False):
    """A batch as an object: ours says ``signals``, the Segment libraries say ``batch``."""

    signals: list[msgspec.Raw] | None = None
    batch: list[msgspec.Raw] | None = None
    sentAt: str | None = None  # noqa: N815 - as it is sent


_decode_object = msgspec.json.Decoder(_Batch).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of one body, each as its own bytes."""

    events: list[bytes]
    sent_at: str = ""


class TooLargeError(ValueError):
    """The body is larger than what is taken."""


def unpack(body: bytes, limit: int) -> bytes:
    """Return what was packed with gzip.

    Raises:
        TooLargeError: it grows beyond ``limit``; no more than that is ever unpacked.
        Refused: it is not gzip, or cut short.
    """
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refused("invalid_gzip", "The body is not packed with gzip.") from error
    if len(plain) > limit:
        raise TooLargeError
    if not reader.eof or reader.unused_data:
        raise Refused("invalid_gzip", "The packed body is cut short, or something follows it.")
    return plain


def split(body: bytes) -> Batch:
    """Return the events of a batch: a list, or an object with ``signals`` or ``batch``.

    >>> split(b'{"batch": [{"a": 1}, {}], "sentAt": "2026-01-31T12:00:00Z"}').events
    [b'{"a": 1}', b'{}']

    Raises:
        Refused: this is no such JSON, or the list is missing or empty.
    """
    start = body.lstrip()[:1]
    try:
        found = _split_object(body) if start == b"{" else Batch(_bytes(_decode_list(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _cut(body, error)
    if not found.events:
        raise Refused("empty", "The batch holds no events.")
    if len(found.events) > limits.BATCH_EVENTS:
        raise Refused("too_many", f"A batch has at most {limits.BATCH_EVENTS} events.")
    return found


def _split_object(body: bytes) -> Batch:
    found = _decode_object(body)
    events = found.signals if found.signals is not None else found.batch
    if events is None:
        raise Refused("missing", "A batch needs the list signals or batch.", "signals")
    return Batch(_bytes(events), found.sentAt or "")


def _bytes(events: list[msgspec.Raw]) -> list[bytes]:
    return [bytes(event) for event in events]


def _cut(body: bytes, error: Exception) -> Batch:
    """Cut the list out and its elements apart, and read the rest without it.

    Raises:
        Refused: also the rest cannot be read: then it is no batch at all.
    """
    found = cut(body, _KEYS)
    if found is None:
        raise from_decoding(error, body) from error
    try:
        rest = _split_object(found.rest) if body.lstrip()[:1] == b"{" else Batch([])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as rest_error:
        raise from_decoding(rest_error, found.rest) from error
    return Batch(found.elements, rest.sent_at)
