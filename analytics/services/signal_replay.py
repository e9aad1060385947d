"""Process events again: what lies in quarantine, or the raw log. Repeating it changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_project.common.exceptions import NotReadyError

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
    """Try open events of the quarantine again, oldest first.

    Args:
        ids: these only; default: all open ones.
        since: only what came into quarantine at or after this time.
        dry_run: only say what would happen.
        user: who asked for it; kept with what gets resolved.
        progress: told (done, total, words) as it goes on.
    """
    raise NotReadyError


def replay_raw(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Replayed:
    """Store again whatever of the raw log received in ``[since, until)`` has no signal."""
    raise NotReadyError


def discard(*, ids: Sequence[UUID], reason: str, user: Any = None) -> int:
    """Close open events of the quarantine for good, without storing them.

    Their bytes stay in the raw log. Returns how many were open; others are left as they are.
    """
    raise NotReadyError
