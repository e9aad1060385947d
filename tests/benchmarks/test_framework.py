"""The table of the benchmarks says honestly whether a figure was reached."""

import importlib

import pytest

from benchmarks import framework, page
from benchmarks.framework import Row


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (Row("w", 1.0, peer=2.0, at_most_peer=0.5), True),
        (Row("w", 1.1, peer=2.0, at_most_peer=0.5), False),
        (Row("w", 1.0, peer=2.0, limit=0.5, at_most_peer=0.5, at_most_limit=1.6), False),
        (Row("w", 30, peer=100, at_most_peer=0.25, higher_is_better=True), True),
        (Row("w", 20, peer=100, at_most_peer=0.25, higher_is_better=True), False),
        (Row("w", 1.0), None),
    ],
)
def test_a_row_knows_whether_its_figure_was_reached(row, reached):
    assert row.reached is reached
    assert len(row.cells()) == len(framework.COLUMNS)


def test_works_are_timed_in_turn():
    calls = []

    framework.medians(2, lambda: calls.append("ours"), lambda: calls.append("peer"))

    assert calls == ["ours", "peer"] * 3


@pytest.mark.parametrize("name", framework.modules())
def test_every_benchmark_can_be_run(name):
    assert callable(importlib.import_module(f"benchmarks.bench_{name}").run)


def test_measuring_again_replaces_one_section_of_the_page(tmp_path):
    path = tmp_path / "benchmarks.md"
    page.keep(path, "small", {"rfm": [Row("scores", 1234)], "import": [Row("lines", 5)]})

    page.keep(path, "full", {"rfm": [Row("scores", 7, unit="rows/s")]})

    text = path.read_text()
    assert "7 rows/s" in text
    assert "1,234" not in text
    assert "| lines | 5 s |" in text
    assert text.count("## rfm") == text.count("# Benchmarks") == 1
