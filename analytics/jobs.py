"""Background jobs of analytics: how their parameters become arguments."""

from datetime import date
from typing import Any

from analytics.services.rfm import score_rfm
from crm_project.common.jobs import JobContext


def score_rfm_job(context: JobContext) -> dict[str, Any]:
    """Run the scoring that a person or a system asked for."""
    params = context.params
    run = score_rfm(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        mode=params.get("mode") or "quantile",
        window_days=params.get("window_days"),
        user=context.job.created_by,
        progress=context.progress,
    )
    return {"run_id": run.pk, "as_of": run.as_of.isoformat(), "scored": run.scored}
