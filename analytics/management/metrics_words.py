"""What `score_metrics` prints."""

from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

from analytics.models import MetricsRun

_COLUMNS = ("AUC", "95 %", "log loss", "Brier", "ECE", "lift", "expected", "observed")


def metrics_facts(run: MetricsRun) -> dict[str, Any]:
    """Return a run for programs, back-test included."""
    plain = ("model", "churn_model", "value_model", "quality", "words", "scored", "predicted",
             "left_out", "bands", "calibration", "convergence", "params", "guard", "back_test",
             "fingerprint", "timings")  # fmt: skip
    return {
        "run": run.pk,
        "as_of": run.as_of.isoformat(),
        "is_current": run.is_current,
        **{name: getattr(run, name) for name in plain},
    }


def metrics_words(run: MetricsRun) -> str:
    """Return a run for people: what it says, and a table of each horizon."""
    out = StringIO()
    console = Console(file=out, width=118, highlight=False)
    console.print(
        f"Metrics as of {run.as_of:%Y-%m-%d}: {run.predicted:,} of {run.scored:,} customers have "
        f"predictions."
    )
    if run.pk and not run.is_current:
        console.print("  They went into the history; everybody goes on seeing the current ones.")
    for sentence in run.words:
        console.print(f"  {sentence}")
    for horizon in run.back_test.get("horizons", []):
        if horizon["origins"]:
            console.print(_table(horizon))
    return out.getvalue().rstrip()


def _table(horizon: dict[str, Any]) -> Table:
    newest = horizon["origins"][0]
    title = f"{horizon['days']} days ahead, means of {len(horizon['origins'])} earlier days"
    shown = Table(title=f"{title}; interval of {newest}", title_justify="left")
    shown.add_column("")
    for name in _COLUMNS:
        shown.add_column(name, justify="right")
    for model in horizon["models"]:
        mean, last = model["mean"], model["origins"][0]
        if mean["auc"] is None:
            continue
        interval = f"{last['auc_low']:.3f}-{last['auc_high']:.3f}" if last["auc_low"] else ""
        shown.add_row(
            ("* " if model["chosen"] else "  ") + model["label"],
            *(f"{mean['auc']:.3f}", interval, f"{mean['log_loss']:.4f}", f"{mean['brier']:.4f}"),
            *(f"{mean['ece']:.3f}", f"{mean['lift']:.2f}"),
            *(f"{mean['expected']:,.0f}", f"{mean['observed']:,.0f}"),
        )
    return shown
