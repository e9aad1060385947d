"""Which kinds of files can be imported, and how. Each app registers its own kinds.

A kind has formats (pure: text in, staging rows out) and a plan (SQL: staging rows into tables).
The batch service knows neither orders nor customers, only these two sides.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from customers.importers.errors import InputError
from customers.importers.header import Column, Layout
from customers.importers.options import Options
from customers.importers.records import Chunk


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything a format needs to know besides the records.

    ``time_zone``, ``currency`` and ``latest`` are fixed with the batch, so that a preview, its
    commit and a resumed commit read the same file in the same way.
    """

    layout: Layout
    options: Options
    source: str
    time_zone: str
    currency: str
    latest: datetime
    comma: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """One record that is not taken."""

    line: int
    text: str
    code: str
    words: str


@dataclass(slots=True)
class Staged:
    """What came of some records: rows for staging tables in COPY's text form, and refusals."""

    records: int = 0
    rows: dict[str, list[str]] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


class Format(Protocol):
    """Pure parsing of one shape of file."""

    @property
    def columns(self) -> Sequence[Column]: ...

    @property
    def numbers(self) -> Sequence[str]: ...

    def parse(self, chunks: Iterator[Chunk], reading: Reading) -> Iterator[Staged]: ...


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What a plan has to know of the batch."""

    batch_id: int
    source: str
    mode: str
    currency: str
    refuse_unknown: bool = False


@dataclass(slots=True)
class Outcome:
    """Counts of good lines, and what else to tell. ``refused`` are those found by the plan."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)


class Plan(Protocol):
    """The set-based half of an import, inside the batch's one transaction.

    ``tables`` are the temporary staging tables: name → column definitions. ``classify`` may only
    read real tables; it fills ``import_refused (line, code, words)`` with what only the whole
    file shows. ``apply`` writes, and must write exactly what ``classify`` counted.
    """

    @property
    def tables(self) -> Mapping[str, str]: ...

    def classify(self, cursor: Any, facts: BatchFacts) -> Outcome: ...

    def apply(self, cursor: Any, facts: BatchFacts) -> None: ...


@dataclass(frozen=True, slots=True)
class ImportKind:
    """One kind of file: its formats (the first is the usual one) and its plan."""

    name: str
    label: str
    unit: str
    formats: Mapping[str, Format]
    plan: Plan


_KINDS: dict[str, ImportKind] = {}


def register(kind: ImportKind) -> None:
    """Make a kind known; called when its app is ready."""
    _KINDS[kind.name] = kind


def kinds() -> Mapping[str, ImportKind]:
    """Return all kinds by name."""
    return dict(_KINDS)


def get(name: str) -> ImportKind:
    """Return the kind of that name.

    Raises:
        InputError: it is not known.
    """
    if name not in _KINDS:
        raise InputError(f"Files of {name!r} cannot be imported. Known: {', '.join(_KINDS)}.")
    return _KINDS[name]


def get_format(kind: str, name: str) -> Format:
    """Return a format of a kind.

    Raises:
        InputError: either is not known.
    """
    formats = get(kind).formats
    if name not in formats:
        raise InputError(f"The format of {kind} is one of: {', '.join(formats)}.")
    return formats[name]
