"""Draw the arms of a campaign, before anybody is contacted; a drawn arm never changes.

Give only customers who pass every rule of contact: both arms must be alike but for the message.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from crm_project.common.exceptions import CrmError
from customers.models import Campaign
from recommendations.models import Assignment, OutcomeWindow, RecoExport, RecoRun
from recommendations.models.outcomes import DEFAULT_WINDOW_DAYS
from recommendations.scoring.assignment import arm_of

Arms = dict[int, str]

# Customers are given as arrays: a hundred thousand of them as parameters take the server seconds.
_WRITTEN_TO = """
    select distinct c.customer_id
    from customers_contactevent as c
    where
        c.campaign_id = %(campaign)s and c.customer_id = any(%(customers)s)
        and c.direction = 'outbound' and c.status in ('sent', 'delivered', 'opened', 'clicked')
        and not exists (
            select from recommendations_assignment as a
            where a.campaign_id = c.campaign_id and a.customer_id = c.customer_id
        )
"""
_ARMS = """
    select c.id, c.code, a.arm
    from customers_customer as c
    left join recommendations_assignment as a
        on a.customer_id = c.id and a.campaign_id = %(campaign)s
    where c.id = any(%(customers)s)
"""
_ATTACH = """
    update recommendations_assignment
    set export_id = %(export)s
    where campaign_id = %(campaign)s and customer_id = any(%(customers)s) and export_id is null
"""


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


def written_to(*, campaign: Campaign, customers: Sequence[int]) -> list[int]:
    """Return which of the customers were written to for a campaign without an arm in it.

    Whatever is drawn for them now would compare nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WRITTEN_TO, {"campaign": campaign.pk, "customers": list(customers)})
        return [row[0] for row in cursor]


def _refuse_late(campaign: Campaign, customers: Sequence[int]) -> None:
    late = len(written_to(campaign=campaign, customers=customers))
    if late:
        raise CrmError(
            f"{late:,} of the customers were written to for the campaign {campaign.code} already; "
            "arms are drawn before anybody is contacted."
        )


def preview(*, campaign: Campaign, customers: Sequence[int]) -> Arms:
    """Return the arms that ``assign`` would give, and write nothing."""
    salt, share = salt_of(campaign), float(share_of(campaign))
    arms: Arms = {}
    with connection.cursor() as cursor:
        cursor.execute(_ARMS, {"campaign": campaign.pk, "customers": list(customers)})
        for pk, code, arm in cursor:
            arms[pk] = arm or arm_of(salt=salt, campaign=campaign.code, customer=code, share=share)
    return arms


def attach_export(*, campaign: Campaign, customers: Sequence[int], export: RecoExport) -> int:
    """Note with which export customers left; whoever has one keeps it. Returns how many."""
    names: dict[str, Any] = {
        "campaign": campaign.pk,
        "customers": list(customers),
        "export": export.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ATTACH, names)
        return int(cursor.rowcount)


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
