"""What stands between a run of recommendations and a file: the audit, the preview, the export.

Ours: ``audit`` of every list; ``preview_export``, judged again as the API does, and as a page of so
many lists does while somebody waits; ``export`` of all that may leave, its file written. Limits for
100,000 lists: a minute each, ten seconds for the page.
"""

from benchmarks import scratch
from benchmarks.framework import Row, Scale, seconds
from benchmarks.reco_database import DAY, fill
from crm_project.common.models import User
from customers.models import Campaign, ContactPolicy
from recommendations.models import Decided, RecoRun
from recommendations.services.approvals import decide_run
from recommendations.services.audit import audit
from recommendations.services.exports import export, preview_export
from recommendations.services.runs import recommend

MAKES_ITS_DATA = True
DATABASE = "crm_bench_reco_exports"
SIZES = {"small": (10_000, 1_000), "full": (100_000, 10_000)}
PART = {"small": 0.1, "full": 1.0}
LIMITS = {"audit": 60.0, "preview": 60.0, "preview on a page": 10.0, "export": 60.0}


def run(scale: Scale) -> list[Row]:
    """Measure each step once, on the lists of one run."""
    customers, products = SIZES[scale.name]
    with scratch.database(DATABASE):
        fill(customers=customers, products=products)
        ContactPolicy.objects.update(holdout_share=0)
        found = recommend(as_of=DAY)
        took, leaving = _steps(found)
    named = f"{customers:,} lists"
    note = f"{leaving:,} customers leave"
    return [
        Row(
            f"{named}: {step}", spent, limit=LIMITS[step] * PART[scale.name], at_most_limit=1,
            note=note,
        )
        for step, spent in took.items()
    ]  # fmt: skip


def _steps(found: RecoRun) -> tuple[dict[str, float], int]:
    user = User.objects.create_user("bench")
    campaign = Campaign.objects.create(code="bench", name="Bench", channel="email")
    took = {"audit": seconds(lambda: audit(run=found, policy="permissive"))}
    found.refresh_from_db()
    decide_run(run=found, decision=Decided.APPROVED, user=user, only_passing=True)
    took["preview"] = seconds(lambda: preview_export(run=found, campaign=campaign))
    took["preview on a page"] = seconds(
        lambda: preview_export(run=found, campaign=campaign, again=False)
    )
    made = []
    took["export"] = seconds(
        lambda: made.append(export(run=found, campaign=campaign, user=user).customers)
    )
    return took, made[0]
