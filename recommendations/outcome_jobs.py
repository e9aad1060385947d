"""Background jobs of the outcomes: how their parameters become arguments."""

from datetime import date
from typing import Any

from crm_project.common.jobs import JobContext
from recommendations.services.outcome_step import measure_outcomes


def measure_outcomes_job(context: JobContext) -> dict[str, Any]:
    """Look for outcomes and report on them."""
    params = context.params
    found = measure_outcomes(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        everything=bool(params.get("everything")),
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "as_of": found.as_of.isoformat(),
        "report_id": found.reports[0].pk if found.reports else None,
        "words": found.words,
    }
