"""What the demo prints about the pipeline: its steps, the predictions, the segmentations."""

from rich.console import Console

from analytics.management.pipeline_reports import table
from recommendations.services.demo import Scored


def print_pipeline(console: Console, scored: Scored) -> None:
    """Print the steps of the pipeline, where it ran."""
    if scored.pipeline is not None:
        console.print(f"History before that: {scored.past_seconds:.1f} s.")
        console.print(table(scored.pipeline))
