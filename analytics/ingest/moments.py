"""When something happened, in microseconds since 1970 UTC."""

from datetime import UTC, datetime

from analytics.ingest import limits
from analytics.ingest.refusals import Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _SECOND = 86_400, 1_000_000


def to_micros(text: str, attr: str) -> int:
    """Read an ISO 8601 time with its zone.

    >>> to_micros("1970-01-01T01:00:00.5+01:00", "occurred_at")
    500000
    >>> to_micros("2026-11-21 09:00", "occurred_at")
    Traceback (most recent call last):
    analytics.ingest.refusals.Refused: occurred_at: A time needs its zone, like ...T12:00:00Z.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        words = "A time is written like 2026-01-31T12:00:00Z."
        raise Refused("invalid", words, attr) from error
    if moment.tzinfo is None:
        raise Refused("invalid", "A time needs its zone, like ...T12:00:00Z.", attr)
    since = moment - _EPOCH
    return (since.days * _DAY + since.seconds) * _SECOND + since.microseconds


def occurred(text: str | None, attr: str, *, received_at: int, sent_at: str = "") -> int:
    """Return when it happened: as the sender says, corrected when the sender's clock is wrong.

    A sender that also says when it sent shows how wrong its clock is. Up to a minute is taken
    for the way here.

    Raises:
        Refused: no time, before 2000, or more than a day ahead.
    """
    if not text:
        return received_at
    moment = to_micros(text, attr)
    if sent_at:
        skew = to_micros(sent_at, "sentAt") - received_at
        if abs(skew) > limits.SKEW_MICROSECONDS:
            moment -= skew
    if moment < limits.EARLIEST_MICROSECONDS:
        raise Refused("too_old", "It claims to have happened before the year 2000.", attr)
    if moment > received_at + limits.FUTURE_MICROSECONDS:
        raise Refused("in_future", "It claims to happen more than a day from now.", attr)
    return moment
