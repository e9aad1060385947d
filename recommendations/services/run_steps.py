"""What a run of recommendations does, step by step, inside the transaction of ``runs``."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from django.conf import settings

from analytics.selectors.segmentation_values import end_of
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress
from customers.selectors.policy import policy_snapshot
from recommendations import scoring
from recommendations.models import RecoRun
from recommendations.scoring.lists import Lists
from recommendations.scoring.settings import SCENARIOS, RecoSettings
from recommendations.scoring.shop import Shop
from recommendations.selectors.contactability import Decision, decide
from recommendations.selectors.customers_asked import refuse
from recommendations.selectors.run_plan import plan_of
from recommendations.selectors.shop import data_version, load_shop, rows_of
from recommendations.services.quality import check
from recommendations.services.run_writing import Sink

PARTS = 100
"""Parts of a run as progress counts them; most are the recommending itself."""

READ, RECOMMENDED = 10, 95
"""The parts done when the shop is read, and when all lists are written."""

Result = TypeVar("Result")
Args = ParamSpec("Args")


class RunStoppedError(CrmError):
    """The data are not good enough to recommend from."""


class _Clock:
    """Keeps the seconds of each step, and tells people which one it is."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    def say(self, done: int, message: str) -> None:
        if self._progress is not None:
            self._progress(done, PARTS, message)

    def timed(
        self, name: str, work: Callable[Args, Result], *args: Args.args, **kwargs: Args.kwargs
    ) -> Result:
        started = perf_counter()
        result = work(*args, **kwargs)
        self.add(name, perf_counter() - started)
        return result

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 4)


def compute(
    run: RecoRun, chosen: Mapping[str, int] | None, *, write: bool, progress: Progress | None
) -> Sink:
    """Recommend, and fill in what the run says about itself.

    Args:
        chosen: the customers, None for all.
        write: whether the rows go into the tables of the run, or are only counted.

    Raises ``RunStoppedError`` when the data break a rule of quality.
    """
    clock = _Clock(progress)
    run.timings = clock.seconds
    clock.say(0, "Looking at the data")
    plan = plan_of(config=run.config, as_of=run.as_of)
    report = clock.timed("quality", check, as_of=run.as_of, settings=plan.settings)
    run.quality = report.to_json()
    if not report.passed:
        raise RunStoppedError(" ".join(report.stops))
    clock.say(2, "Reading the orders")
    run.contact_policy = policy_snapshot()
    silence = run.contact_policy["silence_window_days"]
    shop = clock.timed("read", load_shop, as_of=run.as_of, silence_window_days=silence)
    run.data_version = clock.timed("data_version", data_version, shop)
    run.code_version = code_version()
    run.mode, run.backtest = plan.mode, plan.backtest
    run.words = [*plan.words, *_without_effect(plan.settings, shop)]
    rows = _rows(shop, chosen)
    sink = Sink(run, shop, write=write)
    # Imported here: SciPy costs every process that only reads a second of its start.
    from recommendations.scoring.engine import recommend as recommend_chunks  # noqa: PLC0415

    chunks = recommend_chunks(shop, plan.settings, mode=plan.mode, customers=rows)
    _take(sink, run, shop, chunks, plan.settings.max_recos, clock, _size(shop, rows))
    run.counts = sink.counts()
    run.result_hash = sink.digest
    run.words += _found(run)
    return sink


def _without_effect(settings: RecoSettings, shop: Shop) -> list[str]:
    """Name what the settings switch on although nothing is there for it to look at."""
    if settings.scenario.winback_alive and bool(np.isnan(shop.customers.p_alive).all()):
        return [
            "The setting scenario.winback_alive is on, but predictions do not say of customers how "
            "likely they are lost for good; it changes nothing."
        ]
    return []


def publish(run: RecoRun, sink: Sink) -> None:
    """Make the rows readable at the end of the transaction."""
    started = perf_counter()
    sink.publish()
    run.timings["publish"] = round(perf_counter() - started, 4)


def _rows(shop: Shop, chosen: Mapping[str, int] | None) -> npt.NDArray[np.int32] | None:
    if chosen is None:
        return None
    ids = np.array(sorted(chosen.values()), np.int64)
    rows, there = rows_of(ids, shop.customers.id)
    missing = set(ids[~there].tolist())
    refuse([code for code, pk in sorted(chosen.items()) if pk in missing], "On that day nobody "
            "knew yet of")  # fmt: skip
    return rows.astype(np.int32)


def _size(shop: Shop, rows: npt.NDArray[np.int32] | None) -> int:
    return len(shop.customers) if rows is None else len(rows)


def _take(
    sink: Sink,
    run: RecoRun,
    shop: Shop,
    chunks: Iterator[Lists],
    full: int,
    clock: _Clock,
    total: int,
) -> None:
    """Take chunk after chunk: decide about contact, write, tell how far it is."""
    started = perf_counter()
    for lists in chunks:
        clock.add("recommend", perf_counter() - started)
        decisions = clock.timed("contact", _decisions, run, shop, lists)
        clock.timed("write", sink.add, lists.items, lists.excluded, decisions, full=full)
        done = READ + (RECOMMENDED - READ) * min(sink.customers, total) // total
        clock.say(done, "Recommending")
        started = perf_counter()
    clock.add("recommend", perf_counter() - started)


def _decisions(run: RecoRun, shop: Shop, lists: Lists) -> dict[int, Decision]:
    """Return whether each customer of a chunk may be contacted at the end of the run's day."""
    ids = shop.customers.id[lists.customers]
    scenarios = np.full(len(ids), -1)
    first = lists.items.rank == 1
    place = np.searchsorted(lists.customers, lists.items.customer[first])
    scenarios[place] = lists.items.scenario[first]
    return decide(
        customer_ids=ids.tolist(),
        channel=settings.CRM_RECOMMEND_CHANNEL,
        at=end_of(run.as_of) - timedelta(microseconds=1),
        scenarios=[SCENARIOS[code] if code >= 0 else None for code in scenarios.tolist()],
        planned=True,
    )


def _found(run: RecoRun) -> list[str]:
    """Return what people should know about the result of a run."""
    counts: dict[str, Any] = run.counts
    if not counts["customers"]:
        return ["There is no active customer to recommend to."]
    if not run.data_version["lines"]:
        return [
            f"Nobody had ordered anything by the end of {run.as_of:%Y-%m-%d}; orders are what "
            "recommendations are made from."
        ]
    if not counts["items"]:
        return ["No product could be recommended to anybody; the exclusions say why."]
    share = counts["contactable"] / counts["customers"]
    return [
        f"{counts['lists']:,} of {counts['customers']:,} customers have a list,"
        f" {counts['full_lists']:,} a full one; {share:.0%} of the customers may be contacted."
    ]


@cache
def code_version() -> str:
    """Return a short hash of the program that recommends: the same code gives the same lists."""
    digest = hashlib.sha256()
    folder = Path(scoring.__path__[0])
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return f"scoring-{digest.hexdigest()[:12]}"
