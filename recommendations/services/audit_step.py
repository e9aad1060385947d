"""Step 9 of the pipeline: audit what step 8 recommended."""

from analytics.selectors.segmentation_values import end_of
from analytics.services.pipeline_registry import (
    Step,
    StepContext,
    StepNotNeededError,
    StepResult,
    register,
)
from recommendations.models import RecoRun
from recommendations.services.audit import STEP, audit
from recommendations.services.runs import STEP as RECOMMENDATIONS


def audit_newest(context: StepContext) -> StepResult:
    """Audit the newest run of the day; for a day of the past, by what was known then."""
    runs = RecoRun.objects.kept().filter(as_of=context.as_of, customers_chosen__isnull=True)
    run = runs.order_by("-pk").first()
    if run is None:
        raise StepNotNeededError(f"There are no recommendations as of {context.as_of:%Y-%m-%d}.")
    at = None if context.make_current else end_of(context.as_of)
    result = audit(run=run, at=at, user=context.user, progress=context.progress)
    return StepResult(rows=result.customers, words=result.words)


def register_step() -> None:
    """Register the step; called once, when the app is ready."""
    register(
        Step(
            STEP,
            "Audit of recommendations",
            110,
            audit_newest,
            needs=(RECOMMENDATIONS,),
            # Contacts and opt-outs count, and cannot be told cheaply.
            repeat=True,
            what="Which lists may leave, and whether the run as a whole passes the gate",
            page="recommendations_audit",
            permission="recommendations.view_recoaudit",
        )
    )
