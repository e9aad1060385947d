"""Background jobs of recommendations: how their parameters become arguments."""

from datetime import date
from typing import Any

from analytics.models import SavedSegment
from crm_project.common.jobs import JobContext
from customers.models import Campaign
from recommendations.models import RecoRun
from recommendations.selectors.configs import find_config
from recommendations.services import backtests
from recommendations.services.audit import audit
from recommendations.services.exports import export
from recommendations.services.runs import recommend


def recommend_job(context: JobContext) -> dict[str, Any]:
    """Make the recommendations that a person or a system asked for."""
    params = context.params
    run = recommend(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        config=find_config(params["config"]) if params.get("config") else None,
        customers=params.get("customers") or None,
        origin=params.get("origin") or RecoRun.Origin.API,
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "run_id": run.pk,
        "as_of": run.as_of.isoformat(),
        "items": run.counts["items"],
        "is_current": run.is_current,
        "result_hash": run.result_hash,
    }


def backtest_job(context: JobContext) -> dict[str, Any]:
    """Make the back-test that a person or a system asked for."""
    params = context.params
    made = backtests.run(
        as_of=date.fromisoformat(params["as_of"]) if params.get("as_of") else None,
        config=find_config(params["config"]) if params.get("config") else None,
        options=backtests.options_of(params),
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "backtest_id": made.pk,
        "as_of": made.as_of.isoformat(),
        "plan": made.chosen["plan"],
        "mode": made.chosen["mode"],
        "is_current": made.is_current,
    }


def audit_job(context: JobContext) -> dict[str, Any]:
    """Audit the run that a person or a system named."""
    params = context.params
    result = audit(
        run=RecoRun.objects.get(pk=params["run"]),
        policy=params.get("policy") or None,
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "run_id": result.run.pk,
        "customers": result.customers,
        "exportable": result.exportable,
        "mean_score": result.mean_score,
        "passed": bool(result.gate["passed"]),
    }


def export_job(context: JobContext) -> dict[str, Any]:
    """Let approved lists leave. Done twice by a dying worker, the second finds nobody left."""
    params = context.params
    segment = params.get("segment")
    made = export(
        run=RecoRun.objects.get(pk=params["run"]),
        campaign=Campaign.objects.get(pk=params["campaign"]),
        segment=SavedSegment.objects.get(slug=segment) if segment else None,
        user=context.job.created_by,
        progress=context.progress,
    )
    return {
        "export_id": made.pk,
        "customers": made.customers,
        "rows": made.rows,
        "sha256": made.sha256,
    }
