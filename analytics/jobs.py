"""Background jobs of analytics: how their parameters become arguments."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from analytics.models import PipelineRun
from analytics.services import embeddings, pipeline, signal_replay
from analytics.services.metrics import score_metrics
from analytics.services.profiles import refresh_profiles
from analytics.services.rfm import score_rfm
from analytics.services.saved_segment_builds import rebuild_saved_segments
from analytics.services.segmentation_comparisons import LATER_DAYS
from analytics.services.segmentation_verdicts import compare_asked
from analytics.services.segmentations import KINDS, build
from crm_project.common.exceptions import CrmError
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


def score_job(context: JobContext) -> dict[str, Any]:
    """Run the pipeline, or resume it. A job whose worker died goes on with the run it began."""
    params = context.params
    common: dict[str, Any] = {
        "user": context.job.created_by,
        "job": context.job,
        "progress": context.progress,
    }
    begun = PipelineRun.objects.filter(job=context.job).order_by("-id").first()
    if begun is not None or params.get("resume"):
        run_id = begun.pk if begun else params.get("run_id")
        run = pipeline.resume_pipeline(run_id=run_id, **common)
    elif params.get("nightly"):
        run = pipeline.run_or_resume(origin=PipelineRun.Origin.SCHEDULE, **common)
    else:
        run = pipeline.run_pipeline(
            as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
            only=params.get("steps") or (),
            start_at=params.get("from_step") or "",
            origin=params.get("origin") or PipelineRun.Origin.API,
            **common,
        )
    if run.status != PipelineRun.Status.SUCCEEDED:
        raise CrmError(f"Run {run.pk} as of {run.as_of:%Y-%m-%d}: {run.error}")
    return {"run_id": run.pk, "as_of": run.as_of.isoformat(), "status": run.status}


def refresh_profiles_job(context: JobContext) -> dict[str, Any]:
    """Bring the profiles up to date that a person asked for."""
    params = context.params
    result = refresh_profiles(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        full=bool(params.get("full")),
        progress=context.progress,
    )
    return {**asdict(result), "as_of": result.as_of.isoformat()}


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


def rebuild_saved_segments_job(context: JobContext) -> dict[str, Any]:
    """Find the members of saved segments anew that a person or a system asked for."""
    found = rebuild_saved_segments(slugs=context.params.get("slugs"), progress=context.progress)
    if found.error:
        raise CrmError(found.error)
    return {"segments": [asdict(each) for each in found.segments]}


def embed_customers_job(context: JobContext) -> dict[str, Any]:
    """Run the embedding that a person asked for: of some customers, of all who wait, or anew."""
    params = context.params
    found = embeddings.embed_customers(
        all=not params.get("customers"),
        anew=bool(params.get("anew")),
        customers=params.get("customers"),
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "model": str(found.model),
        "embedded": found.embedded,
        "empty": found.empty,
        "failed": found.failed,
        "waiting": found.waiting,
        "words": str(found),
    }


def segment_customers_job(context: JobContext) -> dict[str, Any]:
    """Group customers as a person or a system asked for."""
    params = context.params
    built = build(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        kinds=params.get("kinds") or KINDS,
        make_current=params.get("make_current"),
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "as_of": built.as_of.isoformat(),
        "segmentations": {row.kind: row.pk for row in built.made},
        "left_out": built.left_out,
    }


def compare_segmentations_job(context: JobContext) -> dict[str, Any]:
    """Compare the segmentations that were asked for, or the current ones."""
    params = context.params
    compared = compare_asked(
        left_id=params.get("left"),
        right_id=params.get("right"),
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        later_days=params.get("later_days") or LATER_DAYS,
        user=context.job.created_by,
        progress=context.progress,
    )
    rows = (*compared.comparisons, *compared.judged)
    return {"comparisons": [row.pk for row in rows], "reason": compared.reason}


def score_metrics_job(context: JobContext) -> dict[str, Any]:
    """Predict for all customers, as a person or a system asked."""
    params = context.params
    run = score_metrics(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        make_current=params.get("make_current"),
        user=context.job.created_by,
        progress=context.progress,
    )
    return {"run_id": run.pk, "as_of": run.as_of.isoformat(), "predicted": run.predicted}
