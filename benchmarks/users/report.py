"""The table of a load test: how many answers, how fast, how many wrong, by kind and by request."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

COLUMNS = ("Kind", "Request", "Answers", "A second", "p50", "p95", "p99", "Longest", "Errors",
           "Limit of p95")  # fmt: skip
ALL = "all of them"


@dataclass(frozen=True, slots=True)
class Kind:
    """What belongs together, and the milliseconds within which 95 of 100 must be answered."""

    title: str
    limit: float | None


KINDS = {
    "page": Kind("pages of the admin", 2500),
    "save": Kind("forms saved in the admin", 2500),
    "read": Kind("reads over the API", 400),
    "same": Kind("reads answered from the caller's copy (304)", 400),
    "write": Kind("writes over the API", None),
    "login": Kind("signing in, while users come", 2500),
    "user": Kind("users who stumbled", None),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: when it came (seconds since 1970), and what it was."""

    at: float
    kind: str
    name: str
    milliseconds: float
    wrong: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; times in milliseconds."""

    kind: str
    name: str
    answers: int
    rate: float | None
    p50: float
    p95: float
    p99: float
    longest: float
    errors: int
    limit: float | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing went wrong and the limit, if there is one, was kept."""
        return self.errors == 0 and (self.limit is None or self.p95 <= self.limit)

    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of ``COLUMNS``."""
        verdict = "" if self.holds else ": NO"
        limit = "" if self.limit is None else f"{self.limit:,.0f} ms"
        judged = f"{limit}{verdict or ': yes'}" if limit else verdict.removeprefix(": ")
        times = (f"{value:,.0f} ms" for value in (self.p50, self.p95, self.p99, self.longest))
        title = KINDS[self.kind].title if self.kind in KINDS else self.kind
        rate = "" if self.rate is None else f"{self.rate:.1f}"
        return (title, self.name, f"{self.answers:,}", rate, *times, f"{self.errors:,}", judged)


def read(notes: Path) -> list[Answer]:
    """Read what the users wrote down."""
    with notes.open() as lines:
        return [Answer(*json.loads(line)) for line in lines]


def lines(answers: Sequence[Answer], *, start: float, seconds: float) -> list[Line]:
    """Sum up what was answered in the measured time; logins and errors of all the time.

    First each kind as a whole, with its limit, then each request by itself.
    """
    counted = [
        answer
        for answer in answers
        if answer.kind == "login" or answer.wrong or start <= answer.at < start + seconds
    ]
    found = [
        _line(kind, ALL, [a for a in counted if a.kind == kind], seconds, KINDS[kind].limit)
        for kind in KINDS
        if any(answer.kind == kind for answer in counted)
    ]
    pairs = sorted({(list(KINDS).index(a.kind), a.name) for a in counted if a.kind in KINDS})
    for place, name in pairs:
        kind = list(KINDS)[place]
        of_it = [a for a in counted if a.kind == kind and a.name == name]
        found.append(_line(kind, name, of_it, seconds, None))
    return found


def came(answers: Sequence[Answer], *, staff: int) -> bool:
    """Return whether all members of staff signed in, in two steps, and all asked what they should.

    Where the users' own program died early, all that it noted may well hold.
    """
    kinds = [answer.kind for answer in answers]
    return kinds.count("login") >= 2 * staff and {"page", "read", "write"} <= set(kinds)


def _line(
    kind: str, name: str, answers: Sequence[Answer], seconds: float, limit: float | None
) -> Line:
    times = sorted(answer.milliseconds for answer in answers)
    return Line(
        kind=kind,
        name=name,
        answers=len(answers),
        # Logins and stumbles belong to all the time, not to the measured one.
        rate=None if kind in {"login", "user"} else len(answers) / seconds,
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        p99=percentile(times, 99),
        longest=times[-1],
        errors=sum(1 for answer in answers if answer.wrong),
        limit=limit,
    )


def percentile(ascending: Sequence[float], share: int) -> float:
    """Return the value that ``share`` percent of the values do not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 95)
    (2, 4)
    """
    return ascending[max(-(-len(ascending) * share // 100), 1) - 1]


def wrongs(answers: Iterable[Answer]) -> list[str]:
    """Return what went wrong, the most frequent first."""
    counted = Counter(f"{a.kind} {a.name}: {a.wrong}" for a in answers if a.wrong)
    return [f"{count} x {what}" for what, count in counted.most_common(10)]


def table(found: Sequence[Line]) -> Table:
    """Return the table for a terminal."""
    shown = Table(title="load", title_justify="left")
    for place, column in enumerate(COLUMNS):
        shown.add_column(column, justify="right" if 1 < place < 9 else "left")
    for line in found:
        shown.add_row(*line.cells(), style="bold" if line.name == ALL else "")
    return shown


def section(found: Sequence[Line], *, words: str) -> str:
    """Return the section of docs/benchmarks.md."""
    rows = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    rows += ["| " + " | ".join(line.cells()) + " |" for line in found]
    return f"{words}\n\n" + "\n".join(rows)
