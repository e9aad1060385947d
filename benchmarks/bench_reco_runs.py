"""A whole run of recommendations, from rows in PostgreSQL to published lists, step by step.

Ours: ``recommend``: quality of the data, reading, recommending with reasons, deciding about
contact, ``COPY``, keys, publication. Limit: part of a night, 5 minutes for 100,000 customers.
"""

import resource

from benchmarks import scratch
from benchmarks.framework import Row, Scale, seconds
from benchmarks.reco_database import DAY, fill
from recommendations.models import RecoRun
from recommendations.services.runs import recommend

MAKES_ITS_DATA = True
DATABASE = "crm_bench_reco_runs"
SIZES = {"small": (10_000, 1_000), "full": (100_000, 10_000)}
LIMITS = {"small": 30.0, "full": 300.0}


def run(scale: Scale) -> list[Row]:
    """Measure one run, and each of its steps."""
    customers, products = SIZES[scale.name]
    with scratch.database(DATABASE):
        lines = fill(customers=customers, products=products)
        before = _peak()
        made: list[RecoRun] = []
        took = seconds(lambda: made.append(recommend(as_of=DAY)))
        run = made[0]
    named = f"{customers:,} customers x {products:,} products"
    note = (
        f"{lines:,} order lines, {run.counts['items']:,} items;"
        f" peak memory {before:,.0f} to {_peak():,.0f} MiB"
    )
    rows = [Row(named, took, limit=LIMITS[scale.name], at_most_limit=1, note=note)]
    return rows + [Row(f"of it: {step}", spent) for step, spent in run.timings.items()]


def _peak() -> float:
    """Return the most memory this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
