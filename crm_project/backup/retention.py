"""Which backups may go. Pure: names and times in, names out."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Protocol

MOST_DAYS = 36_500
"""More days than this are a mistake; dates have an end."""


def wrong(keep_days: int) -> str:
    """Return in words why backups cannot be kept for so many days; empty: they can.

    None or fewer would remove all but the newest and the newest that a drill proved.
    """
    if 1 <= keep_days <= MOST_DAYS:
        return ""
    return f"CRM_BACKUP_KEEP_DAYS is no number of days from 1 to {MOST_DAYS:,}."


class Dated(Protocol):
    """Anything with a name and the moment of which it is a copy."""

    @property
    def name(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


def expired(
    good: Iterable[Dated], *, now: datetime, keep_days: int, keep: Collection[str] = ()
) -> list[str]:
    """Return the names that are past retention, oldest first.

    The newest of ``good`` stays however old it is, and so does what ``keep`` names. A backup that
    is exactly ``keep_days`` days older than the newest stays; a second more, and it goes.

    Args:
        good: the backups that could be restored, as far as it is known.
        keep: names that stay in any case, such as the last one that was restored in a drill.
    """
    by_age = sorted(good, key=lambda backup: (backup.created_at, backup.name))
    limit = oldest_kept(by_age, now=now, keep_days=keep_days)
    return [b.name for b in by_age[:-1] if b.created_at < limit and b.name not in keep]


def oldest_kept(good: Iterable[Dated], *, now: datetime, keep_days: int) -> datetime:
    """Return the moment from which backups stay: so many days before the newest.

    Not before now: a clock that jumps ahead, or weeks without a new backup, would cost all but one.
    What claims to be of a time to come, made while a clock was wrong, counts for nothing here.
    """
    moments = [backup.created_at for backup in good if backup.created_at <= now]
    return max(moments, default=now) - timedelta(days=keep_days)
