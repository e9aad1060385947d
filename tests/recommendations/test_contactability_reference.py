"""The SQL of the contact rules says what an independent program says, for anything one can draw."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from customers.models import (
    SCENARIOS,
    Consent,
    ContactBlock,
    ContactEvent,
    ContactPolicy,
    Customer,
    SilenceOverride,
)
from orders.models import Order
from recommendations.models import Scenario
from recommendations.selectors.contactability import decide
from tests.recommendations.contact_reference import (
    Person,
    Rules,
    allowed_later,
    failing,
    never,
)

pytestmark = pytest.mark.django_db

ZONES = ("Europe/London", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")
# Days on which a clock is changed in one of the zones, and others.
DAYS = st.sampled_from(
    ["2026-03-08", "2026-03-29", "2026-04-05", "2026-06-15", "2026-09-27", "2026-10-01",
     "2026-10-25", "2026-11-01", "2027-01-01"]
).map(lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC))  # fmt: skip
# The ends of local days, in UTC, and moments between them.
HOURS = st.sampled_from([0, 0.5, 3.99, 4, 5, 11, 12, 13, 18.5, 22.99, 23, 23.99]).map(
    lambda hours: timedelta(hours=hours)
)
MOMENTS = st.builds(lambda day, hours: day + hours, DAYS, HOURS)
AGO = st.builds(
    lambda days, hours: timedelta(days=days) + hours,
    st.sampled_from([-2, -1, 0, 0, 1, 2, 6, 7, 13, 14, 15, 29, 30, 31, 59, 60, 134, 135, 136, 400]),
    st.sampled_from([timedelta(), timedelta(hours=1), timedelta(minutes=-1), timedelta(hours=12)]),
)
CHANNELS = st.sampled_from(["email", "sms"])
RULES = st.builds(
    Rules,
    zone=st.sampled_from(ZONES),
    silence=st.sampled_from([0, 7, 135, 135]),
    overrides=st.dictionaries(
        st.sampled_from(
            [("email", ""), ("", "REBUY"), ("email", "REBUY"), ("sms", "WINBACK"), ("sms", "")]
        ),
        st.sampled_from([0, 14, 30, 200]),
        max_size=3,
    ),
    cap=st.integers(1, 4),
    cap_days=st.sampled_from([1, 7, 30]),
    order_days=st.sampled_from([0, 1, 14]),
    quiet=st.sampled_from([None, (time(21), time(8)), (time(12), time(14)), (time(0), time(6))]),
    consent_channels=st.sampled_from([(), ("email",), ("email", "sms")]),
    share=st.sampled_from(["0.000", "0.050", "0.500"]),
    rotates=st.booleans(),
)
PURPOSES = st.sampled_from(["marketing", "marketing", "transactional"])
# By how much before the moment that is asked about; a negative one lies after it.
CONTACTS = st.lists(
    st.tuples(
        AGO,
        st.sampled_from(["outbound", "outbound", "outbound", "inbound"]),
        st.sampled_from(["marketing", "marketing", "transactional"]),
        st.sampled_from(["sent", "sent", "delivered", "opened", "clicked", "bounced", "failed"]),
    ),
    max_size=5,
)
ORDERS = st.lists(
    st.tuples(
        AGO,
        st.sampled_from(["sale", "sale", "return"]),
        st.sampled_from(["paid", "pending", "fulfilled", "cancelled"]),
    ),
    max_size=2,
)
CONSENTS = st.dictionaries(
    st.tuples(CHANNELS, PURPOSES),
    st.tuples(st.sampled_from(["granted", "granted", "denied", "withdrawn"]), AGO),
    max_size=2,
)
BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["optout", "bounce", "pause"]),
        st.sampled_from(["", "email", "sms"]),
        AGO,
        st.sampled_from([None, timedelta(days=1), timedelta(days=30), timedelta(days=500)]),
    ),
    max_size=2,
)
SOMETIMES = st.sampled_from([False, False, False, False, True])
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["active"] * 6 + ["merged", "deleted"]),
            "is_test": SOMETIMES,
            "is_optout": SOMETIMES,
            "is_bounced": SOMETIMES,
            "email": st.sampled_from(["a@example.org", "a@example.org", ""]),
            "phone": st.sampled_from(["+441234567890", ""]),
            "contacts": CONTACTS,
            "orders": ORDERS,
            "consents": CONSENTS,
            "blocks": BLOCKS,
        }
    ),
    min_size=1,
    max_size=12,
)


def people_of(drawn, at):
    """Turn "so long before the moment" into moments."""
    return [
        Person(
            code=f"C{place}",
            **{name: one[name] for name in ("status", "is_test", "is_optout", "is_bounced")},
            email=one["email"],
            phone=one["phone"],
            contacts=[(at - ago, *rest) for ago, *rest in one["contacts"]],
            orders=[(at - ago, *rest) for ago, *rest in one["orders"]],
            consents={key: (status, at - ago) for key, (status, ago) in one["consents"].items()},
            blocks=[
                (kind, channel, at - ago, None if lasts is None else at - ago + lasts)
                for kind, channel, ago, lasts in one["blocks"]
                if lasts is not None or kind != "pause"
            ],
        )
        for place, one in enumerate(drawn)
    ]


def store_rules(rules):
    with connection.cursor() as cursor:
        cursor.execute("select crm_private.set_business_zone(%s)", [rules.zone])
    start, end = rules.quiet or (None, None)
    ContactPolicy.objects.update(
        silence_window_days=rules.silence,
        frequency_cap=rules.cap,
        frequency_days=rules.cap_days,
        recent_order_days=rules.order_days,
        quiet_from=start,
        quiet_until=end,
        consent_channels=list(rules.consent_channels),
        holdout_share=Decimal(rules.share),
        holdout_rotates=rules.rotates,
    )
    SilenceOverride.objects.bulk_create(
        SilenceOverride(channel=channel, scenario=scenario, days=days)
        for (channel, scenario), days in rules.overrides.items()
    )


def store_people(people):
    rows = Customer.objects.bulk_create(
        Customer(
            **{name: getattr(one, name) for name in
               ("code", "status", "is_test", "is_optout", "is_bounced", "email", "phone")}
        )
        for one in people
    )  # fmt: skip
    pairs = list(zip(rows, people, strict=True))
    ContactEvent.objects.bulk_create(
        ContactEvent(
            customer=row, occurred_at=moment, channel="sms", direction=direction, purpose=purpose,
            status="received" if direction == "inbound" else status,
            external_id=f"{row.code}-{place}",
        )
        for row, one in pairs
        for place, (moment, direction, purpose, status) in enumerate(one.contacts)
    )  # fmt: skip
    Order.objects.bulk_create(
        Order(
            source="test", number=f"{row.code}-{place}", customer=row, ordered_at=moment,
            kind=kind, status=status, currency="GBP", net_amount=1, gross_amount=1,
        )
        for row, one in pairs
        for place, (moment, kind, status) in enumerate(one.orders)
    )  # fmt: skip
    Consent.objects.bulk_create(
        Consent(
            customer=row, channel=channel, purpose=purpose, status=status, source="test",
            decided_at=moment,
        )
        for row, one in pairs
        for (channel, purpose), (status, moment) in one.consents.items()
    )  # fmt: skip
    ContactBlock.objects.bulk_create(
        ContactBlock(customer=row, kind=kind, channel=channel, since=since, until=until)
        for row, one in pairs
        for kind, channel, since, until in one.blocks
    )
    return [row.pk for row in rows]


@settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(
    drawn=PEOPLE,
    rules=RULES,
    at=MOMENTS,
    channel=CHANNELS,
    purpose=PURPOSES,
    scenario=st.sampled_from(["", "REBUY", "WINBACK"]),
    planned=st.booleans(),
)
def test_the_sql_says_what_the_independent_program_says(
    drawn, rules, at, channel, purpose, scenario, planned
):
    people = people_of(drawn, at)
    with transaction.atomic():
        store_rules(rules)
        ids = store_people(people)
        found = decide(
            customer_ids=ids,
            channel=channel,
            purpose=purpose,
            at=at,
            scenarios=[scenario] * len(ids) if scenario else None,
            planned=planned,
        )
        transaction.set_rollback(True)

    for key, person in zip(ids, people, strict=True):
        asked = (person, rules, channel, purpose)
        codes = failing(*asked, at, scenario=scenario, planned=planned)
        assert list(found[key].codes) == codes
        assert found[key].code == (codes[0] if codes else "")
        assert found[key].allowed is (not codes)
        assert found[key].words.count(".") >= max(1, len(codes))
        check_the_end(found[key], asked, at, scenario)


def check_the_end(decision, asked, at, scenario):
    """The next allowed moment is the first one at which nothing fails, if nothing new happens."""
    later = decision.next_allowed_at
    if decision.allowed:
        assert later is None
    elif later is None:
        assert never(*asked, at, scenario=scenario)
    else:
        just_before = later - timedelta(microseconds=1)
        assert later > at
        assert allowed_later(*asked, at, later, scenario=scenario)
        assert not allowed_later(*asked, at, just_before, scenario=scenario)


def test_the_exceptions_name_the_scenarios_that_recommendations_have():
    assert {*SCENARIOS} == {*Scenario.values} - {"NO_ACTION"}
