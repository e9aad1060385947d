"""Background jobs of analytics: how their parameters become arguments."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from analytics.services import signal_replay
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


def replay_quarantine_job(context: JobContext) -> dict[str, Any]:
    """Try events of the quarantine again that a person chose."""
    found = signal_replay.replay_quarantine(
        ids=[UUID(key) for key in context.params["ids"]],
        user=context.job.created_by,
        progress=context.progress,
    )
    return asdict(found)


def discard_quarantine_job(context: JobContext) -> dict[str, Any]:
    """Close events of the quarantine that a person chose, without storing them."""
    discarded = signal_replay.discard(
        ids=[UUID(key) for key in context.params["ids"]],
        reason=context.params.get("reason", ""),
        user=context.job.created_by,
    )
    return {"discarded": discarded}
