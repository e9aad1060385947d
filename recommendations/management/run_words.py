"""What `recommend` prints."""

from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

from recommendations.models import RecoRun, Scenario


def run_facts(run: RecoRun) -> dict[str, Any]:
    """Return a run for programs."""
    plain = ("mode", "status", "is_current", "words", "counts", "quality", "data_version",
             "code_version", "result_hash", "customers_chosen", "timings")  # fmt: skip
    return {
        "run": run.pk,
        "as_of": run.as_of.isoformat(),
        "config": run.config.hash,
        "backtest": run.backtest_id,
        **{name: getattr(run, name) for name in plain},
    }


def run_words(run: RecoRun) -> str:
    """Return a run for people: what it found, by scenario and by reason for leaving out."""
    out = StringIO()
    console = Console(file=out, width=100, highlight=False)
    counts = run.counts
    console.print(
        f"Recommendations as of {run.as_of:%Y-%m-%d}: {counts['items']:,} products for "
        f"{counts['lists']:,} of {counts['customers']:,} customers, by the "
        f"{run.get_mode_display()} ({run.config.name}, {run.config.hash[:8]})."
    )
    if run.pk and not run.is_current:
        console.print("  They went into the history; everybody goes on seeing the current ones.")
    for sentence in run.words:
        console.print(f"  {sentence}")
    named = {str(value): str(label) for value, label in Scenario.choices}
    offered = {named[code]: number for code, number in counts["by_scenario"].items()}
    console.print(_table("Products by scenario", offered))
    for title, found in (
        ("Customers without any", counts["by_exclusion"]),
        ("Customers not to be contacted now", counts["by_contact"]),
    ):
        if found:
            console.print(_table(title, found))
    console.print(f"Hash of the result: {run.result_hash}")
    return out.getvalue().rstrip()


def _table(title: str, numbers: dict[str, int]) -> Table:
    shown = Table(title=title, title_justify="left", show_header=False)
    shown.add_column("")
    shown.add_column("", justify="right")
    for name, number in numbers.items():
        shown.add_row(name, f"{number:,}")
    return shown
