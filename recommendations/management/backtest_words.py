"""What `backtest_recommendations` prints."""

from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from recommendations.models import BacktestRun
from recommendations.scoring.backtest_origins import in_order

WIDTH = 128


def backtest_facts(run: BacktestRun) -> dict[str, Any]:
    """Return a back-test for programs."""
    plain = ("status", "is_current", "origins", "words", "chosen", "results", "options",
             "data_version", "seconds")  # fmt: skip
    return {
        "backtest": run.pk,
        "as_of": run.as_of.isoformat(),
        "config": run.config.hash if run.config else None,
        **{name: getattr(run, name) for name in plain},
    }


def backtest_words(run: BacktestRun) -> str:
    """Return a back-test for people: what was found, and the tables."""
    out = StringIO()
    console = Console(file=out, width=WIDTH, highlight=False)
    console.print(f"Back-test as of {run.as_of:%Y-%m-%d}, {run.seconds or 0:.0f} seconds.")
    if run.pk and not run.is_current:
        console.print("  It went into the history; a later day is current.")
    for sentence in run.words:
        console.print(f"  {sentence}")
    for table in run.results["tables"]:
        console.print(_methods(table))
    console.print(_groups(run.results["tables"][0]))
    console.print(_slots(run.results["slots"]))
    console.print(_plans(run.results["plans"]))
    return out.getvalue().rstrip()


def short_table(table: dict[str, Any]) -> Table:
    """Return ours and all simple rules in a table for narrow terminals."""
    shown = Table(
        title=f"{table['label']}, lists of three ({table['customers']:,})", title_justify="left"
    )
    shown.add_column("")
    for name in ("Hit rate", "NDCG", "Ours minus it, NDCG (95 %)"):
        shown.add_column(name, justify="right")
    for row in table["rows"]:
        minus = _interval(row["ours_minus"] and row["ours_minus"]["ndcg"])
        shown.add_row(row["label"], _share(row["at3"]["hit"]), _number(row["at3"]["ndcg"]), minus)
    return shown


def _methods(table: dict[str, Any]) -> Table:
    rule = "60-day exclusion" if table["exclusion"] else "without the exclusion"
    title = f"{table['label']}, lists of three, {rule} ({table['customers']:,} customers)"
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    names = ("Hit rate", "NDCG", "Recall", "NDCG repeat", "NDCG new", "NDCG @10", "Shown",
             "One per family", "Ours minus it, NDCG (95 %)")  # fmt: skip
    shown.add_column("")
    for name in names:
        shown.add_column(name, justify="right")
    for row in table["rows"]:
        at3, at10 = row["at3"], row["at10"] or {}
        shown.add_row(
            row["label"],
            _share(at3["hit"]),
            *(_number(at3[key]) for key in ("ndcg", "recall", "ndcg_repeat", "ndcg_explore")),
            _number(at10.get("ndcg")),
            _share(row["variety"]["coverage"]),
            _number((row["ruled"] or {}).get("ndcg")),
            _interval(row["ours_minus"] and row["ours_minus"]["ndcg"]),
        )
    return shown


def _groups(table: dict[str, Any]) -> Table:
    shown = Table(
        title=f"{table['label']}, by orders before: hit rate / NDCG@3", title_justify="left"
    )
    shown.add_column("")
    groups = table["rows"][0]["groups"]
    for name, found in in_order(groups):
        orders = "order" if name == "1" else "orders"
        shown.add_column(f"{name} {orders} ({found['customers']:,})", justify="right")
    for row in table["rows"]:
        cells = (
            f"{_share(one['hit'])} / {_number(one['ndcg'])}" for _, one in in_order(row["groups"])
        )
        shown.add_row(row["label"], *cells)
    return shown


def _slots(slots: list[dict[str, Any]]) -> Table:
    shown = Table(
        title="Items by scenario: bought in the next order, with as many of the simplest rule's",
        title_justify="left",
    )
    for name in ("", "Items", "Ours", "Simplest rule", "Difference (95 %)", ""):
        shown.add_column(name, justify="left" if not name else "right")
    for slot in slots:
        shown.add_row(
            slot["scenario"],
            f"{slot['items']:,}",
            _share(slot["share"]),
            _share(slot["rival_share"]),
            _interval(slot["difference"]),
            slot["verdict"],
        )
    return shown


def _plans(plans: list[dict[str, Any]]) -> Table:
    shown = Table(title="Plans that competed", title_justify="left")
    shown.add_column("")
    shown.add_column("NDCG@3", justify="right")
    for plan in plans:
        shown.add_row(("* " if plan["chosen"] else "  ") + plan["label"], _number(plan["ndcg"]))
    return shown


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _interval(found: dict[str, float] | None) -> str:
    if not found:
        return ""
    return f"{found['mean']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"
