"""Shapes of charts: what they promise for any numbers, and how templates write them."""

import re
from datetime import date, timedelta
from itertools import pairwise
from math import inf, isfinite, nan

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from crm_project.common.charts import (
    Bar,
    Bin,
    Flow,
    Mark,
    Node,
    Series,
    bars,
    gain,
    heat,
    lines,
    reliability,
    sankey,
    scale,
)
from crm_project.common.charts.heat import adjusted_residual
from crm_project.common.charts.sankey import LABEL, OTHERS, THINNEST

HOSTILE = '"><script>alert(1)</script>'
anything = st.none() | st.floats(width=32)
shares = st.floats(0, 1)
odd_shares = shares | st.just(nan) | st.just(inf)
found_bins = st.lists(st.builds(Bin, odd_shares, odd_shares, st.integers(0, 10**7)), max_size=12)
days = st.dates(date(2009, 1, 1), date(2030, 1, 1))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def reasonable(value):
    """Not so large that an axis cannot name it."""
    return value is None or not isfinite(value) or abs(value) < 1e11


def numbers(path):
    """All numbers of a path; letters like ``nan`` would be left over."""
    assert not set(NUMBER.sub("", path)) - set("MLCHVZh ")
    return [float(text) for text in NUMBER.findall(path)]


def check_plot(plot):
    """Everything lies within the drawing and is a number."""
    for shape in [*(line.path for line in plot.lines), *(guide.path for guide in plot.guides)]:
        assert all(0 <= number <= 100 for number in numbers(shape))
    for line in plot.lines:
        assert all(0 <= dot.x <= 100 and 0 <= dot.y <= 100 for dot in line.dots)
        assert all(4 <= dot.size <= 20 for dot in line.dots)
    for tick in (*plot.x_ticks, *plot.y_ticks):
        assert 0 <= tick.at <= 100
    for row in plot.table.rows:
        assert len(row) == len(plot.table.head)
        assert not any(word in cell for cell in row for word in ("nan", "inf"))


class TestScale:
    @given(st.lists(anything.filter(reasonable), max_size=20))
    def test_an_axis_holds_all_values_with_a_few_round_numbers(self, values):
        axis = scale(values)

        assert isfinite(axis.low)
        assert axis.low < axis.high
        for value in values:
            if value is not None and isfinite(value):
                assert axis.low <= value * (1 - 1e-6) or axis.low <= value + 1e-6
                assert value <= axis.high + abs(value) * 1e-6 + 1e-6
        assert 2 <= len(axis.ticks) <= 8
        assert len({tick.words for tick in axis.ticks}) == len(axis.ticks)

    def test_limits_that_are_given_stay(self):
        axis = scale([0.61, 0.73], low=0.5, high=1.0)
        assert (axis.low, axis.high) == (0.5, 1.0)
        assert [tick.words for tick in axis.ticks] == ["0.5", "0.6", "0.7", "0.8", "0.9", "1"]


class TestPlots:
    @given(found_bins)
    def test_a_reliability_curve_stays_in_its_drawing(self, bins):
        plot = reliability("r", "title", bins)

        check_plot(plot)
        assert len(plot.table.rows) == sum(len(line.dots) for line in plot.lines)

    def test_perfect_predictions_lie_on_the_diagonal_and_larger_bins_have_larger_dots(self):
        plot = reliability("r", "title", [Bin(0.1, 0.1, 900), Bin(0.3, 0.3, 100)])

        (line,) = plot.lines
        assert all(dot.x == pytest.approx(100 - dot.y) for dot in line.dots)
        assert line.dots[0].size > line.dots[1].size

    @given(found_bins)
    def test_a_gain_curve_rises_from_nobody_to_everybody(self, bins):
        plot = gain("g", "title", bins)

        check_plot(plot)
        for line in plot.lines:
            assert (line.dots[0].x, line.dots[0].y) == (0, 100)
            assert (line.dots[-1].x, line.dots[-1].y) == (100, 0)
            heights = [dot.y for dot in line.dots]
            assert heights == sorted(heights, reverse=True)

    def test_without_a_buyer_there_is_no_gain_to_draw(self):
        assert gain("g", "title", [Bin(0.1, 0, 5)]).empty

    @given(st.lists(st.lists(st.tuples(days, anything), max_size=8), max_size=8))
    def test_lines_over_time_stay_in_their_drawing(self, found):
        plot = lines("l", "title", [Series(str(n), points) for n, points in enumerate(found)])

        check_plot(plot)

    def test_an_unknown_day_makes_a_gap(self):
        start = date(2026, 1, 1)
        values = [0.5, 0.6, None, 0.7, 0.8]
        points = [(start + timedelta(n), value) for n, value in enumerate(values)]

        assert lines("l", "title", [Series("AUC", points)]).lines[0].path.count("M") == 2


class TestBars:
    @given(st.lists(st.builds(Bar, st.text(max_size=5), anything, anything, anything), max_size=9))
    def test_bars_and_whiskers_stay_in_the_track(self, values):
        chart = bars("b", "title", values, marks=[Mark(0.75, "stable")])

        for row in chart.rows:
            assert row.x >= 0
            assert row.x + row.width <= 100.01
            assert row.whisker is None or 0 <= row.whisker[0] <= row.whisker[1] <= 100
        assert len(chart.table.rows) == len(values)

    def test_an_unknown_value_has_a_row_but_no_bar(self):
        (row,) = bars("b", "title", [Bar("model", None, 0.1, 0.2)]).rows
        assert (row.known, row.whisker, row.width) == (False, None, 0)

    def test_below_zero_a_bar_goes_to_the_left(self):
        rows = bars("b", "title", [Bar("a", -0.5), Bar("b", 0.5)]).rows
        assert rows[0].x + rows[0].width == pytest.approx(rows[1].x, abs=0.02)


counts = st.lists(st.lists(st.integers(0, 9999), min_size=3, max_size=3), min_size=1, max_size=6)


class TestHeat:
    @given(counts)
    def test_shares_of_a_row_make_one_and_no_customer_is_lost(self, table):
        names = [f"g{n}" for n in range(len(table))]
        chart = heat("h", "t", names, list("xyz"), table, row_title="l", column_title="r")

        assert chart.total == sum(map(sum, table))
        assert sum(cell.count for _, _, cells in chart.rows for cell in cells) == chart.total
        for _, _, cells in chart.rows:
            assert sum(cell.share for cell in cells) == pytest.approx(1)
            assert all(cell.residual is None or isfinite(cell.residual) for cell in cells)
            assert all(-3 <= cell.tone <= 3 for cell in cells)

    def test_the_residual_is_that_of_the_textbook(self):
        # In a 2 by 2 table its square is chi-square: 100 (30 * 40 - 20 * 10)² / (50² * 40 * 60).
        chi_square = adjusted_residual(30, 50, 40, 100) ** 2
        assert chi_square == pytest.approx(16.6667, abs=1e-3)

    def test_independent_groups_have_no_colour(self):
        chart = heat("h", "t", ["a", "b"], ["x", "y"], [[10, 20], [20, 40]],
                     row_title="l", column_title="r")  # fmt: skip
        assert {cell.look for _, _, cells in chart.rows for cell in cells} == {"crm-res-0"}


groups = st.sampled_from("abcdefghijkl")
flows = st.lists(st.builds(Flow, groups, groups, st.integers(0, 10**6)), max_size=150)


def drawn(found, most=40):
    nodes = [Node(key, key.upper()) for key in "abcdefghijkl"]
    return sankey("s", "t", nodes, nodes, found, left_title="May", right_title="June", most=most)


class TestSankey:
    @given(flows, st.sampled_from([3, 40, 200]))
    def test_every_customer_is_in_exactly_one_ribbon(self, found, most):
        chart = drawn(found, most)

        assert chart.total == sum(flow.customers for flow in found)
        assert sum(ribbon.flow.customers for ribbon in chart.ribbons) == chart.total
        assert sum(one.count for one in chart.left) == chart.total

    @given(flows)
    def test_ribbons_fill_their_nodes_and_lie_within_the_drawing(self, found):
        chart = drawn(found)

        for side, edge in ((chart.left, 0), (chart.right, 1)):
            for one in side:
                mine = [r.thickness for r in chart.ribbons if r.flow[edge] == one.node.key]
                assert sum(mine) == pytest.approx(one.bottom - one.top, abs=0.5)
        for ribbon in chart.ribbons:
            assert ribbon.thickness >= THINNEST
            assert all(0 <= y <= chart.height + 0.5 for y in (ribbon.left, ribbon.right))
            assert max(numbers(ribbon.path)) <= max(100, chart.height + 0.5)

    @given(flows)
    def test_labels_never_overlap(self, found):
        chart = drawn(found)

        for side in (chart.left, chart.right):
            middles = [one.middle for one in side]
            gaps = [after - before for before, after in pairwise(middles)]
            assert all(gap >= LABEL - 0.1 for gap in gaps)
            assert all(LABEL / 2 - 0.1 <= y <= chart.height - LABEL / 2 + 0.1 for y in middles)

    def test_larger_flows_are_thicker_in_proportion(self):
        chart = drawn([Flow("a", "a", 300), Flow("a", "b", 100), Flow("b", "b", 1)])
        by_flow = {ribbon.flow[:2]: ribbon.thickness for ribbon in chart.ribbons}
        assert by_flow["a", "a"] == pytest.approx(3 * by_flow["a", "b"], abs=0.05)
        assert by_flow["b", "b"] == THINNEST

    def test_the_smallest_moves_become_one_and_the_table_keeps_each(self):
        found = [Flow("a", key, 10 + n) for n, key in enumerate("abcdef")]
        chart = drawn(found, most=2)

        assert chart.others == 3
        assert [one.count for one in chart.right if one.node.key == OTHERS] == [11 + 12 + 13]
        assert {one.node.key: one.count for one in chart.right}["f"] == 15
        assert len(chart.table.rows) == 6

    def test_nobody_is_an_empty_picture(self):
        assert drawn([]).empty


CHARTS = {
    "plot": [
        reliability("r", HOSTILE, [Bin(0.1, 0.2, 1234), Bin(0.5, 0.4, 10)], event=HOSTILE),
        gain("g", HOSTILE, [Bin(0.1, 0.2, 1234), Bin(0.5, 0.4, 10)]),
        lines("l", HOSTILE, [Series(HOSTILE, [(date(2026, 1, 1), 1234.5)])]),
        lines("e", HOSTILE, []),
    ],
    "bars": [bars("b", HOSTILE, [Bar(HOSTILE, 1234.5, 1, 2, HOSTILE, "crm-tone-good", "/x/")])],
    "heat": [heat("h", HOSTILE, [HOSTILE, "b"], [HOSTILE, "y"], [[3, 4], [5, 1234]],
                  row_title=HOSTILE, column_title=HOSTILE)],
    "sankey": [sankey("s", HOSTILE, [Node("a", HOSTILE, "#123456")], [Node("b", HOSTILE)],
                      [Flow("a", "b", 1234, "/x/")], left_title=HOSTILE, right_title=HOSTILE)],
}  # fmt: skip


@pytest.mark.parametrize("kind", CHARTS)
@pytest.mark.parametrize("language", ["en-gb", "de"])
def test_templates_escape_names_and_write_numbers_for_machines(kind, language, settings):
    settings.LANGUAGE_CODE = language
    for chart in CHARTS[kind]:
        text = render_to_string(f"crm/charts/{kind}.html", {"chart": chart})

        assert "<script>" not in text
        for name in ("d", "x", "width", "viewBox"):
            for value in re.findall(rf'\s{name}="([^"]*)"', text):
                assert "," not in value, (name, value)
        assert "nan" not in re.sub(r"(?i)[a-z]*nan[a-z]+", "", text.lower()).split()


@pytest.mark.parametrize("kind", CHARTS)
def test_every_chart_says_what_it_shows_and_has_its_numbers_as_a_table(kind):
    for chart in CHARTS[kind]:
        if chart.empty:
            continue
        text = render_to_string(f"crm/charts/{kind}.html", {"chart": chart})

        assert "&quot;&gt;&lt;script&gt;" in text
        assert "<table" in text
        assert "<details" in text
        for used in re.findall(r'aria-labelledby="([^"]*)"', text):
            assert all(f'id="{key}"' in text for key in used.split())
