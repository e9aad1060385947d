from analytics.admin import (
    cluster_filters,
    customer_scores,
    filters,
    metrics_runs,
    quarantine,
    raw_events,
    runs,
    segmentations,
    segments,
    signal_scores,
    signal_types,
    signals,
)

__all__ = [
    "cluster_filters",
    "customer_scores",
    "filters",
    "metrics_runs",
    "quarantine",
    "raw_events",
    "runs",
    "segmentations",
    "segments",
    "signal_scores",
    "signal_types",
    "signals",
]
