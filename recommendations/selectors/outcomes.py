"""Read what followed the assignments: both arms as drawn, and answers to what was offered."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from customers.models import Campaign
from recommendations.models import UpliftReport
from recommendations.scoring.alarms import RunFigures
from recommendations.scoring.intervals import FloatArray
from recommendations.scoring.uplift import COLUMNS, Arm, Stratum

RETURN_DAYS = 60
"""What comes back so long after a sale lowers it."""


class Key(NamedTuple):
    """What tells groups apart. ``run`` is None where nothing was offered by a run."""

    campaign: int
    run: int | None
    scenario: str
    segment: str
    share: float
    arm: str


@dataclass(frozen=True, slots=True)
class Group:
    """Customers alike in everything; ``customers`` are those whose window is over."""

    key: Key
    customers: int
    open: int
    unsent: int
    contacted: int
    unsubscribed: int
    complained: int


@dataclass(frozen=True, slots=True)
class Bought:
    """What the buyers of a group bought: the rows of ``Arm``, and sums for the alarms."""

    rows: FloatArray
    margin_known: bool
    sold: float
    returned: float


Chosen = Callable[[Key], bool]


def everybody(key: Key) -> bool:
    """Choose all groups."""
    return True


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything a report is made from."""

    groups: tuple[Group, ...]
    bought: dict[Key, Bought]

    def strata(self, chosen: Chosen = everybody) -> list[Stratum]:
        """Return the arms of the chosen groups, by who was drawn together."""
        arms: dict[tuple[int, float], dict[str, list[Group]]] = defaultdict(
            lambda: {"treatment": [], "control": []}
        )
        for group in self.groups:
            if chosen(group.key) and group.customers:
                arms[group.key.campaign, group.key.share][group.key.arm].append(group)
        return [
            Stratum(share, self._arm(found["treatment"]), self._arm(found["control"]))
            for (_, share), found in sorted(arms.items())
        ]

    def _arm(self, groups: list[Group]) -> Arm:
        bought = [self.bought[one.key] for one in groups if one.key in self.bought]
        return Arm(
            sum(one.customers for one in groups),
            np.vstack([np.zeros((0, COLUMNS)), *(one.rows for one in bought)]),
            all(one.margin_known for one in bought),
            sum(one.unsubscribed for one in groups),
            sum(one.complained for one in groups),
        )

    def count(self, what: str, chosen: Chosen = everybody) -> int:
        """Add up a count of the chosen groups."""
        return sum(getattr(group, what) for group in self.groups if chosen(group.key))


def figures(*, until: Any, campaign: Campaign | None = None) -> Figures:
    """Return both arms of a campaign, or of all, from what happened before ``until``."""
    only = campaign.pk if campaign else None
    with connection.cursor() as cursor:
        cursor.execute("select * from crm_private.uplift_groups(%s, %s)", [until, only])
        groups = tuple(_group(row) for row in cursor.fetchall())
        cursor.execute(
            "select * from crm_private.uplift_buyers(%s, %s, %s)", [until, only, RETURN_DAYS]
        )
        bought = _bought(cursor.fetchall())
    return Figures(tuple(sorted(groups, key=lambda one: str(one.key))), bought)


def _key(row: tuple[Any, ...]) -> Key:
    campaign, run, scenario, segment, share, arm = row[:6]
    return Key(campaign, run, scenario, segment, float(share), arm)


def _group(row: tuple[Any, ...]) -> Group:
    return Group(_key(row), *row[6:])


def _bought(rows: list[tuple[Any, ...]]) -> dict[Key, Bought]:
    by_key: dict[Key, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_key[_key(row)].append(row[6:])
    return {key: _summed(found) for key, found in by_key.items()}


def _summed(rows: list[tuple[Any, ...]]) -> Bought:
    """Turn (orders, items, sold, returned, margin) of each buyer into what an arm holds.

    Whoever sent everything back is no buyer; the alarm about returns still counts the goods.
    """
    kept = [row for row in rows if row[0] > 0]
    known = all(row[4] is not None for row in kept)
    table = [
        (sold - back, sold - back, margin if margin is not None else 0.0, items, orders)
        for orders, items, sold, back, margin in kept
    ]
    return Bought(
        np.array(table, dtype=np.float64).reshape(-1, COLUMNS),
        known,
        sum(row[2] for row in rows),
        sum(row[3] for row in rows),
    )


_ANSWERS = """
select
    e.item_id >> 32 as run,
    count(*) filter (where e.kind = 'accepted') as accepted,
    count(*) filter (where e.kind = 'rejected') as rejected,
    coalesce(sum(e.value) filter (where e.kind = 'satisfaction'), 0) as satisfaction,
    count(e.value) filter (where e.kind = 'satisfaction') as answers
from recommendations_outcomeevent as e
where e.item_id is not null and e.kind in ('accepted', 'rejected', 'satisfaction')
    and e.occurred_at < %s
group by e.item_id >> 32
"""


def run_figures(found: Figures, *, until: Any) -> list[RunFigures]:
    """Return what followed each run, oldest first: treated customers, and answers."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, [until])
        answers = {row[0]: row[1:] for row in cursor.fetchall()}
    runs = {group.key.run for group in found.groups if group.key.run} | set(answers)
    return [_of_run(found, run, answers.get(run, (0, 0, 0.0, 0))) for run in sorted(runs)]


def _of_run(found: Figures, run: int, answers: tuple[Any, ...]) -> RunFigures:
    def treated(key: Key) -> bool:
        return key.run == run and key.arm == "treatment"

    bought = [one for key, one in found.bought.items() if treated(key)]
    return RunFigures(
        run,
        found.count("customers", treated),
        sum(len(one.rows) for one in bought),
        sum(one.sold for one in bought),
        sum(one.returned for one in bought),
        *answers,
    )


_LEVELS = """
select p.match_level, count(*), coalesce(sum(p.amount), 0)
from crm_private.outcome_purchases(%s, '-infinity', %s) as p
inner join recommendations_assignment as a on p.assignment_id = a.id
where %s::bigint is null or a.campaign_id = %s
group by p.match_level
order by p.match_level desc
"""


def levels(*, until: Any, campaign: Campaign | None = None) -> list[tuple[int, int, float]]:
    """Return orders and money after a contact by how near they are to the offer: 3, 2, 1."""
    only = campaign.pk if campaign else None
    with connection.cursor() as cursor:
        cursor.execute(_LEVELS, [until, RETURN_DAYS, only, only])
        return [(level, orders, float(amount)) for level, orders, amount in cursor.fetchall()]


_TAKEN = """
with offered as (
    select e.product_id, e.scenario, count(distinct (a.id)) as n
    from recommendations_assignment as a
    inner join recommendations_recoexportitem as e
        on a.export_id = e.export_id and a.customer_id = e.customer_id
    where a.arm = 'treatment' and a.contacted_at < %s
    group by e.product_id, e.scenario
),
taken as (
    select e.product_id, i.scenario, count(distinct e.assignment_id) as k
    from recommendations_outcomeevent as e
    inner join recommendations_recoexportitem as i
        on e.item_id = i.item_id
    where e.kind in ('purchase', 'accepted') and e.item_id is not null and e.occurred_at < %s
        and e.product_id is not null
    group by e.product_id, i.scenario
)
select p.key, o.scenario, least(coalesce(t.k, 0), o.n), o.n
from offered as o
inner join orders_product as p on o.product_id = p.id
left join taken as t on o.product_id = t.product_id and o.scenario = t.scenario
order by p.key, o.scenario
"""


def taken(*, until: Any) -> list[tuple[str, str, int, int]]:
    """Return (product key, scenario, taken, offered) of every product that left in an export."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, [until, until])
        return [(key, scenario, k, n) for key, scenario, k, n in cursor.fetchall()]


def newest_report(*, campaign: Campaign | None = None) -> UpliftReport | None:
    """Return the report of the latest day; without a campaign, that of all together."""
    return reports(campaign=campaign).first()


def reports(*, campaign: Campaign | None = None) -> QuerySet[UpliftReport]:
    """Return the reports of a campaign, or of all together, newest first."""
    rows = UpliftReport.objects.filter(campaign=campaign)
    return rows.select_related("campaign").order_by("-as_of", "-id")


def report_of(*, campaign: Campaign | None, as_of: date) -> UpliftReport | None:
    """Return the report of a day."""
    return reports(campaign=campaign).filter(as_of=as_of).first()
