"""Draw the arms of a campaign, before anybody is contacted; a drawn arm never changes.

Give only customers who pass every rule of contact: both arms must be alike but for the message.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction

from crm_project.common.exceptions import CrmError
from customers.models import Campaign, ContactEvent, Customer
from recommendations.models import Assignment, OutcomeWindow, RecoExport, RecoRun
from recommendations.models.outcomes import DEFAULT_WINDOW_DAYS
from recommendations.scoring.assignment import arm_of

Arms = dict[int, str]

_SENT = (
    ContactEvent.Status.SENT,
    ContactEvent.Status.DELIVERED,
    ContactEvent.Status.OPENED,
    ContactEvent.Status.CLICKED,
)


def assign(
    *,
    campaign: Campaign,
    customers: Sequence[int],
    run: RecoRun | None = None,
    scenarios: Mapping[int, str] | None = None,
    segments: Mapping[int, str] | None = None,
    export: RecoExport | None = None,
) -> Arms:
    """Return the arm of each customer, and store those that are new to the campaign.

    Args:
        customers: ids of customers who may be contacted; given twice counts once.
        run: whose items are offered.
        scenarios: of the first product, by customer id.
        segments: RFM segment of that day, by customer id.
        export: the list that the treated customers leave with, where it is known already.

    The hash decides, with the share of the campaign; whoever was drawn before keeps their arm.
    Raises ``CrmError`` for customers that do not exist, and for new ones who were written to for
    this campaign already: an arm that is drawn after the contact compares nothing.
    """
    ids = sorted(set(customers))
    if not ids:
        return {}
    scenarios, segments = scenarios or {}, segments or {}
    windows = _windows()
    usual = getattr(campaign, "window_days", None) or DEFAULT_WINDOW_DAYS
    with transaction.atomic(), connection.cursor() as cursor:
        _refuse_late(campaign, ids)
        cursor.execute(
            "select customer_id, arm from crm_private.assign_arms("
            "%s, %s, %s::text[], %s::text[], %s::smallint[], %s, %s, %s, %s)",
            [
                campaign.pk,
                ids,
                [scenarios.get(one, "") for one in ids],
                [segments.get(one, "") for one in ids],
                [windows.get(scenarios.get(one, ""), usual) for one in ids],
                run.pk if run else None,
                export.pk if export else None,
                salt_of(campaign),
                share_of(campaign),
            ],
        )
        arms: Arms = dict(cursor.fetchall())
        if len(arms) != len(ids):
            raise CrmError(f"{len(ids) - len(arms):,} of the customers do not exist.")
    return arms


def _refuse_late(campaign: Campaign, customers: Sequence[int]) -> None:
    drawn = Assignment.objects.filter(campaign=campaign, customer__in=customers)
    written_to = ContactEvent.objects.filter(
        campaign=campaign,
        customer__in=customers,
        direction=ContactEvent.Direction.OUTBOUND,
        status__in=_SENT,
    ).exclude(customer__in=drawn.values("customer"))
    late = written_to.values("customer").distinct().count()
    if late:
        raise CrmError(
            f"{late:,} of the customers were written to for the campaign {campaign.code} already; "
            "arms are drawn before anybody is contacted."
        )


def preview(*, campaign: Campaign, customers: Sequence[int]) -> Arms:
    """Return the arms that ``assign`` would give, and write nothing."""
    stored = Assignment.objects.filter(campaign=campaign, customer__in=customers)
    arms = dict(stored.values_list("customer_id", "arm"))
    salt, share = salt_of(campaign), float(share_of(campaign))
    others = Customer.objects.filter(pk__in=set(customers) - set(arms))
    for pk, code in others.values_list("pk", "code"):
        arms[pk] = arm_of(salt=salt, campaign=campaign.code, customer=code, share=share)
    return arms


def attach_export(*, campaign: Campaign, customers: Sequence[int], export: RecoExport) -> int:
    """Note with which export customers left; whoever has one keeps it. Returns how many."""
    rows = Assignment.objects.filter(campaign=campaign, customer__in=customers, export=None)
    return rows.update(export=export)


def salt_of(campaign: Campaign) -> str:
    """Return what a campaign began with: a salt changed in between would draw unlike arms."""
    first = Assignment.objects.filter(campaign=campaign).order_by("id").values_list("salt")
    found = first.first()
    return str(found[0]) if found else str(settings.CRM_ASSIGNMENT_SALT)


def share_of(campaign: Campaign) -> Decimal:
    """Return the part that is held back."""
    return Decimal(campaign.holdout_share)


def _windows() -> dict[str, int]:
    return dict(OutcomeWindow.objects.values_list("scenario", "days"))
