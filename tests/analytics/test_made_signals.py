"""Made signals: always the same for a seed, exactly as many as asked, and like a shop's."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from uuid import RFC_4122, UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ingest.events import parse
from analytics.ingest.made import (
    Bought,
    Window,
    body,
    envelopes,
    made_events,
    made_world,
    wrap,
)
from analytics.ingest.made.clock import DAY, HOUR, SECOND, days, shares
from analytics.ingest.made.world import World

UNTIL = 1_763_700_000_000_000
WORLD = made_world(customers=300, goods=40)
MONTH = Window.of_days(28, until=UNTIL)


@pytest.fixture(scope="module")
def month():
    return list(made_events(20_000, world=WORLD, window=MONTH, seed=7))


def local(micros):
    return datetime.fromtimestamp(micros / SECOND, tz=UTC)


def visits(events):
    found = defaultdict(list)
    for event in events:
        if session := event.data.get("session"):
            found[session].append(event)
    return found


@settings(deadline=None)
@given(
    st.integers(0, 400),
    st.integers(1, 40),
    st.integers(-5, 5),
    st.sampled_from([UTC, ZoneInfo("Europe/London"), ZoneInfo("Asia/Kathmandu")]),
    st.integers(1, 12),
)
def test_there_are_as_many_as_asked_in_order_and_within_the_window(count, length, seed, zone, many):
    window = Window.of_days(length, until=UNTIL, zone=zone)
    world = made_world(customers=many, goods=many)

    events = list(made_events(count, world=world, window=window, seed=seed))

    assert len(events) == count
    arrivals = [event.arrives_at for event in events]
    assert arrivals == sorted(arrivals)
    for event in events:
        assert window.since <= event.occurred_at <= event.arrives_at <= window.until


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 10))
def test_the_same_seed_makes_the_same_bytes(count, seed):
    window = Window.of_days(3, until=UNTIL)

    first = [body(event) for event in made_events(count, world=WORLD, window=window, seed=seed)]
    again = [body(event) for event in made_events(count, world=WORLD, window=window, seed=seed)]

    assert first == again


def test_another_seed_or_window_never_uses_the_same_message_id(month):
    ids = {event.message_id for event in month}
    other_seed = made_events(500, world=WORLD, window=MONTH, seed=8)
    other_end = made_events(500, world=WORLD, window=Window.of_days(28, until=UNTIL + 1), seed=7)

    assert ids.isdisjoint(event.message_id for event in [*other_seed, *other_end])


def test_only_what_is_sent_twice_shares_a_message_id_and_it_is_the_same_to_the_byte(month):
    bodies = defaultdict(set)
    for event in month:
        bodies[event.message_id].add(body(event))

    assert {len(same) for same in bodies.values()} == {1}
    assert 0.005 < 1 - len(bodies) / len(month) < 0.02


def test_some_arrive_hours_late_and_most_at_once(month):
    delays = [event.arrives_at - event.occurred_at for event in month]

    late = sum(delay > HOUR for delay in delays) / len(delays)
    assert 0.005 < late < 0.1
    assert sum(delay < 2 * SECOND for delay in delays) / len(delays) > 0.9


def test_every_kind_of_event_is_there_and_views_are_the_most(month):
    kinds = Counter(event.event_type for event in month)

    assert set(kinds) == {
        "view", "add_to_cart", "purchase", "email_sent", "email_opened", "email_clicked",
        "inquiry", "bot_command", "call_made", "meeting_booked", "demo_completed",
    }  # fmt: skip
    assert kinds["view"] > kinds["add_to_cart"] > kinds["purchase"] > 0
    assert kinds["email_sent"] > kinds["email_opened"] > kinds["email_clicked"] > 0


def test_what_is_bought_in_a_visit_was_put_into_the_cart_and_seen_before(month):
    bought = 0
    for events in visits(month).values():
        moments = defaultdict(dict)
        for event in events:
            moments[event.event_type].setdefault(event.product, event.occurred_at)
        for product, at in moments["purchase"].items():
            bought += 1
            assert moments["view"][product] <= moments["add_to_cart"][product] <= at
    assert bought > 100


def test_a_letter_is_opened_after_it_was_sent_and_clicked_after_it_was_opened(month):
    sent = {"email_sent": {}, "email_opened": {}, "email_clicked": {}}
    for event in month:
        if event.event_type in sent:
            key = event.customer, event.data["campaign"]
            sent[event.event_type].setdefault(key, event.occurred_at)

    for key, opened in sent["email_opened"].items():
        assert sent["email_sent"][key] < opened
    for key, clicked in sent["email_clicked"].items():
        assert sent["email_opened"][key] < clicked


def test_crawlers_are_few_unknown_and_faster_than_people(month):
    crawls = [events for events in visits(month).values() if events[0].customer.startswith("bot-")]

    assert crawls
    for events in crawls:
        moments = sorted({event.occurred_at for event in events})
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert all(gap < 3 * SECOND for gap in gaps[:50])
    assert len({events[0].customer for events in crawls}) <= 5


def test_some_visitors_are_unknown_and_few_customers_make_most_of_the_rest(month):
    people = Counter(event.customer for event in month if not event.customer.startswith("bot-"))
    known = Counter({who: many for who, many in people.items() if who in WORLD.customers})

    assert 0.02 < 1 - known.total() / people.total() < 0.15
    busiest = sum(many for _, many in known.most_common(30))
    assert busiest > 0.25 * known.total()


def test_nights_are_quiet_and_weekends_quieter_than_weekdays(month):
    visited = [local(event.occurred_at) for event in month if event.event_type == "view"]
    hours = Counter(moment.hour for moment in visited)
    weekdays = Counter(moment.weekday() for moment in visited)

    assert sum(hours[hour] for hour in range(1, 5)) < 0.1 * len(visited)
    assert (weekdays[5] + weekdays[6]) / 2 < sum(weekdays[day] for day in range(5)) / 5


def test_hours_are_those_of_the_given_zone():
    tokyo = Window.of_days(28, until=UNTIL, zone=ZoneInfo("Asia/Tokyo"))
    events = made_events(5000, world=WORLD, window=tokyo, seed=7)

    at_night = [event for event in events if local(event.occurred_at).hour in range(16, 20)]
    assert len(at_night) < 500  # 01:00 to 05:00 in Tokyo


def test_a_mailing_goes_out_on_tuesday_at_ten_within_minutes(month):
    sent = [local(event.occurred_at) for event in month if event.event_type == "email_sent"]
    by_day = Counter(moment.date() for moment in sent)

    assert len(by_day) == 4
    assert {day.weekday() for day in by_day} == {1}
    for day, many in by_day.items():
        first, *_, last = sorted(moment for moment in sent if moment.date() == day)
        assert many > 100
        assert (last - first).total_seconds() <= 900


def test_with_real_orders_all_purchases_are_theirs():
    goods = WORLD.goods[3]
    order = Bought("M0000001", UNTIL - 5 * DAY, "536365", ((goods, 2, Decimal("15.10")),))
    world = World(WORLD.customers, WORLD.goods, orders=[order])

    events = list(made_events(2000, world=world, window=MONTH, seed=1))

    bought = {event.message_id: event for event in events if event.event_type == "purchase"}
    (purchase,) = bought.values()
    assert (purchase.customer, purchase.occurred_at) == (order.customer, order.at)
    sent = json.loads(body(purchase), parse_float=Decimal)["signal_data"]
    assert sent["order"] == "536365"
    assert (sent["quantity"], sent["amount"]) == (2, Decimal("15.10"))


def test_orders_outside_the_window_or_too_many_for_it_are_left_out():
    lines = ((WORLD.goods[0], 1, Decimal(3)),)
    orders = [Bought("M0000001", UNTIL + day * DAY, str(day), lines) for day in range(-60, 3)]
    world = World(WORLD.customers, WORLD.goods, orders=orders)

    events = list(made_events(20, world=world, window=MONTH, seed=1))

    assert len(events) == 20


def test_everything_says_that_it_was_made(month):
    for event in month[:500]:
        sent = json.loads(body(event))
        assert sent["source"] == "generated"
        assert sent["historical"] is True
        assert sent["signal_data"]["made"] is True


@pytest.mark.parametrize(
    ("count", "world", "window"),
    [
        (-1, WORLD, MONTH),
        (1, World((), WORLD.goods), MONTH),
        (1, World(WORLD.customers, ()), MONTH),
        (1, WORLD, Window(since=UNTIL, until=UNTIL)),
    ],
)
def test_what_cannot_be_made_is_refused(count, world, window):
    with pytest.raises(ValueError, match=r"\w"):
        list(made_events(count, world=world, window=window))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.lists(st.floats(0.001, 100), min_size=1, max_size=50))
def test_shares_add_up_and_are_never_negative(total, weights):
    divided = shares(total, weights)

    assert sum(divided) == total
    assert min(divided) >= 0


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 23))
def test_days_cover_the_window_without_a_gap(length, hours):
    window = Window(since=UNTIL - length * DAY - hours * HOUR, until=UNTIL)

    found = list(days(window))

    assert found[0].since == window.since
    assert found[-1].until == window.until
    assert all(a.until == b.since for a, b in pairwise(found))


def test_every_envelope_is_understood_and_says_what_was_made(month):
    for made, envelope in zip(month, wrap(month), strict=True):
        event = parse(envelope)

        assert (event.event_type, event.customer_ref) == (made.event_type, made.customer)
        assert (event.product_ref, event.message_id) == (made.product, made.message_id)
        assert (event.occurred_at, event.source) == (made.occurred_at, "generated")
        assert event.historical
        assert envelope.received_at == made.arrives_at


def test_envelopes_are_repeatable_and_their_ids_unique_and_of_their_millisecond():
    first, again = list(envelopes(3000, seed=3)), list(envelopes(3000, seed=3))

    assert first == again
    assert len({envelope.id for envelope in first}) == 3000
    for envelope in first:
        number = UUID(bytes=envelope.id)
        assert (number.version, number.variant) == (7, RFC_4122)
        assert number.int >> 80 == envelope.received_at // 1000


def test_a_salt_changes_the_ids_and_nothing_else():
    events = list(made_events(50, world=WORLD, window=MONTH))

    plain, salted = list(wrap(events)), list(wrap(events, salt=b"1"))

    assert {one.id for one in plain}.isdisjoint(one.id for one in salted)
    assert [one.body for one in plain] == [one.body for one in salted]


def test_a_business_tells_what_raises_the_score(month):
    events = [parse(one) for one in wrap(month)]

    booked = [event for event in events if event.event_type == "meeting_booked"]
    assert any((event.response_time_hours or 99) < 24 for event in booked)
    assert any((event.interaction_count or 0) > 3 for event in booked)


def test_with_no_orders_at_all_nothing_is_bought():
    world = World(WORLD.customers, WORLD.goods, orders=())

    events = made_events(3000, world=world, window=MONTH, seed=1)

    assert "purchase" not in {event.event_type for event in events}
