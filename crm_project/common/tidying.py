"""What piles up and may go after a time: each app registers its part, the nightly tidying does it.

A part must be safe to do twice, beside itself and beside people who work.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings

LONGEST_DAYS = 36_500
"""More days than this are a mistake; dates have an end."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a part removed, or would remove.

    Attributes:
        removed: how many.
        note: a sentence about what stays although it is old; empty: nothing to say.
        troubles: what could not be removed, each in words.
    """

    removed: int = 0
    note: str = ""
    troubles: tuple[str, ...] = ()


class Clear(Protocol):
    """Removes what ended before ``limit``; with ``dry_run`` only counts it."""

    def __call__(self, *, limit: datetime, dry_run: bool) -> Cleared: ...


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that may go after a time.

    Attributes:
        what: its name for people, in the plural.
        clear: removes it.
        setting: the name of the setting with its days; empty: it goes as soon as it has ended.
        goes: when it goes, in words; ``{days}`` stands for the setting's days.
        zero_keeps: whether 0 days mean for ever, or at once.
    """

    what: str
    clear: Clear
    setting: str = ""
    goes: str = "older than {days} days"
    zero_keeps: bool = True

    @property
    def days(self) -> int:
        """Days after which it goes."""
        return int(getattr(settings, self.setting)) if self.setting else 0

    @property
    def kept_for_ever(self) -> bool:
        return bool(self.setting) and self.zero_keeps and self.days == 0

    @property
    def wrong(self) -> str:
        """What is wrong with the setting, in words; a negative number would remove everything."""
        if 0 <= self.days <= LONGEST_DAYS:
            return ""
        return f"{self.setting} is no number of days from 0 to {LONGEST_DAYS:,}."

    def limit(self, now: datetime) -> datetime:
        """Return the moment before which it must have ended to go."""
        return now - timedelta(days=self.days)


_chores: dict[str, Chore] = {}


def register(*chores: Chore) -> None:
    """Have these done every night; registering one again replaces what was said of it."""
    _chores.update((chore.what, chore) for chore in chores)


def chores() -> list[Chore]:
    """Return what is done, in the order of registration: lower apps first."""
    return list(_chores.values())
