"""The steps of the scoring pipeline, in their order. A higher app registers its own.

An app calls ``register`` in ``AppConfig.ready``; analytics registers steps 1 to 7 and knows nothing
of those that come after them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from crm_project.common.exceptions import CrmError
from crm_project.common.freshness import NIGHTLY, Number
from crm_project.common.freshness import register as watch
from crm_project.common.jobs import Progress
from crm_project.common.models import User

OURS = (
    "totals",
    "rfm",
    "movement",
    "profiles",
    "metrics",
    "embeddings",
    "segmentations",
    "comparison",
    "saved segments",
)
"""What a whole run must do. One of these that nobody registered makes the run fail."""

NIGHT = "analytics.tasks.score_nightly"
"""The scheduled task that runs the pipeline."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step is given.

    Attributes:
        as_of: the local day whose end is described.
        make_current: False for a day of the past: what people see today stays as it is.
        progress: told how far the step is.
    """

    as_of: date
    make_current: bool
    user: User | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step did: how many rows it wrote, and in words what it found."""

    rows: int | None = None
    words: str = ""


class StepNotNeededError(CrmError):
    """The step has nothing to do, which is no failure; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: its key, also in the ledger (``RefreshState``).
        label: what people read.
        position: steps run in this order; ours are tens up to 90.
        work: does it. Idempotent; raises ``StepNotNeededError`` when there is nothing to do.
        needs: steps without which it cannot run; when one fails, it is not started.
        uses: steps that it reads where they succeeded; when one is done anew, so is this.
        reads: what it reads besides (names known to ``selectors.pipeline.fingerprint``).
        repeat: do it in every resumed run, because its inputs cannot be told cheaply.
        max_age: older than this, its numbers count as stale.
        what: what people see of it.
        page: name of the admin page that shows it; ``permission``: who may open that.
    """

    name: str
    label: str
    position: int
    work: Callable[[StepContext], StepResult]
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    repeat: bool = False
    max_age: timedelta = NIGHTLY
    what: str = ""
    page: str = ""
    permission: str = ""


_steps: dict[str, Step] = {}


def register(step: Step) -> None:
    """Add a step. Raises ``ValueError`` when its name or position is another one's."""
    for known in _steps.values():
        same = known.name == step.name
        if same != (known.position == step.position) or (same and known.work is not step.work):
            raise ValueError(f"The step {step.name!r} collides with {known.name!r}.")
    _steps[step.name] = step
    watch(
        Number(
            step=step.name,
            label=step.label,
            what=step.what,
            max_age=step.max_age,
            task=NIGHT,
            page=step.page,
            permission=step.permission,
            position=step.position,
        )
    )


def all_steps() -> list[Step]:
    """Return the registered steps in their order."""
    return sorted(_steps.values(), key=lambda step: step.position)


def find(name: str) -> Step:
    """Return a step. Raises ``CrmError`` for one that nobody registered."""
    try:
        return _steps[name]
    except KeyError:
        raise CrmError(f"Nobody provides the step {name!r}; it is not installed.") from None


def label_of(name: str) -> str:
    """Return what people read for a step, also for one that no longer exists."""
    known = _steps.get(name)
    return known.label if known else name.capitalize()


def names() -> list[str]:
    """Return the names of a whole run in order: ours, registered or not, then those of others."""
    places = {name: 10 * (number + 1) for number, name in enumerate(OURS)}
    places |= {step.name: step.position for step in _steps.values()}
    return sorted(places, key=lambda name: places[name])


def choose(*, only: Sequence[str] = (), start_at: str = "") -> list[str]:
    """Return the names of the steps asked for, in their order; by default all.

    Args:
        only: these steps and no other.
        start_at: this step and all after it.

    Raises ``CrmError`` for a step that does not exist, and for both at once.
    """
    known = names()
    if only and start_at:
        raise CrmError("Choose steps, or where to begin, but not both.")
    for name in [*only, *([start_at] if start_at else [])]:
        if name not in known:
            raise CrmError(f"There is no step {name!r}. The steps are: {', '.join(known)}.")
    if start_at:
        return known[known.index(start_at) :]
    return [name for name in known if not only or name in only]
