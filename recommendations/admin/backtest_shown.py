"""A back-test as its page shows it: tables and charts of what was stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.admin.json_read import day, items, part
from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars
from crm_project.common.registry import Kpi
from recommendations.models import BacktestRun
from recommendations.scoring.backtest_origins import in_order

_VERDICTS = {
    "beats": ("beats it", "crm-tag-good"),
    "above": ("above it, perhaps by chance", ""),
    "same": ("no difference", ""),
    "not above": ("does not beat it", "crm-tag-bad"),
    "below": ("below it", "crm-tag-bad"),
    "too few": ("too few items", ""),
    "none": ("no items", ""),
}
_SCENARIOS = {"EXPLORE": "All never bought before"}


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One line of a table; ``cells`` are written numbers, ``difference`` ours minus this one."""

    label: str
    ours: bool
    rival: bool
    cells: tuple[str, ...]
    difference: str
    tone: str


@dataclass(frozen=True, slots=True)
class TableShown:
    """One target with or without the exclusion."""

    key: str
    title: str
    note: str
    rows: tuple[MethodRow, ...]
    hit: Bars


@dataclass(frozen=True, slots=True)
class SlotRow:
    """Items of one scenario against the simplest rule."""

    scenario: str
    items: str
    share: str
    rival: str
    difference: str
    verdict: str
    tone: str


@dataclass(frozen=True, slots=True)
class BacktestShown:
    """Everything of the page."""

    kpis: list[Kpi]
    words: tuple[str, ...]
    tables: tuple[TableShown, ...]
    groups: tuple[str, ...]
    group_rows: tuple[tuple[str, tuple[str, ...]], ...]
    slots: tuple[SlotRow, ...]
    plans: Bars
    origins: tuple[tuple[str, str, str], ...]
    absent: tuple[str, ...]


def shown(run: BacktestRun) -> BacktestShown | None:
    """Describe a back-test; None where it found nothing (it failed, or is running)."""
    results: Mapping[str, Any] = run.results
    tables = items(results, "tables")
    if not tables:
        return None
    names = {row["name"]: row["label"] for row in results["plans"]}
    groups = tables[0]["rows"][0]["groups"]
    return BacktestShown(
        kpis=_kpis(run, results),
        words=tuple(run.words),
        tables=tuple(_table(one) for one in tables),
        groups=tuple(
            f"{name} order{'' if name == '1' else 's'} ({one['customers']:,})"
            for name, one in in_order(groups)
        ),
        group_rows=tuple(
            (row["label"], tuple(_hit_and_ndcg(one) for _, one in in_order(row["groups"])))
            for row in tables[0]["rows"]
        ),
        slots=tuple(_slot(one) for one in items(results, "slots")),
        plans=charts.bars(
            "plans",
            "NDCG of the plans that competed",
            [
                Bar(row["label"], row["ndcg"], note="chosen" if row["chosen"] else row["mode"])
                for row in results["plans"]
            ],
        ),
        origins=tuple(
            (day(one["day"]), f"{one['customers']:,}", names.get(one["plan"], one["plan"]))
            for one in items(results, "origins")
        ),
        absent=tuple(part(results, "absent").values()),
    )


def _kpis(run: BacktestRun, results: Mapping[str, Any]) -> list[Kpi]:
    verdict, gate = results["verdict"], results["gate"]
    hit, ndcg = verdict["hit"], verdict["ndcg"]
    plan = next((row["label"] for row in results["plans"] if row["chosen"]), "")
    return [
        Kpi(
            "Hit rate of three",
            _share(hit["ours"]),
            f"{hit['best_label']}: {_share(hit['best_value'])}",
            tone=_tone(hit),
        ),
        Kpi(
            "NDCG of three",
            _number(ndcg["ours"]),
            f"{ndcg['best_label']}: {_number(ndcg['best_value'])}",
            tone=_tone(ndcg),
        ),
        Kpi(
            "Weighted score",
            "ranks" if gate["passed"] else "does not rank",
            gate["reason"] or "It passed the gate.",
        ),
        Kpi("Plan", "chosen" if run.is_current else "in the history", plan),
    ]


def _tone(one: Mapping[str, Any]) -> str:
    return "" if one["reached"] else "crm-hot"


def _table(table: Mapping[str, Any]) -> TableShown:
    rule = "60-day exclusion" if table["exclusion"] else "recent purchases allowed"
    key = f"{table['target']}-{'with' if table['exclusion'] else 'without'}"
    rows: Sequence[Mapping[str, Any]] = table["rows"]
    return TableShown(
        key=key,
        title=f"{table['label']}, {rule}",
        note=f"{table['customers']:,} customers and days; every method chose from the same "
        "products.",
        rows=tuple(_method(row) for row in rows),
        hit=charts.bars(
            f"hit-{key}",
            f"Hit rate of three, {table['label'].lower()}, {rule}",
            [
                Bar(
                    row["label"],
                    row["at3"]["hit"],
                    low=part(row["interval"], "hit").get("low"),
                    high=part(row["interval"], "hit").get("high"),
                    note="ours" if row["name"] == "ours" else "",
                )
                for row in rows
            ],
            unit="share",
        ),
    )


def _method(row: Mapping[str, Any]) -> MethodRow:
    at3, at10, variety = row["at3"], row["at10"] or {}, row["variety"]
    difference = part(row["ours_minus"], "ndcg")
    return MethodRow(
        label=row["label"],
        ours=row["name"] == "ours",
        rival=row["rival"],
        cells=(
            _share(at3["hit"]),
            *(_number(at3[key]) for key in ("ndcg", "recall", "ndcg_repeat", "ndcg_explore")),
            _share(at10.get("hit")),
            _number(at10.get("ndcg")),
            _share(variety["coverage"]),
            _number(variety["gini"]),
            _share(at3["full"]),
            _number((row.get("ruled") or {}).get("ndcg")),
        ),
        difference=_interval(difference),
        tone=_difference_tone(difference),
    )


def _difference_tone(found: Mapping[str, float]) -> str:
    if not found:
        return ""
    return "good" if found["low"] > 0 else "bad" if found["high"] < 0 else ""


def _slot(slot: Mapping[str, Any]) -> SlotRow:
    verdict, tone = _VERDICTS.get(slot["verdict"], (slot["verdict"], ""))
    return SlotRow(
        scenario=_SCENARIOS.get(slot["scenario"], slot["scenario"]),
        items=f"{slot['items']:,}",
        share=_share(slot["share"]),
        rival=_share(slot["rival_share"]),
        difference=_interval(slot["difference"] or {}),
        verdict=verdict,
        tone=tone,
    )


def _hit_and_ndcg(one: Mapping[str, Any]) -> str:
    return f"{_share(one['hit'])} / {_number(one['ndcg'])}"


def _share(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return formats.NOTHING if value is None else f"{value:.4f}"


def _interval(found: Mapping[str, float]) -> str:
    if not found:
        return formats.NOTHING
    return f"{found['mean']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"
