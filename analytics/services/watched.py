"""Which numbers the freshness page watches besides the steps of the pipeline."""

from analytics.selectors.signal_statistics import STEP as SIGNALS_BY_DAY
from analytics.services.signal_reports import SCORES_STEP, WORDS_STEP
from crm_project.common.freshness import HOURLY, NIGHTLY, Number, register

_VIEWS = "analytics.tasks.refresh_dashboards"
_RUNS = "analytics.view_rfmrun"
_SIGNALS = "analytics.view_signal"

OTHERS = (
    Number(
        "customers by segment", "Customers by segment", "The dashboard's table",
        HOURLY, _VIEWS, "index", _RUNS, 200,
    ),
    Number(
        "recency by frequency grid", "Recency by frequency", "The dashboard's map",
        HOURLY, _VIEWS, "index", _RUNS, 210,
    ),
    Number(
        "revenue by month", "Revenue by month", "The dashboard's chart",
        HOURLY, _VIEWS, "index", "orders.view_order", 220,
    ),
    Number(
        SCORES_STEP, "Interest", "Customers' interest, from their signals",
        NIGHTLY, "analytics.tasks.score_signals_nightly",
        "analytics_signalscore_changelist", _SIGNALS, 300,
    ),
    Number(
        SIGNALS_BY_DAY, "Signals by day", "Counts of signals",
        HOURLY, "analytics.tasks.count_signals", "analytics_signal_changelist", _SIGNALS, 310,
    ),
    Number(
        WORDS_STEP, "Words of the search", "What mistyped words are compared with",
        NIGHTLY, "analytics.tasks.gather_search_words", "", "", 320,
    ),
    Number(
        "rfm thinning", "Thinned RFM runs", "Old snapshots: one a week after a month",
        NIGHTLY, "analytics.tasks.thin_runs_nightly", "analytics_rfmrun_changelist", _RUNS, 330,
    ),
    Number(
        "signal partitions", "Months of signals", "Tables of coming months; those past retention",
        NIGHTLY, "analytics.tasks.keep_signal_partitions", "", "", 340,
    ),
)  # fmt: skip


def watch() -> None:
    """Register what is computed beside the pipeline, which registers its own steps."""
    for number in OTHERS:
        register(number)
