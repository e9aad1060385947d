"""The command makes signals of the shop's customers and sends them where it is told."""

import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from analytics.ingest.chunk import decode
from analytics.ingest.envelope import Envelope
from analytics.ingest.events import parse
from analytics.ingest.identity import uuid7
from analytics.ingest.made import SOURCE
from analytics.models import RawEvent, Signal, SignalReceipt, SignalsByDay, SignalScore
from analytics.selectors.made_world import world_of_shop
from analytics.selectors.signal_queue import queue_stats
from analytics.selectors.signal_scores import strongest_intent
from analytics.services import made_sinks, signal_queue
from analytics.services.made_visits import make_visits
from analytics.services.signal_store import store
from tests.factories import CustomerFactory, OrderFactory, OrderItemFactory, ProductFactory

UNTIL = datetime(2026, 3, 4, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def run(*args):
    out = StringIO()
    call_command("generate_signals", *args, stdout=out)
    return out.getvalue()


def counts(*args):
    return json.loads(run("--json", "--until", "2026-03-04T12:00:00+00:00", *args))


def test_a_dry_run_counts_and_sends_nothing():
    made = counts("--events", "300", "--days", "5", "--dry-run")

    assert made["events"] == sum(made["types"].values()) == 300
    assert made["stored"] is None
    assert made["first_at"] >= "2026-02-27"
    assert made["last_at"] <= "2026-03-04T12:00"


def test_the_same_seed_and_time_write_the_same_file(tmp_path):
    for name in ("a.ndjson.gz", "b.ndjson.gz"):
        counts("--events", "200", "--to", "file", "--file", str(tmp_path / name))

    assert (tmp_path / "a.ndjson.gz").read_bytes() == (tmp_path / "b.ndjson.gz").read_bytes()
    with gzip.open(tmp_path / "a.ndjson.gz", "rt", encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    assert len(events) == 200
    assert {event["source"] for event in events} == {SOURCE}


def test_a_file_needs_a_name_and_a_folder_that_is_there(tmp_path):
    with pytest.raises(CommandError, match="Name the file"):
        counts("--to", "file")
    with pytest.raises(CommandError, match="No such file"):
        counts("--to", "file", "--file", str(tmp_path / "none" / "x"))


def test_the_table_says_what_was_made():
    shown = run("--events", "100", "--dry-run")

    assert "type: view" in shown
    assert "100" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--customers", "0"], "at least one"),
        (["--days", "0"], "at least one"),
        (["--events", "-1"], "at least one"),
        (["--until", "2999-01-01"], "in the future"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, reason):
    with pytest.raises(CommandError, match=reason):
        run("--dry-run", *arguments)


class TestWorld:
    def test_the_busiest_customers_come_first_and_made_ones_fill_up(self):
        quiet, busy = CustomerFactory(), CustomerFactory()
        CustomerFactory(is_test=True)
        OrderFactory(customer=busy)

        world = world_of_shop(customers=4)

        assert world.customers[:2] == (busy.code, quiet.code)
        assert len(set(world.customers)) == 4

    def test_goods_are_those_that_may_be_recommended(self):
        product = ProductFactory(price=None)
        ProductFactory(kind="charge")

        (goods,) = world_of_shop(customers=1).goods

        assert (goods.key, goods.label) == (product.key, product.label)
        assert goods.price > 0

    def test_what_sold_most_comes_first_at_the_price_that_was_paid(self):
        quiet, busy = ProductFactory(price=None), ProductFactory(price=None)
        for product in (busy, quiet, busy):
            OrderItemFactory(product=product, unit_price=Decimal("7.2500"))

        first, second = world_of_shop(customers=1).goods

        assert (first.key, second.key) == (busy.key, quiet.key)
        assert first.price == Decimal("7.25")

    def test_without_a_catalogue_there_are_made_goods(self):
        assert world_of_shop(customers=1).goods

    def test_orders_are_counted_sales_of_the_window_with_their_dearest_lines(self):
        customer = CustomerFactory()
        dear = [ProductFactory() for _ in range(4)]
        order = OrderFactory(customer=customer, ordered_at=UNTIL - timedelta(days=1))
        for place, product in enumerate(dear, start=1):
            OrderItemFactory(order=order, ordinal=place, product=product, unit_price=place)
        for changes in (
            {"ordered_at": UNTIL},
            {"status": "cancelled"},
            {"kind": "return"},
            {"customer": None},
        ):
            OrderFactory(
                items=1, **{"customer": customer, "ordered_at": order.ordered_at, **changes}
            )

        since = UNTIL - timedelta(days=2)
        world = world_of_shop(customers=5, orders_since=since, orders_until=UNTIL)

        (bought,) = world.orders
        assert (bought.customer, bought.number) == (customer.code, order.number)
        assert bought.at == int(order.ordered_at.timestamp()) * 1_000_000
        assert [goods.key for goods, _, _ in bought.lines] == [one.key for one in dear[1:]]
        assert [(quantity, amount) for _, quantity, amount in bought.lines] == [
            (2, Decimal("4.00")),
            (2, Decimal("6.00")),
            (2, Decimal("8.00")),
        ]

    def test_orders_of_customers_beyond_the_number_are_left_out(self):
        for _ in range(2):
            OrderFactory(items=1, ordered_at=UNTIL - timedelta(days=1))

        since = UNTIL - timedelta(days=2)
        world = world_of_shop(customers=1, orders_since=since, orders_until=UNTIL)

        assert len(world.orders) == 1


def test_with_orders_what_is_bought_is_what_was_bought(tmp_path):
    order = OrderFactory(items=2, ordered_at=UNTIL - timedelta(days=2))

    file = tmp_path / "events.ndjson"
    counts("--orders", "--events", "3000", "--to", "file", "--file", str(file))

    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    bought = {e["message_id"]: e for e in events if e["event_type"] == "purchase"}.values()
    assert {event["signal_data"]["order"] for event in bought} == {order.number}
    assert {event["customer_id"] for event in bought} == {order.customer.code}
    assert sum(Decimal(str(e["signal_data"]["amount"])) for e in bought) == order.net_amount


class TestQueue:
    @pytest.fixture(autouse=True)
    def queue(self, settings):
        settings.CRM_QUEUE_PREFIX = f"test:{uuid4().hex}"
        yield
        for name in signal_queue.client().scan_iter(f"{settings.CRM_QUEUE_PREFIX}*"):
            signal_queue.client().delete(name)

    def test_signals_wait_there_for_a_worker_as_received_now(self, settings):
        before = time.time_ns() // 1000

        counts("--events", "4500", "--to", "queue")

        entries = signal_queue.client().xrange(settings.CRM_QUEUE_PREFIX)
        chunks = [decode(fields[b"c"]) for _, fields in entries]
        assert [len(chunk) for chunk in chunks] == [2000, 2000, 500]
        received = [envelope.received_at for chunk in chunks for envelope in chunk]
        assert before <= min(received) <= max(received) <= time.time_ns() // 1000
        assert queue_stats().depth == 4500

    def test_live_ones_happen_now_at_their_rate_until_told_to_stop(self, settings):
        waits = []

        def wait(seconds):
            waits.append(seconds)
            return len(waits) > 20

        sent = make_visits(per_second=50, customers=5, wait=wait, purchases=False)

        assert sent == 20 * 5 == queue_stats().depth
        assert set(waits) == {0.1}
        entries = signal_queue.client().xrange(settings.CRM_QUEUE_PREFIX)
        events = [parse(one) for _, fields in entries for one in decode(fields[b"c"])]
        assert len({event.message_id for event in events}) > 90
        assert "purchase" not in {event.event_type for event in events}
        ages = [time.time() - event.occurred_at / 1e6 for event in events]
        assert sorted(ages)[len(ages) // 2] < 60

    def test_live_ones_go_on_while_the_queue_takes_none(self, settings, monkeypatch):
        settings.CRM_QUEUE_MAX_EVENTS = 3
        monkeypatch.setattr(made_sinks, "PATIENCE_SECONDS", 0)
        steps = iter([False] * 5 + [True])

        sent = make_visits(per_second=5, customers=5, wait=lambda seconds: next(steps))

        assert sent == 3

    def test_a_queue_without_room_takes_nothing_more_and_says_so(self, settings, monkeypatch):
        settings.CRM_QUEUE_MAX_EVENTS = 2500
        monkeypatch.setattr(made_sinks, "PATIENCE_SECONDS", 0.3)

        with pytest.raises(CommandError, match="2,000 of 4,500 events were sent"):
            counts("--events", "4500", "--to", "queue")

        assert queue_stats().depth == 2000


def test_production_is_left_alone_unless_somebody_insists(settings, tmp_path):
    settings.PRODUCTION = True
    file = ["--events", "10", "--to", "file", "--file", str(tmp_path / "x")]

    assert counts("--events", "10", "--dry-run")["events"] == 10
    with pytest.raises(CommandError, match="production"):
        counts(*file)
    for arguments in (["--clear"], ["--live", "1"]):
        with pytest.raises(CommandError, match="production"):
            run(*arguments)
    assert counts("--yes", *file)["events"] == 10


class TestDatabase:
    def test_each_is_stored_once_as_if_received_when_it_happened(self):
        customer = CustomerFactory()

        made = counts("--events", "600", "--customers", "3", "--days", "5", "--to", "database")

        assert made["stored"] + made["duplicate"] == RawEvent.objects.count() == 600
        assert made["duplicate"] == made["repeated"]
        assert made["stored"] == Signal.objects.count() == SignalReceipt.objects.count()
        assert made["unresolved"] == Signal.objects.unresolved().count() < made["stored"]
        assert Signal.objects.of_customer(customer).exists()
        assert not Signal.objects.filter(received_at__gt=UNTIL).exists()
        assert not Signal.objects.filter(historical=False).exists()

    def test_the_same_once_more_are_duplicates(self):
        first = counts("--events", "300", "--to", "database")
        again = counts("--events", "300", "--to", "database")

        assert (again["stored"], again["duplicate"]) == (0, 300)
        assert Signal.objects.count() == first["stored"]

    @pytest.mark.owner
    def test_clearing_leaves_what_is_real(self):
        at = int(UNTIL.timestamp()) * 1_000_000
        of_sender = Envelope(
            uuid7(at), at, SOURCE, "abc", "signal", "", "",
            b'{"event_type": "view", "customer_id": "1", "message_id": "m",'
            b' "occurred_at": "2026-03-01T00:00:00Z"}',
        )  # fmt: skip
        store([of_sender])
        counts("--events", "300", "--to", "database")

        promised = counts("--clear", "--dry-run")
        assert Signal.objects.count() == promised["signals"] + 1
        cleared = counts("--clear")

        assert cleared == promised
        assert SignalsByDay.objects.get().signals == 1
        assert cleared["raw_events"] == 300
        assert Signal.objects.get().message_id == "m"
        assert RawEvent.objects.count() == SignalReceipt.objects.count() == 1

    @pytest.mark.owner
    def test_after_clearing_the_raw_log_refuses_again_and_all_can_be_made_again(self):
        first = counts("--events", "100", "--to", "database")
        counts("--clear")
        again = counts("--events", "100", "--to", "database")

        assert again["stored"] == first["stored"]
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            RawEvent.objects.all().delete()

    @pytest.mark.owner
    def test_only_the_owner_of_the_tables_may_clear(self):
        with connection.cursor() as cursor:
            cursor.execute("create role app_of_test")
            cursor.execute("grant usage on schema public to app_of_test")
            cursor.execute("set local role app_of_test")

        with pytest.raises(CommandError, match="Only the owner"):
            run("--clear")


def test_the_strongest_intent_comes_first_and_who_has_none_is_left_out():
    for intent, score in (("0.80", "0.9000"), ("0.95", "0.2000"), ("0.95", "0.5000"), ("0", "1")):
        SignalScore.objects.create(
            customer=CustomerFactory(), intent=intent, score=score,
            last_signal_at=UNTIL, signals_90d=1, as_of=UNTIL,
        )  # fmt: skip

    shown = [(str(score.intent), str(score.score)) for score in strongest_intent()]

    assert shown == [("0.95", "0.5000"), ("0.95", "0.2000"), ("0.80", "0.9000")]
