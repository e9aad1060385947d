"""What the demo prints about the pipeline: its steps, the predictions, the segmentations."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from analytics.management.pipeline_reports import table
from analytics.models import MetricsRun
from analytics.selectors.outlook import outlook, verdicts
from recommendations.services.demo import Scored


def print_pipeline(console: Console, scored: Scored) -> None:
    """Print the steps of the pipeline, where it ran."""
    if scored.pipeline is not None:
        console.print(table(scored.pipeline))
        console.print(f"The months before, for the history: {scored.past_seconds:.1f} s.")


def print_predictions(console: Console) -> None:
    """Print the chosen models with their quality, what is expected, and the words of the run."""
    found = outlook()
    if found is None:
        return
    console.print(f"[bold]Predictions[/] as of {found.as_of:%d %B %Y}")
    for line in quality_lines(found.run):
        console.print(f"  {escape(line)}")
    if found.reason:
        console.print(f"  None: {escape(found.reason)}")
        return
    console.print(
        f"  {found.leaving:,} customers are likely to leave, {found.staying:,} to buy again;"
        f" {found.ltv:,.2f} expected of all in 12 months."
    )
    for sentence in found.run.words:
        console.print(f"  {escape(str(sentence))}")


def quality_lines(run: MetricsRun) -> Iterator[str]:
    """Say of each horizon which model was chosen, and how well it ranked earlier days."""
    for horizon in run.back_test.get("horizons") or ():
        models = horizon.get("models") or ()
        chosen = next((model for model in models if model.get("chosen")), None)
        if chosen is None:
            continue
        best = max(
            (_auc(model) for model in models if model.get("kind") == "baseline"), default=0.0
        )
        yield (
            f"{horizon['days']} days ahead: {chosen['label']}, AUC {_auc(chosen):.3f}"
            f" (best baseline {best:.3f}), ECE {chosen['mean']['ece']:.3f},"
            f" on {len(horizon['origins'])} earlier days."
        )


def _auc(model: Mapping[str, Any]) -> float:
    return float((model.get("mean") or {}).get("auc") or 0.0)


def print_verdicts(console: Console) -> None:
    """Print what the comparison of the segmentations says."""
    found = verdicts()
    if found:
        console.print("[bold]Which segmentation to believe[/]")
    for verdict in found:
        console.print(escape(f"  {verdict.title}: {verdict.agreement} {verdict.judgement}".strip()))
