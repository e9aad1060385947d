"""What the commands of the segmentations print: tables for people, facts for programs."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from analytics.models import Segmentation, SegmentationComparison
from analytics.services.segmentation_verdicts import Compared
from analytics.services.segmentations import Built

NOTHING = "–"  # noqa: RUF001 - a dash


def printed(parts: Iterable[RenderableType], *, terminal: bool) -> str:
    """Return what rich makes of the parts, in colour on a terminal."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=None if terminal else 120)
    for part in parts:
        console.print(part)
    return out.getvalue()


def built_facts(built: Built) -> dict[str, Any]:
    """Return a build for programs."""
    return {
        "as_of": built.as_of.isoformat(),
        "segmentations": [_segmentation_facts(row) for row in built.made],
        "left_out": built.left_out,
    }


def _segmentation_facts(row: Segmentation) -> dict[str, Any]:
    fields = ("number", "name", "automatic_name", "named_by_person", "former_name", "size",
              "overlap", "evidence")  # fmt: skip
    return {
        "segmentation": row.pk,
        "kind": row.kind,
        "is_current": row.is_current,
        "k": row.k,
        "customers": row.customers,
        "left_out": row.left_out,
        "quality": row.quality,
        "seconds": row.timings,
        "clusters": list(row.clusters.values(*fields)),
    }


def built_parts(built: Built) -> Iterable[RenderableType]:
    """Yield a table for each segmentation, and the reasons of those left out."""
    for row in built.made:
        yield _cluster_table(row)
        yield Text(row.quality["words"] + "\n")
    if built.made and not any(row.is_current for row in built.made):
        yield Text("They went into the history; everybody goes on seeing the current groups.")
    for kind, reason in built.left_out.items():
        yield Text(f"Left out: {Segmentation.Kind(kind).label}. {reason}")


def _cluster_table(row: Segmentation) -> Table:
    table = Table(title=f"{row} ({row.customers:,} customers)", title_justify="left")
    table.add_column("No.", justify="right")
    table.add_column("Group")
    for name in ("Customers", "Share", "Median days", "Median orders", "Median revenue"):
        table.add_column(name, justify="right")
    table.add_column("Stability")
    groups = {group["number"]: group for group in row.quality["stability"]["groups"]}
    for cluster in row.clusters.all():
        typical = cluster.evidence["medians"]
        table.add_row(
            str(cluster.number),
            escape(cluster.name),
            f"{cluster.size:,}",
            f"{cluster.evidence['share']:.1%}",
            f"{typical['recency_days']:,.0f}",
            f"{typical['frequency']:,.0f}",
            f"{typical['monetary']:,.2f}",
            _stability(groups.get(cluster.number)),
        )
    return table


def _stability(group: dict[str, Any] | None) -> str:
    if group is None or group["jaccard"] is None:
        return NOTHING
    return f"{group['word']} ({group['jaccard']:.2f})"


def compared_facts(compared: Compared) -> dict[str, Any]:
    """Return comparisons for programs."""
    return {
        "comparisons": [_comparison_facts(row) for row in compared.comparisons],
        "judged": [_comparison_facts(row) for row in compared.judged],
        "reason": compared.reason,
    }


def _comparison_facts(row: SegmentationComparison) -> dict[str, Any]:
    return {
        "comparison": row.pk,
        "left": row.left_id,
        "right": row.right_id,
        "as_of": row.as_of.isoformat(),
        "later_since": row.later_since.isoformat(),
        "later_until": row.later_until.isoformat(),
        "later_judged": row.later_judged,
        "verdict": row.verdict,
        "results": row.results,
        "seconds": row.timings,
    }


def compared_parts(compared: Compared) -> Iterable[RenderableType]:
    """Yield the measures of all comparisons side by side, then each verdict."""
    yield _measures(compared)
    for row in (*compared.comparisons, *compared.judged):
        yield Text(f"\n{_title(row)}", style="bold")
        yield Text(row.verdict)
    if compared.reason:
        yield Text(f"\n{compared.reason}")


def _title(row: SegmentationComparison) -> str:
    sides = row.results["left"]["label"], row.results["right"]["label"]
    return f"{sides[0]} and {sides[1]}, as of {row.as_of:%Y-%m-%d}"


def _measures(compared: Compared) -> Table:
    table = Table(title="Comparisons", title_justify="left")
    table.add_column("Segmentations")
    for name in ("As of", "Customers", "ARI", "NMI", "Cramér's V", "Revenue left", "right"):
        table.add_column(name, justify="right")
    for row in (*compared.comparisons, *compared.judged):
        agreement = row.results["agreement"]
        table.add_row(
            f"{row.results['left']['label']} and {row.results['right']['label']}",
            f"{row.as_of:%Y-%m-%d}",
            f"{row.results['customers']:,}",
            *(_number(agreement[name]) for name in AGREEMENT),
            *(_explained(row, side) for side in ("left", "right")),
        )
    return table


AGREEMENT = ("adjusted_rand", "mutual_information", "cramers_v")


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _explained(row: SegmentationComparison, side: str) -> str:
    for outcome in row.results["later"]["outcomes"]:
        if outcome["key"] == "revenue" and outcome[side] is not None:
            return f"{outcome[side]['value']:.1%}"
    return NOTHING
