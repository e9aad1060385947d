"""Recommend to every customer as of a day. Readers are never blocked by it.

A run reads the shop, recommends chunk by chunk into tables that nobody sees yet, and shows them
and moves the pointer in one moment: all in one transaction. Whatever kills it leaves the former
recommendations and a row that says "running", which the next run sets right.
"""

from collections.abc import Collection
from datetime import date

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.selectors.pointers import older_than_current
from analytics.selectors.segmentation_values import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from crm_project.common.services import refresh
from recommendations.models import RecoConfig, RecoRun
from recommendations.selectors.customers_asked import chosen_customers
from recommendations.services import run_steps as steps
from recommendations.services.configs import active_config
from recommendations.services.run_steps import RunStoppedError
from recommendations.services.run_writing import lock

STEP = "recommendations"


def recommend(
    *,
    as_of: date | None = None,
    config: RecoConfig | None = None,
    customers: Collection[str] | None = None,
    make_current: bool | None = None,
    origin: str = RecoRun.Origin.COMMAND,
    user: User | None = None,
    progress: Progress | None = None,
) -> RecoRun:
    """Recommend up to three products to every active customer, with reasons.

    Args:
        as_of: what was known at the end of this local day; by default today. Nothing later has any
            influence.
        config: the settings; by default the active ones.
        customers: only those with these codes. Such a run never becomes current.
        make_current: whether everybody sees it from now on; None: unless a later day is current.
        origin: one of ``RecoRun.Origin``.

    Raises ``CrmError`` for a day to come and for customers who cannot be recommended to,
    ``RunStoppedError`` when the data break a rule of quality (the run says which), and
    ``ConflictError`` while another run is under way.
    """
    chosen = chosen_customers(customers)
    run = RecoRun.objects.create(
        as_of=_checked(as_of),
        time_zone=settings.TIME_ZONE,
        config=config or active_config(),
        customers_chosen=chosen and sorted(chosen),
        origin=origin,
        created_by=user,
    )
    # A run of a few customers is not the number that everybody sees, and not in its ledger.
    step = STEP if chosen is None else f"{STEP} of some"
    try:
        with refresh.record(step, as_of=end_of(run.as_of)) as state:
            _fill(run, chosen, make_current=make_current, progress=progress)
            state.rows = run.counts["items"]
    except ConflictError:
        # It never began, so there is nothing to remember.
        run.delete()
        raise
    except BaseException as error:
        _fail(run, error)
        raise
    return run


def preview(
    *,
    as_of: date | None = None,
    config: RecoConfig | None = None,
    customers: Collection[str] | None = None,
    progress: Progress | None = None,
) -> RecoRun:
    """Return what a run would find, without storing its rows; it has no key."""
    run = RecoRun(
        as_of=_checked(as_of), time_zone=settings.TIME_ZONE, config=config or active_config()
    )
    steps.compute(run, chosen_customers(customers), write=False, progress=progress)
    return run


def _checked(as_of: date | None) -> date:
    day = as_of or timezone.localdate()
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    return day


@transaction.atomic
def _fill(
    run: RecoRun,
    chosen: dict[str, int] | None,
    *,
    make_current: bool | None,
    progress: Progress | None,
) -> None:
    if not lock():
        raise ConflictError("Recommendations are being made already; try again when that is done.")
    sink = steps.compute(run, chosen, write=True, progress=progress)
    _sweep(run)
    steps.publish(run, sink)
    run.status = RecoRun.Status.SUCCEEDED
    run.finished_at = timezone.now()
    if make_current is None:
        make_current = not older_than_current(RecoRun, run.as_of)
    if make_current and chosen is None:
        RecoRun.objects.filter(is_current=True).update(is_current=False)
        run.is_current = True
    run.save()


def _sweep(run: RecoRun) -> None:
    """Close rows of runs that died: who holds the lock knows that nobody else is at work."""
    RecoRun.objects.filter(status=RecoRun.Status.RUNNING, pk__lt=run.pk).update(
        status=RecoRun.Status.FAILED,
        error="It was interrupted; nothing of it remained.",
        finished_at=timezone.now(),
    )


def _fail(run: RecoRun, error: BaseException) -> None:
    stopped = isinstance(error, RunStoppedError)
    words = str(error) if isinstance(error, CrmError) else f"It failed: {type(error).__name__}."
    RecoRun.objects.filter(pk=run.pk).update(
        status=RecoRun.Status.STOPPED if stopped else RecoRun.Status.FAILED,
        error=words,
        quality=run.quality,
        timings=run.timings,
        finished_at=timezone.now(),
    )
