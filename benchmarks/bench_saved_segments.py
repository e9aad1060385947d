"""Saved segments: the live count of a rule, why somebody meets it, and rebuilds.

Ours: the services and selectors that pages and API use, over customers, scores and made profiles.
Peer of the rebuilds: all members deleted and all inserted again in one transaction.
Limit of the counts: customers, scores and profiles joined and counted without any condition.
"""

from typing import Any

from django.db import connection, transaction

from analytics.models import CurrentRfmScore, SavedSegment, SavedSegmentMember
from analytics.scoring.segment_rules import Rule
from analytics.selectors.saved_segments import count, preview, read_rule, select, why
from analytics.services.rfm import score_rfm
from analytics.services.saved_segment_builds import rebuild_saved_segment
from analytics.services.saved_segments import create_saved_segment
from benchmarks import data
from benchmarks.framework import Row, Scale, medians, seconds
from customers.models import Customer

PROFILES = """
    insert into analytics_customerprofile
        (customer_id, orders, average_order_value, median_gap_days, families, as_of)
    select
        customer_id, frequency, 10, recency_days / 3.0,
        jsonb_build_array(
            jsonb_build_object('value', 'family ' || customer_id % 40, 'share', .6, 'revenue', 6),
            jsonb_build_object('value', 'family ' || customer_id % 7, 'share', .4, 'revenue', 4)
        ),
        current_date
    from analytics_currentrfmscore
    on conflict do nothing
"""


def _asks(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


SCORES = {
    "and": [
        _asks("rfm.m", "at_least", 3),
        _asks("rfm.recency", "more_than", 60),
        _asks("customer.country", "one_of", ["France", "Spain"]),
    ]
}
LISTS = {
    "or": [
        {
            "and": [
                _asks("profile.families", "has_any", ["family 1", "family 2"]),
                _asks("profile.median_gap_days", "at_most", 90),
            ]
        },
        {"and": [_asks("customer.code", "contains", "99"), {"not": _asks("rfm.f", "is", 1)}]},
        {"field": "contact.last", "operator": "is_known"},
    ]
}
# A value of each table is read, or the planner would leave the joins out.
BARE = """
    select count(*), max(r.monetary), max(p.average_order_value)
    from customers_customer as c
    left join analytics_currentrfmscore as r on r.customer_id = c.id
    left join analytics_customerprofile as p on p.customer_id = c.id
"""


def run(scale: Scale) -> list[Row]:
    """Measure counting, previewing, explaining and rebuilding."""
    data.ensure(scale)
    if not CurrentRfmScore.objects.exists():
        score_rfm()
    _run(PROFILES)
    _run("analyze customers_customer, analytics_customerprofile")
    return [*_questions(scale), *_rebuilds(scale)]


def _questions(scale: Scale) -> list[Row]:
    of = f"of {scale.customers:,} customers"
    rows = []
    for name, document in (("scores and country", SCORES), ("lists, texts and contacts", LISTS)):
        rows += _question(f"{of}: {name}", read_rule(document), scale)
    customer = Customer.objects.order_by("-pk")[0]
    rule = read_rule(LISTS)
    rows.append(
        Row("why one customer meets the rule", seconds(lambda: why(rule, customer=customer)))
    )
    return rows


def _question(name: str, rule: Rule, scale: Scale) -> list[Row]:
    ours, limit = medians(scale.rounds, lambda: count(rule, seconds=60), lambda: _run(BARE))
    shown = seconds(lambda: preview(rule, seconds=60))
    return [
        Row(f"live count {name}", ours, limit=limit, note=f"{count(rule, seconds=60):,} found"),
        Row(f"preview of ten {name}", shown),
    ]


def _rebuilds(scale: Scale) -> list[Row]:
    SavedSegment.objects.filter(slug="bench").delete()
    rule = read_rule(SCORES)
    segment = create_saved_segment(slug="bench", values={"name": "Bench", "rule": SCORES})
    SavedSegmentMember.objects.filter(segment=segment).delete()
    first = seconds(lambda: rebuild_saved_segment(segment_id=segment.pk))
    ours, peer = medians(
        scale.rounds,
        lambda: rebuild_saved_segment(segment_id=segment.pk),
        lambda: _replace_all(segment, rule),
    )
    segment.refresh_from_db()
    note = f"{segment.member_count:,} members"
    return [
        Row("first rebuild of a segment", first, note=note),
        Row("rebuild when nobody came or left", ours, peer=peer, note=note),
    ]


@transaction.atomic
def _replace_all(segment: SavedSegment, rule: Rule) -> None:
    sql = select(rule, [str(int(segment.pk)), "c.id", "now()"])
    _run("delete from analytics_savedsegmentmember where segment_id = %s", [segment.pk])
    _run(
        f"insert into analytics_savedsegmentmember (segment_id, customer_id, since) {sql.text}",
        list(sql.parameters),
    )


def _run(sql: str, parameters: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
