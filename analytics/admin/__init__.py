from analytics.admin import (
    customer_scores,
    filters,
    metrics_runs,
    quarantine,
    raw_events,
    runs,
    segments,
    signal_scores,
    signal_types,
    signals,
)

__all__ = [
    "customer_scores",
    "filters",
    "metrics_runs",
    "quarantine",
    "raw_events",
    "runs",
    "segments",
    "signal_scores",
    "signal_types",
    "signals",
]
