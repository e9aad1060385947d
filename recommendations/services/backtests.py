"""Judge recommendations on past days, and choose the plan that the next run uses.

It takes from seconds to minutes, reads the shop once, and writes one row. The lock belongs to the
connection and not to a transaction, so no transaction stays open while numbers are computed.
Whatever kills it leaves the former back-test current.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import date
from time import perf_counter
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analytics.selectors.pointers import older_than_current
from analytics.selectors.segmentation_values import end_of
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from crm_project.common.services import refresh
from recommendations.models import BacktestRun, RecoConfig
from recommendations.scoring import backtest, backtest_results
from recommendations.selectors.run_plan import settings_of
from recommendations.selectors.shop import data_version, load_shop
from recommendations.services.configs import active_config

STEP = "back-test"

_LOCK = 7_264_052
"""The advisory lock of back-tests; any number that nothing else uses."""

Status = BacktestRun.Status
Options = backtest.Options


MOST_ORIGINS, MOST_SPACING = 12, 365


def options_of(asked: dict[str, Any]) -> Options:
    """Return options from what somebody asked for. Raises ``CrmError`` for what makes no sense."""
    origins = asked.get("origins") or Options().origins
    spacing = asked.get("spacing") or Options().spacing
    if not 1 <= origins <= MOST_ORIGINS or not 1 <= spacing <= MOST_SPACING:
        raise CrmError(f"Give 1 to {MOST_ORIGINS} past days, 1 to {MOST_SPACING} days apart.")
    return Options(origins=origins, spacing=spacing)


def run(
    *,
    as_of: date | None = None,
    config: RecoConfig | None = None,
    options: Options | None = None,
    user: User | None = None,
    progress: Progress | None = None,
) -> BacktestRun:
    """Look ahead from past days, store what was found, and let the next run use it.

    Args:
        as_of: nothing after the end of this local day is looked at; by default today. A day before
            that of the current back-test only adds to the history.
        config: the settings whose plan is looked for; by default the active ones.
        progress: told after each past day; raises to stop.

    Raises ``CrmError`` for a day to come and for a shop with too few orders, and ``ConflictError``
    while another back-test is under way.
    """
    day = _checked(as_of)
    with _locked():
        made = BacktestRun.objects.create(
            as_of=day, config=config or active_config(), created_by=user
        )
        try:
            with refresh.record(STEP, as_of=end_of(day)) as state:
                _fill(made, options or Options(), progress)
                _publish(made)
                state.rows = made.results["customers"]
        except BaseException as error:
            _fail(made, error)
            raise
    return made


def preview(
    *,
    as_of: date | None = None,
    config: RecoConfig | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> BacktestRun:
    """Return what a back-test would find, without storing it; it has no key."""
    made = BacktestRun(as_of=_checked(as_of), config=config or active_config())
    _fill(made, options or Options(), progress)
    return made


def _checked(as_of: date | None) -> date:
    day = as_of or timezone.localdate()
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    return day


@contextmanager
def _locked() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise ConflictError("A back-test is under way already; try again when it is done.")
    try:
        # Who holds the lock knows that nobody else is at work.
        BacktestRun.objects.filter(status=Status.RUNNING).update(
            status=Status.FAILED, error="It was interrupted.", finished_at=timezone.now()
        )
        yield
    finally:
        # A broken connection takes no statement; the lock has gone with it.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])


def _fill(made: BacktestRun, options: Options, progress: Progress | None) -> None:
    """Compute; fills in everything but the status."""
    if made.config is None:
        raise CrmError("A back-test needs settings.")
    started = perf_counter()
    # Of the settings in use: what was exported since must not hide products on past days.
    settings = replace(settings_of(made.config), avoid_exported=False)
    if progress is not None:
        progress(0, None, "Reading the orders")
    shop = load_shop(as_of=made.as_of)
    try:
        # One thread: beside web workers and a database, more only wait for each other.
        with threadpool_limits(1, "blas"):
            found = backtest.run(shop, settings, options, tell=_tell(progress))
            made.results = backtest_results.results_of(found, options)
    except backtest.NotEnoughError as error:
        raise CrmError(str(error)) from error
    made.chosen = backtest_results.chosen_of(found)
    made.words = backtest_results.words_of(made.results, made.chosen)
    made.origins = [origin["day"] for origin in made.results["origins"]]
    made.options = asdict(options)
    made.data_version = data_version(shop)
    made.seconds = round(perf_counter() - started, 2)


def _tell(progress: Progress | None) -> backtest.Tell | None:
    return progress


@transaction.atomic
def _publish(made: BacktestRun) -> None:
    made.status = Status.SUCCEEDED
    made.finished_at = timezone.now()
    if not older_than_current(BacktestRun, made.as_of):
        BacktestRun.objects.filter(is_current=True).update(is_current=False)
        made.is_current = True
    made.save()


def _fail(made: BacktestRun, error: BaseException) -> None:
    ours = isinstance(error, CrmError)
    words = str(error) if ours else f"It failed: {type(error).__name__}."
    BacktestRun.objects.filter(pk=made.pk).update(
        status=Status.FAILED, error=words, finished_at=timezone.now()
    )
