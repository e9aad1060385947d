"""The demo's measured campaign: offers of a past day, a control group, and what really followed.

Nobody was written to, so the true effect is nothing. That is what makes it worth showing: an
honest report finds no effect here, or says that it cannot tell.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from analytics.models import RfmRun, RfmScore
from crm_project.common.jobs import Progress
from customers.models import Campaign, Channel
from customers.services.contacts import Contact, record_contacts
from recommendations.models import Assignment, RecoItem, RecoRun
from recommendations.selectors.contactability import decide
from recommendations.services.assignments import assign
from recommendations.services.demo_contacts import chance
from recommendations.services.runs import recommend

CODE = "demo-pretended"
PART = 0.6
"""So many of those who may be contacted take part; the others stay free to be written to today."""
HELD_BACK = "0.300"
DAYS_AGO = 40
WINDOW_DAYS = 30
COST = 400


@dataclass(frozen=True, slots=True)
class Pretended:
    """What was set up: the run of the past day, and how many customers each arm has."""

    run: RecoRun
    treatment: int
    control: int


def pretend(*, newest: date, progress: Progress | None = None) -> Pretended | None:
    """Make offers as of forty days before ``newest`` and draw both arms; None where it was done.

    Arms and contacts are dated to the morning after that day, before any order that is counted.
    """
    if Campaign.objects.filter(code=CODE).exists():
        return None
    day = newest - timedelta(days=DAYS_AGO)
    run = recommend(as_of=day, make_current=False, progress=progress)
    if run.status != RecoRun.Status.SUCCEEDED:
        return None
    sent = timezone.make_aware(datetime.combine(day + timedelta(days=1), time(9)))
    with transaction.atomic():
        return _send(run, sent)


def _send(run: RecoRun, sent: datetime) -> Pretended:
    campaign = Campaign.objects.create(
        code=CODE,
        name="Pretended campaign (demo: nobody was written to)",
        channel=Channel.EMAIL,
        cost=COST,
        starts_at=sent,
        holdout_share=HELD_BACK,
        window_days=WINDOW_DAYS,
    )
    first = RecoItem.objects.filter(run=run, rank=1).order_by("customer_id")
    offered = {
        pk: (scenario, code)
        for pk, scenario, code in first.values_list("customer_id", "scenario", "customer__code")
        if chance("campaign", code) < PART
    }
    allowed = decide(customer_ids=list(offered), channel=Channel.EMAIL, at=sent)
    chosen = [pk for pk, decision in allowed.items() if decision.allowed]
    arms = assign(
        campaign=campaign,
        customers=chosen,
        run=run,
        scenarios={pk: offered[pk][0] for pk in chosen},
        segments=_segments(run, chosen),
    )
    Assignment.objects.filter(campaign=campaign).update(assigned_at=sent - timedelta(hours=1))
    treated = [pk for pk in chosen if arms[pk] == Assignment.Arm.TREATMENT]
    record_contacts(
        contacts=[
            Contact(
                f"{CODE}-{offered[pk][1]}",
                offered[pk][1],
                sent,
                Channel.EMAIL,
                status="sent",
                campaign=CODE,
            )
            for pk in treated
        ]
    )
    return Pretended(run, len(treated), len(chosen) - len(treated))


def _segments(run: RecoRun, customers: list[int]) -> dict[int, str]:
    """Return the RFM segments of the newest run up to that day, for reporting only."""
    newest = RfmRun.objects.kept().filter(as_of__lte=run.as_of).order_by("-as_of", "-id").first()
    if newest is None:
        return {}
    scores = RfmScore.objects.filter(run=newest, customer__in=customers)
    return dict(scores.values_list("customer_id", "segment__name"))
