"""Schemas crm and app_schema for signals: what seed 003 prints runs as written, and is right."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from analytics.services.signal_reports import refresh_signal_reports
from tests.analytics.support import at, shop
from tests.factories import CustomerFactory, OrderFactory, ProductFactory
from tests.signals import a_signal

pytestmark = pytest.mark.django_db

# Verbatim from seed 003; do not tidy up.
SEED_003_USER = "SELECT * FROM app_schema.get_user_stats(1);"
SEED_003_ACTIVE = "SELECT * FROM app_schema.get_active_users('2024-01-01', '2024-01-31');"
SEED_003_TOP = "SELECT * FROM app_schema.get_top_products('2024-01-01', '2024-01-31', 10);"
SEED_003_RESET = "SELECT pg_stat_statements_reset();"
SEED_003_SLOW = """SELECT query, mean_time, calls 
FROM pg_stat_statements 
ORDER BY mean_time DESC 
LIMIT 10;
"""  # noqa: W291 - as printed


def columns_of(view):
    with connection.cursor() as cursor:
        cursor.execute(
            "select column_name from information_schema.columns"
            " where table_schema = 'crm' and table_name = %s",
            [view],
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.fixture
def query(db):
    """Run a query as a reader of the contract does: with the schema in front."""

    def run(sql, values=None):
        with connection.cursor() as cursor:
            cursor.execute("set local search_path = crm, public")
            cursor.execute(sql, values)
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            cursor.execute("set local search_path = public")
        return rows

    return run


@pytest.mark.parametrize(
    ("view", "names"),
    [
        ("signals", "id event_type customer_id signal_data processed_at created_at"),
        ("events", "event_id user_id product_id event_type event_timestamp properties"),
        ("pg_stat_statements", "query mean_time calls total_time rows"),
        ("signals_by_day", "day event_type signals mean_score max_score"),
        ("signal_summary", "customer_id day event_type signals mean_score max_score"),
        ("signal_scores", "customer_id score intent last_signal_at signals_90d as_of"),
    ],
)
def test_each_view_has_the_columns_of_the_seeds(view, names, db):
    assert set(names.split()) <= columns_of(view)


class TestSignals:
    def test_they_show_the_code_of_whom_they_are_linked_to(self, query):
        customer, product = CustomerFactory(code="C1"), ProductFactory(key="P1")
        a_signal(
            customer,
            "meeting_booked",
            customer_ref="old",
            product=product,
            product_ref="p",
            signal_data={"a": 1},
        )
        a_signal(None, "unheard_of", customer_ref="cust_001")

        rows = {row["event_type"]: row for row in query("select * from signals")}

        known = rows["meeting_booked"]
        assert (known["customer_id"], known["product_id"]) == ("C1", "P1")
        assert (known["signal_type"], known["customer_key"]) == ("intent", customer.pk)
        unknown = rows["unheard_of"]
        assert (unknown["customer_id"], unknown["signal_type"]) == ("cust_001", None)

    def test_events_name_users_and_products_by_their_numbers(self, query):
        customer, product = CustomerFactory(), ProductFactory()
        a_signal(customer, product=product, signal_data={"page": "/"})
        (row,) = query("select * from events")
        assert (row["user_id"], row["product_id"]) == (customer.pk, product.pk)
        assert (row["event_type"], row["is_outreach"]) == ("view", False)
        assert query("select user_id from users u join events e using (user_id)") == [
            {"user_id": customer.pk}
        ]

    def test_reports_are_in_the_contract(self, query):
        a_signal(CustomerFactory(code="C1"))
        refresh_signal_reports()
        for view in ("signals_by_day", "signal_summary", "signal_scores"):
            assert len(query("table " + view)) == 1


class TestAmounts:
    @pytest.mark.parametrize(
        ("data", "amount"),
        [
            ('{"revenue": 150.00}', "150.00"),
            ('{"amount": "12.345"}', "12.35"),
            ('{"price": 2.5, "quantity": 4}', "10.00"),
            ('{"price": 2.5}', "2.50"),
            ('{"amount": "12 euro"}', None),
            ('{"amount": 1e300}', None),
            ('{"amount": {"a": 1}, "value": 3}', "3.00"),
            ("{}", None),
            ("[]", None),
        ],
    )
    def test_they_are_read_from_what_senders_write(self, query, data, amount):
        (row,) = query("select crm.signal_amount(%s::jsonb) as amount", [data])
        assert row["amount"] == (Decimal(amount) if amount else None)


@pytest.fixture
def behaviour():
    """One who buys on record, one who only signals, and one who does nothing."""
    people = shop(
        {
            "buyer": [("2024-01-10", "50"), ("2024-01-31", "30"), ("2024-01-31", "5", "return")],
            "surfer": [],
            "nobody": [],
        }
    )
    product = ProductFactory(key="P1", label="Mug")
    noon = at("2024-01-31", "23:30")
    for kind, count in (("view", 4), ("add_to_cart", 2), ("purchase", 1), ("email_sent", 9)):
        for code in ("buyer", "surfer"):
            for _ in range(count):
                a_signal(
                    people[code],
                    kind,
                    occurred_at=noon,
                    product=product,
                    signal_data={"revenue": "12.50"},
                )
    a_signal(people["nobody"], occurred_at=at("2024-02-01", "00:00"), product=product)
    return people


class TestSeed003:
    @pytest.mark.owner
    def test_the_calls_run_as_printed(self, query, behaviour):
        assert isinstance(query(SEED_003_USER), list)
        assert len(query(SEED_003_ACTIVE)) == 2
        assert len(query(SEED_003_TOP)) == 1
        assert query(SEED_003_RESET)

    def test_user_stats_take_orders_where_there_are_any(self, query, behaviour):
        ask = "select * from app_schema.get_user_stats(%s)"
        (buyer,) = query(ask, [behaviour["buyer"].pk])
        (surfer,) = query(ask, [behaviour["surfer"].pk])
        names = ("total_events", "views", "carts", "purchases", "revenue", "conversion", "orders")
        assert [buyer[name] for name in names] == [
            7, 4, 2, 2, Decimal("75.00"), Decimal("0.2500"), 2,
        ]  # fmt: skip
        assert [surfer[name] for name in names] == [
            7, 4, 2, 1, Decimal("12.50"), Decimal("0.2500"), 0,
        ]  # fmt: skip

    def test_user_stats_of_somebody_without_events_are_zeros_and_of_nobody_no_row(self, query, db):
        still = CustomerFactory()
        (row,) = query("select * from app_schema.get_user_stats(%s)", [still.pk])
        assert (row["total_events"], row["revenue"], row["conversion"]) == (0, 0, None)
        assert query("select * from app_schema.get_user_stats(-1)") == []
        assert query("select * from app_schema.get_user_stats(null)") == []

    def test_active_users_are_those_of_the_days_with_the_last_one(self, query, behaviour):
        rows = query(SEED_003_ACTIVE)
        assert [row["user_id"] for row in rows] == [
            behaviour["buyer"].pk,
            behaviour["surfer"].pk,
        ]
        assert [row["revenue"] for row in rows] == [Decimal("75.00"), Decimal("12.50")]
        assert [row["purchases"] for row in rows] == [2, 1]

        until_the_30th = SEED_003_ACTIVE.replace("'2024-01-31'", "'2024-01-30'")
        (row,) = query(until_the_30th)
        assert (row["user_id"], row["total_events"]) == (behaviour["buyer"].pk, 0)
        assert (row["orders"], row["revenue"]) == (1, Decimal("50.00"))

    def test_writing_to_somebody_does_not_make_them_active(self, query, db):
        a_signal(CustomerFactory(), "email_sent", occurred_at=at("2024-01-15"))
        assert query(SEED_003_ACTIVE) == []

    def test_top_products_count_views_carts_purchases_and_revenue(self, query, behaviour):
        (row,) = query(SEED_003_TOP)
        names = ("name", "views", "carts", "purchases", "revenue", "conversion", "users")
        assert [row[name] for name in names] == [
            "Mug", 8, 4, 2, Decimal("25.00"), Decimal("0.2500"), 2,
        ]  # fmt: skip

    def test_top_products_take_orders_where_there_are_any(self, query, db):
        order = OrderFactory(items=2, ordered_at=at("2024-01-31", "23:59"))
        OrderFactory(items=1, ordered_at=at("2024-01-31"), status="cancelled")
        OrderFactory(items=1, ordered_at=at("2024-02-01", "00:00"))
        item = order.items.first()
        a_signal(None, product=item.product, occurred_at=at("2024-01-01"))

        rows = {row["product_id"]: row for row in query(SEED_003_TOP)}

        bought = {item.product_id for item in order.items.all()}
        assert set(rows) == bought
        assert rows[item.product_id]["views"] == 1
        assert sum(row["revenue"] for row in rows.values()) == sum(
            item.net_amount for item in order.items.all()
        )

    @pytest.mark.parametrize(("asked", "given"), [(1, 1), (0, 1), (-5, 1), (None, 3), (10**9, 3)])
    def test_the_number_of_top_products_is_bounded(self, query, asked, given):
        for _ in range(3):
            a_signal(product=ProductFactory(), occurred_at=at("2024-01-15"))
        rows = query(
            "select * from app_schema.get_top_products('2024-01-01', '2024-01-31', %s)", [asked]
        )
        assert len(rows) == given

    @pytest.mark.parametrize(
        "call",
        [
            "select * from app_schema.get_active_users('2000-01-01', '2024-01-31')",
            "select * from app_schema.get_top_products('2000-01-01', '2024-01-31', 10)",
        ],
    )
    def test_periods_are_bounded(self, query, call):
        with pytest.raises(DatabaseError, match="at most 1100"), transaction.atomic():
            query(call)

    def test_a_period_that_ends_before_it_begins_is_empty(self, query, behaviour):
        assert query("select * from app_schema.get_active_users('2024-01-31', '2024-01-01')") == []

    def test_signals_of_a_user_are_read_by_the_index(self, query, behaviour):
        # Of few rows the planner reads all, whichever indexes there are.
        query("select set_config('enable_seqscan', 'off', true)")
        plan = query(
            "explain select * from events where user_id = %s and event_timestamp > %s",
            [behaviour["buyer"].pk, at(date(2024, 1, 1)) - timedelta(days=1)],
        )
        assert "customer_id_occurred_at" in str(plan)


class TestSlowQueries:
    @pytest.mark.owner
    def test_the_query_runs_as_printed_and_finds_statements(self, query):
        query(SEED_003_RESET)
        query("select 7 as seven_of_this_test")
        rows = query(SEED_003_SLOW.replace("LIMIT 10", "LIMIT 1000"))
        assert any("seven_of_this_test" in row["query"] for row in rows)
        assert all(row["mean_time"] >= 0 and row["calls"] >= 1 for row in rows)
        assert len(query(SEED_003_SLOW)) <= 10

    @pytest.mark.owner
    def test_it_is_empty_where_the_extension_is_absent(self, query):
        with connection.cursor() as cursor:
            cursor.execute("drop extension pg_stat_statements")
        assert query(SEED_003_SLOW) == []


@pytest.mark.owner
def test_a_reader_of_the_contract_needs_no_right_on_tables(query, behaviour):
    with connection.cursor() as cursor:
        cursor.execute(
            "create role crm_reader_in_test nologin;"
            "grant usage on schema crm, app_schema to crm_reader_in_test;"
            "grant select on all tables in schema crm to crm_reader_in_test;"
            "set local role crm_reader_in_test"
        )
        try:
            for sql in (SEED_003_USER, SEED_003_ACTIVE, SEED_003_TOP):
                assert query(sql) is not None
            with pytest.raises(DatabaseError), transaction.atomic():
                query("select 1 from public.analytics_signal")
        finally:
            cursor.execute("reset role")
