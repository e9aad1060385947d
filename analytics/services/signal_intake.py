"""What a request with events says: judged event by event, before anything is promised.

Pure of waiting: no database, no queue. The ways in (the fast application and the REST views) call
``unwrap``, count the events against the sender's rate, call ``judge``, put the envelopes into the
queue, and only then answer with ``signal_answers``.
"""

from collections.abc import Sequence

import msgspec

from analytics.ingest import bodies, limits
from analytics.ingest.envelope import Envelope
from analytics.ingest.events import Refused, parse
from analytics.ingest.identity import digest, uuid7
from analytics.services.signal_endpoints import Endpoint
from analytics.services.signal_senders import Sender
from crm_project.common.exceptions import CrmError

_STATUS = {"too_large": 413, "too_many": 413, "invalid_json": 400, "invalid_gzip": 400}


class Wrong(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong, with the dotted path of its field."""

    code: str
    detail: str
    attr: str = ""


class IntakeError(CrmError):
    """A request that is answered with a problem; nothing of it was kept.

    Attributes:
        status: the HTTP status.
        code: one word for all that is wrong.
        errors: each thing that is wrong.
        retry_after: seconds after which the same request makes sense; 0 when never.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Wrong] = (),
        retry_after: int = 0,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = list(errors) or [Wrong(code, detail)]
        self.retry_after = retry_after


class Parcel(msgspec.Struct, frozen=True, gc=False):
    """The events of one request, not yet judged."""

    events: list[bytes]
    sent_at: str
    many: bool


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event of a request: to be queued, refused, or (where libraries send) both."""

    envelope: Envelope | None
    message_id: str = ""
    digest: bytes = b""
    refused: Refused | None = None


def is_batch(endpoint: Endpoint, content_type: str) -> bool:
    """Return whether the body holds many events.

    Raises:
        IntakeError: 415, the endpoint does not take this kind of body.
    """
    many = endpoint.media_types.get(content_type)
    if many is None:
        media_type = content_type.partition(";")[0].strip().lower()
        many = endpoint.media_types.get(media_type)
    if many is None:
        wanted = " or ".join(name for name in endpoint.media_types if name)
        raise IntakeError(415, "unsupported_media_type", f"Send the content type {wanted}.")
    return many


def body_limit(*, many: bool) -> int:
    return limits.BATCH_BYTES if many else limits.EVENT_BYTES


def too_large(*, many: bool) -> IntakeError:
    limit = body_limit(many=many)
    return IntakeError(413, "too_large", f"The body is larger than {limit} bytes.")


def unwrap(body: bytes, *, encoding: str, many: bool) -> Parcel:
    """Return the events of a body, unpacked and taken apart.

    Raises:
        IntakeError: 400, 413, 415 or 422: it holds no events that could be judged.
    """
    try:
        plain = _unpacked(body, encoding, many=many)
        if len(plain) > body_limit(many=many):
            raise too_large(many=many)
        if not many:
            return Parcel([plain], "", many=False)
        batch = bodies.split(plain)
    except bodies.TooLargeError as error:
        raise too_large(many=many) from error
    except Refused as refusal:
        raise problem_of(refusal) from refusal
    return Parcel(batch.events, batch.sent_at, many=True)


def _unpacked(body: bytes, encoding: str, *, many: bool) -> bytes:
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name != "gzip":
        raise IntakeError(415, "unsupported_encoding", "Only gzip is unpacked.")
    return bodies.unpack(body, body_limit(many=many))


def judge(
    events: Sequence[bytes], *, sent_at: str, endpoint: Endpoint, sender: Sender, now: int
) -> list[Item]:
    """Return for each event what becomes of it; ``now`` in microseconds since 1970 UTC."""
    return [_judged(event, sent_at, endpoint, sender, now) for event in events]


def _judged(body: bytes, sent_at: str, endpoint: Endpoint, sender: Sender, now: int) -> Item:
    envelope = Envelope(
        uuid7(now),
        now,
        sender.source,
        sender.token,
        endpoint.shape,
        endpoint.hint,
        sent_at,
        body,
        sender.may_identify,
    )
    try:
        event = parse(envelope)
    except Refused as refusal:
        kept = envelope if endpoint.keeps_refused else None
        return Item(kept, _message_id(body), refused=refusal)
    if not event.message_id:
        return Item(envelope)
    return Item(envelope, event.message_id, digest(event.source, event.message_id))


class _Named(msgspec.Struct, gc=False):
    """The names under which the three shapes carry the sender's id."""

    message_id: str = ""
    messageId: str = ""  # noqa: N815 - as it is sent
    id: str = ""


_named = msgspec.json.Decoder(_Named).decode


def _message_id(body: bytes) -> str:
    """Return the id of a refused event where it can be read, so that its sender finds it."""
    try:
        found = _named(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return (found.message_id or found.messageId or found.id)[: limits.MESSAGE_ID_CHARACTERS]


def envelopes_of(items: Sequence[Item], *, many: bool) -> list[Envelope]:
    """Return what is to be queued.

    Raises:
        IntakeError: 4xx, nothing can be queued; with all that is wrong.
    """
    alone = None if many else items[0].refused
    # A library's event is kept for quarantine also when it is refused, but only if it is one.
    if alone is not None and (items[0].envelope is None or alone.code == "invalid_json"):
        raise problem_of(alone)
    envelopes = [item.envelope for item in items if item.envelope is not None]
    if envelopes:
        return envelopes
    raise IntakeError(
        422,
        "validation_error",
        "None of the events can be taken; see errors.",
        errors=[_wrong(index, item.refused) for index, item in enumerate(items) if item.refused],
    )


def _wrong(index: int, refusal: Refused) -> Wrong:
    attr = f"{index}.{refusal.attr}" if refusal.attr else str(index)
    return Wrong(refusal.code, refusal.detail, attr)


def problem_of(refusal: Refused) -> IntakeError:
    """Return the answer to a request whose only event, or whose whole body, is refused."""
    status = _STATUS.get(refusal.code, 422)
    wrong = Wrong(refusal.code, refusal.detail, refusal.attr)
    return IntakeError(status, refusal.code, str(refusal), errors=[wrong])
