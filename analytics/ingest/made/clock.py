"""When things happen: hours and weekdays of a shop, and mailings once a week."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import accumulate
from random import Random

SECOND = 1_000_000
"""Times are whole µs since the epoch, UTC."""
HOUR = 3600 * SECOND
DAY = 24 * HOUR

# How busy the hours of a local day and the days of a week are, against each other.
_HOURS = (2, 1, 1, 1, 1, 2, 4, 8, 14, 20, 24, 25, 22, 20, 21, 20, 18, 17, 18, 20, 19, 14, 8, 4)
_WEEKDAYS = (1.0, 1.05, 1.05, 1.1, 0.95, 0.6, 0.7)
_MAILING = (1, 10)
"""Weekday and local hour of the weekly mailing: Tuesday at ten."""
_MAILING_RUSH = 1.6
"""So much busier is the day on which a mailing goes out."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time from ``since`` to ``until`` (µs); hours are those of ``zone``."""

    since: int
    until: int
    zone: tzinfo = UTC

    @classmethod
    def of_days(cls, days: int, *, until: int, zone: tzinfo = UTC) -> "Window":
        """The so many days before ``until``."""
        return cls(since=until - days * DAY, until=until, zone=zone)


@dataclass(frozen=True, slots=True)
class Day:
    """Twenty-four hours (the last may be fewer) and how busy each is.

    ``upto`` are the sums of the hours' weights so far; ``mailing_at`` is None on most days.
    """

    since: int
    until: int
    upto: tuple[float, ...]
    mailing_at: int | None

    @property
    def weight(self) -> float:
        return self.upto[-1] * (_MAILING_RUSH if self.mailing_at else 1.0)

    def moment(self, chance: Random) -> int:
        """Return some time of this day, more likely in a busy hour."""
        hour = bisect_right(self.upto, chance.random() * self.upto[-1])
        hour = min(hour, len(self.upto) - 1)
        at = self.since + hour * HOUR + int(chance.random() * HOUR)
        return min(at, self.until - 1)


def days(window: Window) -> Iterator[Day]:
    """Yield the days of the window; they begin at its own time of day, not at midnight.

    Raises ``ValueError`` when the window is empty.
    """
    if window.until <= window.since:
        raise ValueError("The window ends before it begins.")
    for since in range(window.since, window.until, DAY):
        yield _day(since, min(since + DAY, window.until), window.zone)


def _day(since: int, until: int, zone: tzinfo) -> Day:
    starts = range(since, until, HOUR)
    local = [datetime.fromtimestamp(start // SECOND, tz=zone) for start in starts]
    mailing = [
        start
        for start, moment in zip(starts, local, strict=True)
        if (moment.weekday(), moment.hour) == _MAILING
    ]
    weights = (_HOURS[moment.hour] * _WEEKDAYS[moment.weekday()] for moment in local)
    return Day(since, until, tuple(accumulate(weights)), mailing[0] if mailing else None)


def shares(total: int, weights: list[float]) -> list[int]:
    """Divide ``total`` by weight into whole numbers whose sum is exactly ``total``.

    >>> shares(10, [1.0, 1.0, 2.0])
    [2, 3, 5]
    """
    whole = sum(weights)
    ends = [round(total * part / whole) for part in accumulate(weights)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
