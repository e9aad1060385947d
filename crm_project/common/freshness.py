"""The computed numbers of the system, registered by the apps that compute them.

The freshness page and the metrics say of each when it was computed, and whether it is too old.
"""

from dataclasses import dataclass
from datetime import timedelta

NIGHTLY = timedelta(hours=26)
"""A nightly number may be this old: a day, and two hours for the run itself."""

HOURLY = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Number:
    """Something that is computed and can be out of date.

    Attributes:
        step: its name in the ledger (``RefreshState.name``).
        label: what people call it.
        what: what they see of it.
        max_age: older than this it is stale; None: it is computed when needed, and never stale.
        task: the scheduled task that computes it.
        page: name of the admin page that shows it.
        permission: who may open that page.
        position: where it stands on the page.
    """

    step: str
    label: str
    what: str = ""
    max_age: timedelta | None = NIGHTLY
    task: str = ""
    page: str = ""
    permission: str = ""
    position: int = 1_000


_numbers: dict[str, Number] = {}


def register(number: Number) -> None:
    """Have a number watched; registering it again replaces what was said of it."""
    _numbers[number.step] = number


def numbers() -> list[Number]:
    """Return what is watched, in the order of the page."""
    return sorted(_numbers.values(), key=lambda number: (number.position, number.step))


TIDYING = Number(
    step="tidying",
    label="Tidying",
    what="Files, sessions, sign-ins, stored answers and jobs that are past their time are removed",
    task="crm_project.common.tasks.tidy_nightly",
    position=902,
)
BACKUP = Number(
    step="backup",
    label="Backup",
    what="A copy of the whole database, away from it",
    task="crm_project.common.tasks.backup_nightly",
    page="common_backuprun_changelist",
    permission="common.view_backuprun",
    position=900,
)
BACKUP_DRILL = Number(
    step="backup drill",
    label="Restore drill",
    what="The proof that the newest backup can be restored, every row compared",
    task="crm_project.common.tasks.drill_nightly",
    page="common_drillrun_changelist",
    permission="common.view_drillrun",
    position=901,
)
