"""Steps 1 to 7 of the pipeline: each one call of the service that does it."""

from analytics.models import RfmRun, Segmentation
from analytics.services.dashboards import record_movement, refresh_dashboards
from analytics.services.embeddings import embed_customers
from analytics.services.metrics import score_metrics
from analytics.services.pipeline_registry import (
    Step,
    StepContext,
    StepNotNeededError,
    StepResult,
    register,
)
from analytics.services.profiles import refresh_profiles
from analytics.services.rfm import score_rfm
from analytics.services.rfm_steps import end_of
from analytics.services.saved_segment_builds import rebuild_saved_segments
from analytics.services.segmentation_verdicts import compare_newest
from analytics.services.segmentations import build
from crm_project.common.exceptions import CrmError, NotReadyError
from crm_project.common.selectors.estimates import estimated_rows
from crm_project.common.services import refresh
from orders.services.totals import analyze_orders, check_totals

Kind = Segmentation.Kind

ORDERS_AT_ONCE = 5_000_000
"""From so many orders on, a night checks the totals of a seventh of the customers."""

DAYS = 7


def totals(context: StepContext) -> StepResult:
    """Check that totals agree with the orders (in a week all of them, where many), and analyze."""
    parts = DAYS if estimated_rows("orders_order") >= ORDERS_AT_ONCE else 1
    with refresh.record("totals", as_of=end_of(context.as_of)) as state:
        analyze_orders()
        found = check_totals(part=context.as_of.toordinal() % parts + 1, parts=parts)
        state.rows = found.customers
    return StepResult(rows=found.customers, words=found.words)


def rfm(context: StepContext) -> StepResult:
    run = score_rfm(
        as_of=context.as_of,
        make_current=context.make_current,
        refresh_views=False,
        user=context.user,
        progress=context.progress,
    )
    return StepResult(
        rows=run.scored, words=f"{run.scored:,} customers scored, {run.prospects:,} prospects."
    )


def movement(context: StepContext) -> StepResult:
    """Compare with the newest run of an earlier day; for the present, refresh the dashboard too."""
    newer = RfmRun.objects.kept().filter(as_of=context.as_of).order_by("-id").first()
    if newer is None:
        raise CrmError(f"There are no RFM scores as of {context.as_of:%Y-%m-%d}.")
    if context.make_current:
        refresh_dashboards()
    earlier = RfmRun.objects.kept().filter(as_of__lt=context.as_of)
    older = earlier.order_by("-as_of", "-id").first()
    if older is None:
        raise StepNotNeededError("There is no run of an earlier day to compare with.")
    rows = record_movement(older=older, newer=newer)
    return StepResult(rows=rows, words=f"Compared with {older.as_of:%Y-%m-%d}.")


def profiles(context: StepContext) -> StepResult:
    _only_now(context, "Profiles")
    found = refresh_profiles(as_of=context.as_of, progress=context.progress)
    words = f"{found.written:,} of {found.customers:,} looked at are new or have changed."
    return StepResult(rows=found.customers, words=words)


def metrics(context: StepContext) -> StepResult:
    run = score_metrics(
        as_of=context.as_of,
        make_current=context.make_current,
        user=context.user,
        progress=context.progress,
    )
    return StepResult(rows=run.scored, words=" ".join(run.words))


def embeddings(context: StepContext) -> StepResult:
    _only_now(context, "Embeddings")
    found = embed_customers(all=True, user=context.user, progress=context.progress)
    if found.error:
        raise CrmError(found.error)
    return StepResult(rows=found.embedded, words=str(found))


def segmentations(context: StepContext) -> StepResult:
    found = build(
        as_of=context.as_of,
        make_current=context.make_current,
        user=context.user,
        progress=context.progress,
    )
    if not found.made:
        raise StepNotNeededError(" ".join(sorted(set(found.left_out.values()))))
    words = [f"{_headline(row.kind)}: {row.k} groups." for row in found.made]
    words += [f"{_headline(kind)}: {why}" for kind, why in found.left_out.items()]
    return StepResult(rows=sum(row.customers or 0 for row in found.made), words=" ".join(words))


def _headline(kind: str) -> str:
    """Return the label of a kind at the beginning of a sentence; "RFM" keeps its capitals."""
    label = str(Kind(kind).label)
    return label[:1].upper() + label[1:]


def comparison(context: StepContext) -> StepResult:
    try:
        found = compare_newest(as_of=context.as_of, user=context.user, progress=context.progress)
    except NotReadyError as reason:
        raise StepNotNeededError(str(reason)) from reason
    words = [row.verdict for row in found.comparisons]
    return StepResult(rows=len(found.comparisons), words=" ".join([*words, found.reason]).strip())


def saved_segments(context: StepContext) -> StepResult:
    _only_now(context, "Saved segments")
    found = rebuild_saved_segments(progress=context.progress)
    if found.error:
        raise CrmError(str(found))
    return StepResult(rows=found.members, words=str(found))


def _only_now(context: StepContext, what: str) -> None:
    if not context.make_current:
        raise StepNotNeededError(f"{what} describe the present only; this is a day of the past.")


STEPS = (
    Step("totals", "Totals", 10, totals, reads=("orders",), what="Sales and returns by customer"),
    Step(
        "rfm",
        "RFM scores",
        20,
        rfm,
        needs=("totals",),
        reads=("orders", "customers", "segments"),
        what="Scores and segments by recency, frequency and money",
        page="analytics_rfmrun_changelist",
        permission="analytics.view_rfmrun",
    ),
    Step(
        "movement",
        "Movement",
        30,
        movement,
        needs=("rfm",),
        what="Who changed their segment, and the dashboard",
        page="analytics_movement",
        permission="analytics.view_rfmrun",
    ),
    Step(
        "profiles",
        "Profiles",
        40,
        profiles,
        needs=("totals",),
        reads=("orders", "customers", "products"),
        what="Taste and rhythm of each customer",
    ),
    Step(
        "metrics",
        "Predictions",
        50,
        metrics,
        needs=("totals",),
        reads=("orders", "customers"),
        what="Lifetime value, churn and the next purchase",
        page="analytics_metricsrun_changelist",
        permission="analytics.view_metricsrun",
    ),
    Step(
        "embeddings",
        "Embeddings",
        60,
        embeddings,
        needs=("profiles",),
        reads=("products",),
        what="Similar customers",
        page="analytics_embeddingmodel_changelist",
        permission="analytics.view_embeddingmodel",
    ),
    Step(
        "segmentations",
        "Segmentations",
        70,
        segmentations,
        needs=("rfm", "embeddings"),
        uses=("profiles",),
        what="Groups by behaviour and taste",
        page="analytics_segmentation_changelist",
        permission="analytics.view_segmentation",
    ),
    Step(
        "comparison",
        "Comparison",
        80,
        comparison,
        needs=("segmentations",),
        reads=("orders",),
        what="Which segmentation to believe",
        page="analytics_segmentation_compare",
        permission="analytics.view_segmentation",
    ),
    Step(
        "saved segments",
        "Saved segments",
        90,
        saved_segments,
        needs=("rfm", "profiles"),
        uses=("metrics", "segmentations"),
        repeat=True,
        what="Members of the segments that staff saved",
        page="analytics_savedsegment_changelist",
        permission="analytics.view_savedsegment",
    ),
)


def register_steps() -> None:
    """Register what analytics provides; called once, when the app is ready."""
    for step in STEPS:
        register(step)
