"""Step 8 of the pipeline."""

from analytics.services.pipeline_registry import (
    Step,
    StepContext,
    StepNotNeededError,
    StepResult,
    register,
)
from customers.models import Customer
from recommendations.models import RecoRun
from recommendations.services.runs import STEP, recommend


def recommendations(context: StepContext) -> StepResult:
    """Recommend to every customer."""
    if not Customer.objects.filter(status="active", is_test=False).exists():
        raise StepNotNeededError("There is no customer to recommend to.")
    run = recommend(
        as_of=context.as_of,
        make_current=context.make_current,
        origin=RecoRun.Origin.PIPELINE,
        user=context.user,
        progress=context.progress,
    )
    return StepResult(rows=run.counts["items"], words=" ".join(run.words))


def register_steps() -> None:
    """Register what recommendations provides; called once, when the app is ready."""
    register(
        Step(
            STEP,
            "Recommendations",
            100,
            recommendations,
            needs=("totals",),
            uses=("rfm",),
            # Contacts, signals, exports and settings count too, and cannot be told cheaply.
            repeat=True,
            what="What to offer whom next, and why",
            page="recommendations_recorun_changelist",
            permission="recommendations.view_recorun",
        )
    )
