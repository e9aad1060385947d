"""The page docs/benchmarks.md: one section per benchmark, each with its date and machine.

Measuring one benchmark again replaces its section and leaves the others.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.framework import COLUMNS, Row, machine

HEAD = """# Benchmarks

Ours, the peer and the limit are measured in the same run, in turn; each figure is the median of
the rounds. Run them yourself: `make bench` (small) or `make bench SCALE=full`. What each one does
stands at the top of its file in `benchmarks/`. Section *load* is of `make load`; what its users do
stands in `benchmarks/users/staff.py` and `systems.py`.
"""


def keep(path: Path, scale: str, results: Mapping[str, Sequence[Row]]) -> None:
    """Write the sections of ``results`` into the page."""
    _write(path, {name: section(scale, rows) for name, rows in results.items()})


def put(path: Path, name: str, body: str) -> None:
    """Write one section, whatever it looks like, into the page."""
    _write(path, {name: body})


def _write(path: Path, new: Mapping[str, str]) -> None:
    sections = _sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    sections |= new
    parts = [f"## {name}\n\n{body.strip()}\n" for name, body in sorted(sections.items())]
    path.write_text("\n".join([HEAD, *parts]), encoding="utf-8")


def section(scale: str, rows: Sequence[Row]) -> str:
    """Return one benchmark's table, and when and on what it was measured."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    table = "\n".join(lines)
    return f"Measured {datetime.now(UTC):%Y-%m-%d}, scale {scale}, on: {machine()}.\n\n{table}"


def _sections(page: str) -> dict[str, str]:
    found = {}
    for part in page.split("\n## ")[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = body
    return found
