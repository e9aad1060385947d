"""Group all customers, in several ways at once; rename a group; thin old segmentations.

A build is one transaction: members go into tables of their own, these become partitions, and the
pointers move together. Whatever kills it leaves what everybody saw before, and rows that say
"running", which the next build sets right. Its long computing holds no snapshot, so it keeps
nothing from being vacuumed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.models import RfmRun, Segmentation
from analytics.scoring.stability import sample_rows
from analytics.selectors.pointers import older_than_current
from analytics.selectors.segmentation_taste import Taste, terms_of
from analytics.selectors.segmentation_values import cells_of, end_of
from analytics.services import segmentation_store as store
from analytics.services.rfm import score_rfm
from analytics.services.segmentation_groups import (
    Effort,
    Grouped,
    LeftOutError,
    group_by_map,
    group_by_means,
)
from analytics.services.segmentation_known import Known
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.services import refresh

Kind = Segmentation.Kind
Status = Segmentation.Status
T = TypeVar("T")

KINDS: tuple[str, ...] = (Kind.RFM_MAP, Kind.RFM, Kind.TASTE, Kind.BOTH)
"""All kinds, in the order in which they are made and shown."""

SEED = 7
"""Seed of every draw, unless another one is given; stored with each segmentation."""

LARGEST_SEED = 2_000_000_000

TERMS_SAMPLE = 20_000
"""Customers whose taste is read to name the groups; drawn with the seed."""

KEEP_ALL_DAYS = 31
"""Segmentations of so many days are all kept; of older ones the last of each week and kind."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made, and for each kind it left out, why."""

    as_of: date
    made: tuple[Segmentation, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """One line for people."""
        made = [f"{row.k} {row.get_kind_display()}" for row in self.made]
        left = [f"{Kind(kind).label} left out: {why}" for kind, why in self.left_out.items()]
        return "; ".join([", ".join(made) or "no groups", *left])


def build(
    *,
    as_of: date | None = None,
    kinds: Sequence[str] = KINDS,
    make_current: bool | None = None,
    seed: int = SEED,
    effort: Effort | None = None,
    known: Known | None = None,
    user: Any = None,
    progress: Progress | None = None,
) -> Built:
    """Group every customer with a sale as of the end of a local day.

    Args:
        as_of: the day described; by default today in the business's time zone. Recency, orders and
            money are those of that day's RFM run, which is made if there is none.
        kinds: which ways to group by; those that cannot be made are left out with a reason.
        make_current: whether everybody sees them from now on; None: each kind unless one of a
            later day is current.
        seed: the same customers and seed give the same groups.
        effort: how many numbers of groups are tried, and how often.
        known: what the same piece of work has read before.

    Raises ``CrmError`` for arguments that make no sense, and ``ConflictError`` while another build
    is under way.
    """
    day = as_of or timezone.localdate()
    if not 0 <= seed <= LARGEST_SEED:
        raise CrmError(f"The seed is a whole number from 0 to {LARGEST_SEED}.")
    rows = _rows(day=day, kinds=_checked(day, kinds), seed=seed, user=user)
    tell = _Teller(progress, len(rows))
    work = _Work(rows, make_current, effort or Effort(), known or Known(), tell)
    try:
        with refresh.record("segmentations", as_of=end_of(day)) as state:
            run = rfm_run_of(day, make_current=make_current)
            left_out = work.do(day, run)
            made = tuple(row for row in rows if row.status == Status.SUCCEEDED)
            state.rows = sum(row.customers or 0 for row in made)
    except ConflictError:
        # It never began, so there is nothing to remember.
        Segmentation.objects.filter(pk__in=[row.pk for row in rows]).delete()
        raise
    except BaseException as error:
        _fail(rows, error)
        raise
    return Built(as_of=day, made=made, left_out=left_out)


def _checked(day: date, kinds: Sequence[str]) -> list[str]:
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        wrong = f"There is no kind {unknown[0]!r}." if unknown else "No kind was given."
        raise CrmError(f"{wrong} Use some of {', '.join(KINDS)}.")
    if day > timezone.localdate():
        raise CrmError(f"{day:%Y-%m-%d} is still to come; give today or a day before.")
    return [kind for kind in KINDS if kind in kinds]


def _rows(*, day: date, kinds: Sequence[str], seed: int, user: Any) -> list[Segmentation]:
    return [
        Segmentation.objects.create(
            kind=kind, as_of=day, seed=seed, time_zone=settings.TIME_ZONE, created_by=user
        )
        for kind in kinds
    ]


def rfm_run_of(day: date, *, make_current: bool | None) -> RfmRun:
    """Return an RFM run that describes the whole day; without one, customers are scored.

    A run made before its day was over says nothing about the rest of that day. Mode and window
    are those of the current run, so that days can be compared; but cut points that a later day
    gave would let it look ahead, and then the day gets its own.
    """
    current = RfmRun.objects.filter(is_current=True).select_related("cuts_from").first()
    mode = current.mode if current else RfmRun.Mode.QUANTILE
    window = current.window_days if current else None
    cuts_from = current.cuts_from if current else None
    if cuts_from is not None and cuts_from.as_of > day:
        mode, cuts_from = RfmRun.Mode.QUANTILE, None
    runs = RfmRun.objects.kept().filter(as_of=day, mode=mode, window_days=window)
    runs = runs.exclude(cuts_from__as_of__gt=day)
    if day < timezone.localdate():
        runs = runs.filter(started_at__gte=end_of(day))
    found = runs.order_by("-is_current", "-pk").first()
    return found or score_rfm(
        as_of=day,
        mode=mode,
        window_days=window,
        cuts_from=cuts_from.pk if cuts_from else None,
        make_current=make_current is not False and current is None,
        refresh_views=current is None,
    )


class _Teller:
    """Says how far a build is; two steps for each kind, and one for reading."""

    def __init__(self, progress: Progress | None, kinds: int) -> None:
        self._progress = progress
        self._total = 2 * kinds + 1
        self._done = 0

    def step(self, words: str) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total, words)
        self._done += 1

    def more(self, words: str) -> None:
        """Say more within the step, and hear whether to stop."""
        if self._progress is not None:
            self._progress(self._done - 1, self._total, words)


@dataclass(slots=True)
class _Work:
    """One build inside its transaction."""

    rows: list[Segmentation]
    make_current: bool | None
    effort: Effort
    known: Known
    tell: _Teller
    timings: dict[str, float] = field(default_factory=dict)

    def do(self, day: date, run: RfmRun) -> dict[str, str]:
        """Make all kinds and show them together. Returns the reasons of those left out."""
        left_out: dict[str, str] = {}
        with transaction.atomic():
            if not store.lock():
                raise ConflictError("Customers are being grouped already; try again afterwards.")
            self.tell.step("Reading behaviour and taste")
            known = self._timed("read", lambda: self.known.behaviour(run))
            found_taste = self._timed("taste", lambda: self._taste(day))
            read = dict(self.timings)
            found: list[tuple[Segmentation, Grouped]] = []
            for row in self.rows:
                row.timings = dict(read)
                self.timings = row.timings
                row.rfm_run = run
                self.tell.step(f"Finding the {row.get_kind_display()}")
                try:
                    found.append((row, self._found(row, run, known, found_taste)))
                except LeftOutError as reason:
                    left_out[row.kind] = str(reason)
            self._write(found, left_out)
        return left_out

    def _write(self, found: list[tuple[Segmentation, Grouped]], left_out: dict[str, str]) -> None:
        """Write everything at the end: until here the transaction has only read."""
        _sweep(self.rows)
        for row in self.rows:
            if row.kind in left_out:
                _leave_out(row, left_out[row.kind])
        for row, grouped in found:
            self.timings = row.timings
            self.tell.step(f"Writing the {row.get_kind_display()}")
            self._timed("write", partial(store.write, row, grouped))
            row.save(update_fields=["timings"])
        store.publish([row for row, _ in found if self._becomes_current(row)])

    def _becomes_current(self, row: Segmentation) -> bool:
        if self.make_current is None:
            return not older_than_current(Segmentation, row.as_of, kind=row.kind)
        return self.make_current

    def _taste(self, day: date) -> Taste | str:
        if not {row.kind for row in self.rows} & {Kind.TASTE, Kind.BOTH}:
            return ""
        return self.known.taste(day)

    def _found(self, row: Segmentation, run: RfmRun, known: Any, found: Taste | str) -> Grouped:
        grouped = self._timed("group", lambda: self._grouped(row, run, known, found))
        terms = self._timed("terms", lambda: self._terms(row, grouped, found))
        return replace(grouped, terms=terms)

    def _grouped(self, row: Segmentation, run: RfmRun, known: Any, found: Taste | str) -> Grouped:
        if row.kind == Kind.RFM_MAP:
            cuts = _fixed_cuts(run)
            cells = cells_of(run)
            return group_by_map(known, cells, cuts, seed=row.seed, effort=self.effort)
        if row.kind != Kind.RFM and isinstance(found, str):
            raise LeftOutError(found)
        return group_by_means(
            row.kind,
            known,
            None if row.kind == Kind.RFM or isinstance(found, str) else found,
            seed=row.seed,
            effort=self.effort,
            progress=lambda done: self.tell.more(f"Assigned {done:,} customers"),
        )

    def _terms(
        self, row: Segmentation, grouped: Grouped, found: Taste | str
    ) -> dict[int, dict[str, float]]:
        """Add up what a sample of the customers buys, by group."""
        if isinstance(found, str):
            return {}
        rows = sample_rows(len(grouped.ids), TERMS_SAMPLE, row.seed)
        number_of = dict(
            zip(grouped.ids[rows].tolist(), grouped.numbers[rows].tolist(), strict=True)
        )
        terms: dict[int, dict[str, float]] = {}
        for customer, values in terms_of(row.as_of, list(number_of)):
            counts = terms.setdefault(number_of[customer], {})
            for text, share in values.items():
                counts[text] = counts.get(text, 0.0) + share
        return terms

    def _timed(self, name: str, work: Callable[[], T]) -> T:
        started = perf_counter()
        result = work()
        self.timings[name] = round(perf_counter() - started, 4)
        return result


def _fixed_cuts(run: RfmRun) -> list[list[float]] | None:
    if run.mode != RfmRun.Mode.FIXED:
        return None
    names = ("recency_days", "frequency", "monetary")
    return [[float(cut) for cut in run.cuts[name]] for name in names]


def _sweep(rows: Sequence[Segmentation]) -> None:
    """Close rows of builds that died: who holds the lock knows that nobody else is at work."""
    first = min(row.pk for row in rows)
    Segmentation.objects.filter(status=Status.RUNNING, pk__lt=first).update(
        status=Status.FAILED,
        error="It was interrupted; nothing of it remained.",
        finished_at=timezone.now(),
    )


def _leave_out(row: Segmentation, reason: str) -> None:
    """Note why a kind was not made; only the newest such note of a kind is kept."""
    older = Segmentation.objects.filter(kind=row.kind, status=Status.LEFT_OUT)
    older.filter(pk__lt=row.pk).delete()
    row.status, row.error, row.finished_at = Status.LEFT_OUT, reason, timezone.now()
    row.save()


def _fail(rows: Sequence[Segmentation], error: BaseException) -> None:
    words = str(error) if isinstance(error, CrmError) else f"It failed: {type(error).__name__}."
    Segmentation.objects.filter(pk__in=[row.pk for row in rows]).update(
        status=Status.FAILED, error=words, finished_at=timezone.now()
    )


def thin_segmentations(*, today: date | None = None) -> list[int]:
    """Drop the members of old segmentations: all stay for a month, then the last of each ISO week.

    Rows, clusters and comparisons stay; current ones always keep their members. Returns the
    segmentations thinned. One that readers were using is left for the next time.
    """
    oldest_kept = (today or timezone.localdate()) - timedelta(days=KEEP_ALL_DAYS)
    weeks: set[tuple[str, int, int]] = set()
    thinned = []
    with refresh.record("segmentation thinning") as state:
        old = Segmentation.objects.kept().filter(as_of__lt=oldest_kept)
        for segmentation in old.order_by("-as_of", "-pk"):
            year, week, _ = segmentation.as_of.isocalendar()
            key = (segmentation.kind, year, week)
            if key in weeks and not segmentation.is_current and _drop_members(segmentation):
                thinned.append(segmentation.pk)
            weeks.add(key)
        state.rows = len(thinned)
    return thinned


@transaction.atomic
def _drop_members(segmentation: Segmentation) -> bool:
    if not store.call("segmentation_drop", segmentation.pk):
        return False
    Segmentation.objects.filter(pk=segmentation.pk).update(members_dropped_at=timezone.now())
    return True
