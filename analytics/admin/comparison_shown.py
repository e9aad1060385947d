"""A comparison of two segmentations as its page shows it: first the verdict, then its numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.admin.json_read import items, part
from analytics.admin.segmentations_shown import stability_bars
from analytics.models import SegmentationComparison
from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars, Heat, written
from crm_project.common.registry import Kpi

_AGREEMENT = (
    ("adjusted_rand", "Adjusted Rand index",
     "Do two customers who share a group here share one there? 0 is as by chance, 1 always."),
    ("mutual_information", "Mutual information",
     "How much does one group tell about the other? 0 nothing, 1 all. Many small groups raise it."),
    ("cramers_v", "Cramér's V",
     "How strongly do the two go together in the table below? 0 not at all, 1 fully."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Later:
    """What both sides explain of one later outcome."""

    title: str
    words: str
    chart: Bars | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of the page."""

    comparison: SegmentationComparison
    left: str
    right: str
    sentences: tuple[str, ...]
    kpis: list[Kpi]
    heat: Heat
    silhouettes: list[tuple[str, str, str, str]]
    stabilities: list[tuple[str, Bars]]
    purity: str
    later: list[Later]
    later_note: str


def shown(row: SegmentationComparison) -> Shown:
    """Describe a comparison; where its later window is not over, the judged earlier one speaks."""
    results = row.results
    left, right = part(results, "left"), part(results, "right")
    names = _label(left, "left"), _label(right, "right")
    judged = row if row.later_judged or row.judged is None else row.judged
    return Shown(
        comparison=row,
        left=names[0],
        right=names[1],
        sentences=sentences(row.verdict),
        kpis=_kpis(results),
        heat=_heat(part(results, "contingency"), names),
        silhouettes=[
            (name, written(side.get("groups")), _silhouette(side, "own_silhouette"),
             _silhouette(side, "rfm_silhouette"))
            for name, side in zip(names, (left, right), strict=True)
        ],
        stabilities=[
            (name, stability_bars(f"stability-{key}", f"Stability: {name}",
                                  part(side, "stability"), {}))
            for key, name, side in zip("lr", names, (left, right), strict=True)
            if part(side, "stability")
        ],
        purity=_purity(part(results, "purity"), names),
        later=_later(part(judged.results, "later"), names),
        later_note=_note(row, judged),
    )  # fmt: skip


def sentences(verdict: str) -> tuple[str, ...]:
    """Take a verdict apart, so that each finding stands on a line of its own."""
    return tuple(re.split(r"(?<=\.) (?=[A-Z])", verdict))


def _label(side: Mapping[str, Any], otherwise: str) -> str:
    return str(side.get("label") or otherwise)


def _kpis(results: Mapping[str, Any]) -> list[Kpi]:
    agreement = part(results, "agreement")
    only = [results.get("left_only"), results.get("right_only")]
    notes = f"{formats.count(only[0])} only in the left, {formats.count(only[1])} only in the right"
    return [
        Kpi("Customers in both", formats.count(results.get("customers")), note=notes),
        *(Kpi(name, written(agreement.get(key)), note=words) for key, name, words in _AGREEMENT),
    ]


def _heat(table: Mapping[str, Any], names: tuple[str, str]) -> Heat:
    rows = [str(one.get("name")) for one in items(table, "rows")]
    columns = [str(one.get("name")) for one in items(table, "columns")]
    return charts.heat(
        "contingency", f"{names[0]} and {names[1]}", rows, columns, items(table, "counts"),
        row_title=names[0], column_title=names[1],
    )  # fmt: skip


def _silhouette(side: Mapping[str, Any], name: str) -> str:
    return written(part(side, name).get("value"))


def _purity(found: Mapping[str, Any], names: tuple[str, str]) -> str:
    if found.get("value") is None:
        return ""
    return (
        f"Of the {found.get('neighbours')} customers nearest in {names[1]}, "
        f"{written(found['value'], 'share')} are in the same group of {names[0]}; "
        f"by chance it would be {written(found.get('chance'), 'share')}."
    )


def _later(found: Mapping[str, Any], names: tuple[str, str]) -> list[Later]:
    return [_outcome(one, names) for one in items(found, "outcomes")]


def _outcome(found: Mapping[str, Any], names: tuple[str, str]) -> Later:
    title = str(found.get("outcome", "")).capitalize()
    words = str(found.get("words") or found.get("reason") or "")
    sides = [part(found, "left"), part(found, "right"), part(found, "difference")]
    if not any(side.get("value") is not None for side in sides):
        return Later(title, words, None)
    labels = (names[0], names[1], f"{names[1]} less {names[0]}")
    tones = ("", "", "crm-tone-quiet")
    values = [
        Bar(label, side.get("value"), side.get("low"), side.get("high"), tone=tone)
        for label, side, tone in zip(labels, sides, tones, strict=True)
    ]
    key = f"later-{found.get('key', '')}"
    return Later(title, words, charts.bars(key, title, values, unit="share"))


def _note(row: SegmentationComparison, judged: SegmentationComparison) -> str:
    window = f"{judged.later_since:%-d %b %Y} to {judged.later_until:%-d %b %Y}"
    if judged is not row:
        return (
            f"The {row.later_days} days after {row.as_of:%-d %b %Y} are not over. This is the same "
            f"comparison as of {judged.as_of:%-d %b %Y}, judged by what came from {window}."
        )
    reason = str(part(row.results, "later").get("reason") or "")
    return reason if not row.later_judged else f"Judged by what came from {window}."
