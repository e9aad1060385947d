"""Predictions: fit and predict against the `lifetimes` package, and the whole run with its judging.

The peer runs in an interpreter of its own, because it does not install beside our libraries: make
an environment with it and give its Python in CRM_LIFETIMES_PYTHON, for instance
`python -m venv lt && lt/bin/pip install lifetimes "numpy<2" "pandas<2.2" "scipy<1.13"`. On many
customers it is timed on a part of them and its time multiplied; the row says so. Its work grows
with the customers, so that this is fair.
"""

import json
import os
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analytics.models import MetricsRun
from analytics.scoring.clv import Histories, Ledger, fit_mbg, predict_shop
from analytics.services.metrics import _drop_rows, score_metrics
from benchmarks.framework import Row, Scale, medians

PYTHON = "CRM_LIFETIMES_PYTHON"
CDNOW = "CRM_CDNOW_MASTER"
PEER_CUSTOMERS = 1_000_000
WEEKS = 13

PEER = """
import json, sys, time
import numpy, pandas
from lifetimes import ModifiedBetaGeoFitter
table = numpy.load(sys.argv[1])
x, t_x, T = (pandas.Series(table[name]) for name in ("x", "t_x", "T"))
ModifiedBetaGeoFitter().fit(x[:500], t_x[:500], T[:500])
started = time.perf_counter()
model = ModifiedBetaGeoFitter()
model.fit(x, t_x, T)
model.conditional_probability_alive(x, t_x, T)
model.conditional_expected_number_of_purchases_up_to_time(float(sys.argv[2]), x, t_x, T)
spent = time.perf_counter() - started
print(json.dumps({"seconds": spent, "params": dict(model.params_)}))
"""


def run(scale: Scale) -> list[Row]:
    """Measure fit and predict, the whole run, and CDNOW's customers where they are given."""
    rows = [_fit_row(scale), _run_row()]
    return [*rows, _cdnow_row(Path(os.environ[CDNOW]))] if os.environ.get(CDNOW) else rows


def _fit_row(scale: Scale) -> Row:
    h = made(scale.customers)
    with threadpool_limits(limits=1):  # as in a run
        ours = medians(max(1, scale.rounds // 2), lambda: _fit_and_predict(replace(h)))[0]
    peer, note = _peer(h)
    return Row(
        f"MBG/NBD, fit and predict, {len(h):,} customers",
        ours, peer=peer, at_most_peer=1 / 20, note=note,
    )  # fmt: skip


def _fit_and_predict(h: Histories) -> None:
    fit = fit_mbg(h)
    fit.p_alive(h)
    fit.expected(h, WEEKS)


def made(customers: int) -> Histories:
    """Return customers who buy and leave as MBG/NBD says; days as a shop would have them."""
    random = np.random.default_rng(1)
    rate, leaving = random.gamma(0.6, 1 / 6, customers), random.beta(0.9, 1.8, customers)
    age = random.integers(7, 7 * 104, customers) / 7
    would = random.poisson(rate * age)
    before_leaving = random.geometric(np.maximum(leaving, 1e-9)) - 1
    x = np.minimum(would, before_leaving)
    # The x-th of `would` purchases, evenly spread over the age.
    last = random.beta(np.maximum(x, 1), would - x + 1) * age
    t_x = np.where(x > 0, np.clip(np.round(last * 7), 1, age * 7) / 7, 0.0)
    return Histories.of(x=x, t_x=t_x, T=age)


def _peer(h: Histories) -> tuple[float | None, str]:
    python = os.environ.get(PYTHON)
    if not python:
        return None, f"no peer: {PYTHON} is not set, see bench_metrics.py"
    step = max(1, len(h) // PEER_CUSTOMERS)
    with tempfile.NamedTemporaryFile(suffix=".npz") as table:
        np.savez(table, x=h.x[::step], t_x=h.t_x[::step], T=h.T[::step])
        table.flush()
        command = [python, "-W", "ignore", "-c", PEER, table.name, str(WEEKS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    part = len(h.x[::step])
    timed = f"lifetimes timed on {part:,} customers"
    return told["seconds"] * len(h) / part, timed + (
        f", times {len(h) / part:.0f}" if step > 1 else ""
    )


def _run_row() -> Row:
    ours = medians(1, _score)[0]
    found = MetricsRun.objects.get(is_current=True)
    parts = ", ".join(f"{name} {spent:.1f}" for name, spent in found.timings.items())
    note = f"{parts}; {found.quality}: {found.model or found.words[0]}"
    return Row(
        f"whole run, {found.scored:,} customers, orders read and numbers written", ours, note=note
    )


def _score() -> None:
    """Score, and drop the run before: the disk stays as it was."""
    before = MetricsRun.objects.filter(is_current=True).first()
    score_metrics()
    if before is not None:
        _drop_rows(before)


def _cdnow_row(path: Path) -> Row:
    book, as_of = cdnow(path)
    work: Callable[[], object] = lambda: predict_shop(book, as_of)  # noqa: E731
    with threadpool_limits(limits=1):
        ours = medians(3, work)[0]
    customers = len(np.unique(book.customer))
    return Row(f"CDNOW, {customers:,} customers, all models judged on 8 earlier days", ours)


def cdnow(path: Path) -> tuple[Ledger, int]:
    """Read customer, day, (number) and money from a file of the published form."""
    rows: dict[tuple[int, int], float] = defaultdict(float)
    for line in path.read_text().splitlines():
        parts = line.split()
        if len(parts) < 4 or not parts[0].isdecimal():
            continue
        text = parts[-3]
        day = date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal()
        rows[(int(parts[0]), day)] += float(parts[-1])
    customer, days = zip(*rows, strict=True)
    return Ledger.of(customer, days, np.ones(len(rows)), list(rows.values())), max(days)
