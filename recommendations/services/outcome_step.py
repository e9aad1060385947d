"""Look for outcomes and report on them, in one go: for schedules, pages, commands, pipeline."""

from dataclasses import dataclass
from datetime import date

from analytics.services.pipeline_registry import (
    Step,
    StepContext,
    StepNotNeededError,
    StepResult,
    register,
)
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from recommendations.models import Assignment, UpliftReport
from recommendations.services.outcomes import (
    STEP,
    Attributed,
    attribute,
    checked_day,
    known_day,
)
from recommendations.services.uplift import report_all


@dataclass(frozen=True, slots=True)
class Found:
    """What was attributed (None for a day of the past), and the reports: of all, then by campaign.

    Nobody was drawn: no report at all.
    """

    as_of: date
    attributed: Attributed | None
    reports: list[UpliftReport]

    @property
    def words(self) -> str:
        if not self.reports:
            return NOBODY
        first = [str(self.attributed)] if self.attributed else []
        return " ".join([*first, *self.reports[0].words])


NOBODY = "No customer was drawn for a campaign yet."


def measure_outcomes(
    *,
    as_of: date | None = None,
    everything: bool = False,
    user: User | None = None,
    progress: Progress | None = None,
) -> Found:
    """Attribute what is new up to a local day, then report on all campaigns.

    For a day before the one that outcomes are known up to, only the reports are made; what is
    stored of later days stays. Raises what ``attribute`` and ``report_all`` raise.
    """
    day = checked_day(as_of)
    if not Assignment.objects.exists():
        return Found(day, None, [])
    newer = known_day()
    found = (
        attribute(as_of=day, everything=everything, progress=progress)
        if newer is None or day >= newer
        else None
    )
    return Found(day, found, report_all(as_of=day, user=user, progress=progress))


def outcomes(context: StepContext) -> StepResult:
    """Do the pipeline's last step."""
    found = measure_outcomes(as_of=context.as_of, user=context.user, progress=context.progress)
    if not found.reports:
        raise StepNotNeededError(NOBODY)
    rows = found.attributed.orders if found.attributed else len(found.reports)
    return StepResult(rows=rows, words=found.words)


OUTCOMES = Step(
    STEP,
    "Outcomes",
    120,
    outcomes,
    reads=("orders", "customers"),
    repeat=True,
    what="What customers did after a contact, and what the contact changed",
    page="recommendations_outcomes",
    permission="recommendations.view_upliftreport",
)


def register_step() -> None:
    """Add the step to the pipeline."""
    register(OUTCOMES)
