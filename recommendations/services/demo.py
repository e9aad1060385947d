"""The demo: a real shop's orders, moved near to today, scored now and at past month ends."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from analytics.models import PipelineRun, RfmRun
from analytics.selectors.pipeline import newest_run
from analytics.services.pipeline import run_or_resume
from analytics.services.rfm import score_rfm
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import User
from customers.models import ImportBatch
from customers.services.imports import import_file
from orders.models import Order, Product
from orders.services.catalogue import derive_prices
from orders.services.families import derive_families
from orders.services.totals import analyze_orders
from recommendations.models import BacktestRun
from recommendations.services import backtests
from recommendations.services.demo_campaign import pretend

DATA = Path("demo") / "data" / "online_retail_to_2011-11-09.csv.xz"
NEWEST = date(2011, 11, 9)
"""Day of the newest line in the file; a test compares it with the file."""
SOURCE = "demo"
MONTHS = 6
"""How many past month ends are scored, so that movement has something to show."""
SHORT_BACKTEST = backtests.Options(origins=3, warm_up=1)
"""Fewer past days than `backtest_recommendations` takes, so that a start stays short."""
LOGIN = "demo"
PASSWORD = "demo-password"  # noqa: S105 - printed at every start, refused in production


def shift_days(*, today: date) -> int:
    """Whole weeks, in days, that bring the newest order to one to seven days before ``today``.

    Weeks, so that Mondays stay Mondays.

    >>> shift_days(today=date(2011, 11, 10)), shift_days(today=date(2011, 11, 17))
    (0, 7)
    """
    return (today - timedelta(days=1) - NEWEST).days // 7 * 7


@dataclass(frozen=True, slots=True)
class DemoData:
    """What is loaded. ``shift_days`` is that of the first load; it never changes afterwards."""

    batch: ImportBatch
    loaded_now: bool
    families: int

    @property
    def shift_days(self) -> int:
        return int(self.batch.options.get("shift_days", 0))


def load(*, shift: bool = True, progress: Progress | None = None) -> DemoData:
    """Import the shipped orders once; a second call finds them and changes nothing.

    Raises ``CrmError`` in production, or when the file is missing.
    """
    if settings.PRODUCTION:
        raise CrmError("The demo data is not for production.")
    loaded = ImportBatch.objects.filter(source=SOURCE, status=ImportBatch.Status.COMMITTED).first()
    if loaded is not None:
        # Also after a start that was interrupted between the two.
        return DemoData(batch=loaded, loaded_now=False, families=_families_once())
    path = Path(settings.BASE_DIR) / DATA
    if not path.exists():
        raise CrmError(f"{DATA} is missing: the demo needs the whole repository.")
    days = shift_days(today=timezone.localdate()) if shift else 0
    batch = import_file(
        path=path,
        kind="orders",
        format="online-retail",
        source=SOURCE,
        options={"shift_days": days} if days else {},
        progress=progress,
    )
    families = _families_once()
    analyze_orders()
    derive_prices(as_of=NEWEST + timedelta(days=days))
    return DemoData(batch=batch, loaded_now=True, families=families)


def _families_once() -> int:
    """Derive the families where that was not done yet; return how many products got one."""
    derived = Product.objects.filter(derived_fields__contains=["family"])
    return 0 if derived.exists() else derive_families()


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored: the run of the newest day, and the pipeline that did it.

    ``pipeline`` is None where the newest day had been scored before; ``past_seconds`` tells how
    long RFM at the past month ends took.
    """

    run: RfmRun
    pipeline: PipelineRun | None
    past_seconds: float


def score(*, data: DemoData, progress: Progress | None = None) -> Scored:
    """Score the past month ends that have no run yet, then run the pipeline for the newest day.

    With shifted dates the newest day is today; with the file's own dates it is the file's last.
    A start that was interrupted is resumed. Before it, offers of a past day are made and measured.
    """
    newest = timezone.localdate() if data.shift_days else NEWEST
    started = perf_counter()
    _score_past(before=newest, progress=progress)
    seconds = perf_counter() - started
    pretend(newest=newest, progress=progress)
    _backtest(newest, progress)
    latest = newest_run()
    complete = latest is not None and latest.status == PipelineRun.Status.SUCCEEDED
    pipeline = None
    if latest is None or not complete or latest.as_of < newest:
        pipeline = run_or_resume(as_of=newest, origin=PipelineRun.Origin.COMMAND, progress=progress)
    return Scored(RfmRun.objects.get(is_current=True), pipeline, seconds)


def _backtest(newest: date, progress: Progress | None) -> None:
    """Let plans of recommending compete on past days, once, so that the run can use the winner."""
    if not BacktestRun.objects.filter(status=BacktestRun.Status.SUCCEEDED).exists():
        backtests.run(as_of=newest, options=SHORT_BACKTEST, progress=progress)


def _score_past(*, before: date, progress: Progress | None) -> None:
    """Make the history: RFM at month ends. The comparison groups an earlier day by itself."""
    ends = _month_ends(before=before)
    done = set(RfmRun.objects.kept().values_list("as_of", flat=True))
    days = [day for day in ends if day not in done]
    for number, day in enumerate(days):
        _tell(progress, number, len(days), f"Scoring as of {day:%d %B %Y}")
        score_rfm(as_of=day, make_current=False, refresh_views=False)


def _tell(progress: Progress | None, done: int, total: int | None, message: str) -> None:
    if progress is not None:
        progress(done, total, message)


def _month_ends(*, before: date) -> list[date]:
    """The last days of the months before, oldest first, that have orders up to them."""
    first = Order.objects.aggregate(first=Min("ordered_at"))["first"]
    ends: list[date] = []
    day = before
    for _ in range(MONTHS):
        day = day.replace(day=1) - timedelta(days=1)
        if first is not None and day > timezone.localdate(first):
            ends.insert(0, day)
    return ends


def ensure_login() -> User:
    """Make the demo's administrator, or find it. Raises ``CrmError`` in production."""
    if settings.PRODUCTION:
        raise CrmError("The demo login is not for production.")
    user, made = User.objects.get_or_create(
        username=LOGIN, defaults={"is_staff": True, "is_superuser": True, "first_name": "Demo"}
    )
    if made:
        user.set_password(PASSWORD)
        user.save()
    return user
