"""What the commands of the scoring print: tables, JSON and CSV of the same figures."""

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.conf import settings
from rich.console import Console
from rich.table import Table

from analytics.models import RfmRun, RfmScore
from analytics.selectors import rfm as selectors
from crm_project.common import csv_out
from crm_project.common.exceptions import NotReadyError

COLUMNS = (
    "segment",
    "customers",
    "customer_share",
    "net_revenue",
    "net_share",
    "median_recency_days",
    "median_frequency",
    "median_monetary",
)


@dataclass(frozen=True, slots=True)
class Report:
    """One run's segments and best customers."""

    summary: selectors.Summary
    top: tuple[RfmScore, ...]


def rfm_report(*, run_id: int | None = None, top: int = 10) -> Report:
    """Read a run, by default the current one. Raises ``NotReadyError`` where there is none."""
    if run_id is None:
        run = selectors.current_run()
        if run is None:
            raise NotReadyError("Nothing has been scored yet. Run: manage.py score_rfm")
    else:
        run = RfmRun.objects.kept().filter(pk=run_id).first()
        if run is None:
            raise NotReadyError(f"There are no scores of a run {run_id} (or no longer).")
    summary = selectors.segment_summary(run=run)
    if summary is None:
        raise NotReadyError("Nothing has been scored yet. Run: manage.py score_rfm")
    return Report(summary, tuple(selectors.top_customers(run=run, limit=top)))


def to_json(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str)


def run_facts(run: RfmRun) -> dict[str, Any]:
    """Return a run for programs; money is text, so that no penny is lost."""
    return {
        "run": run.pk,
        "as_of": run.as_of.isoformat(),
        "mode": run.mode,
        "window_days": run.window_days,
        "source": run.source,
        "is_current": run.is_current,
        "scored": run.scored,
        "prospects": run.prospects,
        "left_out": run.left_out,
        "cuts": run.cuts,
        "segments": run.segment_counts,
        "seconds": run.timings,
    }


def run_words(run: RfmRun) -> str:
    """Return one line about a run for people."""
    return (
        f"Run {run.pk}: {run.scored:,} customers scored as of {run.as_of:%Y-%m-%d}"
        f" ({run.get_mode_display()}), {run.prospects:,} prospects,"
        f" {sum(run.timings.values()):.2f} s. See them with: manage.py rfm_report"
    )


def report_facts(report: Report) -> dict[str, Any]:
    """Return the report for programs."""
    rows = [dict(zip(COLUMNS, _row(row), strict=True)) for row in report.summary.rows]
    top = [
        {
            "code": score.customer.code,
            "name": score.customer.name,
            "score": score.code,
            "segment": score.segment.code,
            "recency_days": score.recency_days,
            "frequency": score.frequency,
            "monetary": score.monetary,
        }
        for score in report.top
    ]
    return {
        **run_facts(report.summary.run),
        "currency": settings.CRM_CURRENCY,
        "segments": rows,
        "top_customers": top,
    }


def _row(row: selectors.SegmentRow) -> tuple[Any, ...]:
    return (
        row.segment.code,
        row.customers,
        round(row.customer_share, 4),
        row.net_total,
        round(row.net_share, 4),
        row.median_recency_days,
        row.median_frequency,
        row.median_monetary,
    )


def to_csv(report: Report) -> str:
    """Return the segments as CSV, one line each."""
    return "".join(csv_out.rows(COLUMNS, [_row(row) for row in report.summary.rows]))


def to_tables(report: Report, *, terminal: bool) -> str:
    """Return the tables that people read, in colour on a terminal."""
    run = report.summary.run
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=None if terminal else 120)
    console.print(segment_table(report.summary, title=f"Segments as of {run.as_of:%Y-%m-%d}"))
    console.print(top_table(report.top, title=f"The {len(report.top)} best customers"))
    return out.getvalue()


def segment_table(summary: selectors.Summary, *, title: str) -> Table:
    """Return the segments as a table for the terminal."""
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("Segment", "All")
    table.add_column("Customers", f"{summary.customers:,}", justify="right")
    table.add_column("Share", justify="right")
    table.add_column(
        f"Net revenue {settings.CRM_CURRENCY}", f"{summary.net_total:,}", justify="right"
    )
    table.add_column("Share", justify="right")
    for name in ("Median days", "Median orders", "Median revenue"):
        table.add_column(name, justify="right")
    for row in summary.rows:
        table.add_row(
            f"[{row.segment.colour}]■[/] {row.segment.name}",
            f"{row.customers:,}",
            f"{row.customer_share:.1%}",
            f"{row.net_total:,}",
            f"{row.net_share:.1%}",
            *("–" if m is None else f"{m:,}" for m in _row(row)[-3:]),  # noqa: RUF001 - a dash
        )
    return table


def top_table(top: tuple[RfmScore, ...], *, title: str) -> Table:
    """Return the best customers as a table for the terminal."""
    table = Table(title=title, title_justify="left")
    for name in ("Customer", "RFM", "Segment"):
        table.add_column(name)
    for name in ("Days", "Orders", f"Net revenue {settings.CRM_CURRENCY}"):
        table.add_column(name, justify="right")
    for score in top:
        table.add_row(
            str(score.customer),
            score.code,
            score.segment.name,
            f"{score.recency_days:,}",
            f"{score.frequency:,}",
            f"{score.monetary:,}",
        )
    return table
