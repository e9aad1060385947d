"""The questions that the indexes of the signals are there for are answered by them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.postgres.search import SearchQuery
from django.db import connection

from analytics.models import Signal
from analytics.services.signal_batch import COLUMNS
from analytics.services.signal_partitions import ensure_partitions
from analytics.services.signal_store_sql import FIRST_TIME, REPLAY
from customers.models import Customer
from tests.analytics.signals import NOW, micros

ROWS = 20_000


@pytest.fixture
def signals(db):
    """Two months of signals, some of nobody we know, a few of them purchases."""
    Customer.objects.bulk_create([Customer(code=f"C{n}") for n in range(100)])
    october = datetime(2026, 10, 15, tzinfo=UTC)
    ensure_partitions(signals=[micros(NOW), micros(october)], raw_events=[])
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into analytics_signal (
                id, occurred_at, received_at, customer_id, product_id, score, customer_ref,
                product_ref, event_type, source, signal_data
            )
            select
                uuidv7(), %s::timestamptz - n * interval '3 minutes', now(),
                case when n %% 10 > 0 then (select min(id) from customers_customer) + n %% 100 end,
                case when n %% 3 = 0 then n %% 500 end,
                0.1,
                case when n %% 10 > 0 then 'C' || n %% 100 else 'anonymous-' || n end,
                '',
                case when n %% 200 = 0 then 'purchase' when n %% 50 = 0 then 'inquiry'
                    else 'view' end,
                'shop',
                jsonb_build_object('list', 'list ' || n %% 700, 'title', 'Crémant number ' || n)
            from generate_series(1, %s) as n
            """,
            [NOW, ROWS],
        )
        cursor.execute("analyze analytics_signal")


def plan(queryset):
    """Return the plan as its nodes, outermost first."""
    explained = json.loads(queryset.explain(format="json"))
    nodes, left = [], [explained[0]["Plan"]]
    while left:
        node = left.pop(0)
        nodes.append(node)
        left += node.get("Plans", [])
    return nodes


def indexes(queryset):
    """Return the columns of the indexes that a plan reads; fail when it reads a table whole."""
    nodes = plan(queryset)
    read = [node["Node Type"] for node in nodes if "Seq Scan" in node["Node Type"]]
    assert not read, nodes
    names = {node["Index Name"] for node in nodes if "Index Name" in node}
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct parent.relname from pg_inherits as i"
            " join pg_class as c on c.oid = i.inhrelid join pg_class as parent"
            " on parent.oid = i.inhparent where c.relname = any(%s)",
            [list(names)],
        )
        return {name for (name,) in cursor.fetchall()}


def test_the_newest_signals_of_a_customer(signals):
    customer = Customer.objects.first()
    assert indexes(Signal.objects.of_customer(customer)[:20]) == {"signal_customer_newest"}


def test_the_newest_signals_of_a_type(signals):
    found = Signal.objects.filter(event_type="inquiry").order_by("-occurred_at")[:20]
    assert indexes(found) == {"signal_type_newest"}


def test_signals_of_a_type_in_a_period(signals):
    found = Signal.objects.filter(
        event_type="inquiry", occurred_at__range=(NOW - timedelta(days=2), NOW)
    )
    assert indexes(found) == {"signal_type_newest"}


def test_purchases_of_a_period_have_an_index_of_their_own(signals):
    found = Signal.objects.purchases().filter(occurred_at__gte=NOW - timedelta(days=20))
    assert indexes(found.values("product_id", "customer_id", "occurred_at")) <= {
        "signal_purchases",
        "signal_type_newest",
    }
    with connection.cursor() as cursor:
        cursor.execute("set local enable_sort = off")
    assert "signal_purchases" in indexes(found.order_by("-occurred_at").values("product_id"))


def test_signals_of_an_article(signals):
    found = Signal.objects.filter(product=33).order_by("-occurred_at")[:20]
    assert indexes(found) == {"signal_product_newest"}


def test_the_newest_of_all_page_by_page(signals):
    newest = Signal.objects.all()[:50]
    assert indexes(newest) == {"signal_newest"}
    assert "Sort" not in {node["Node Type"] for node in plan(newest)}
    after = Signal.objects.filter(occurred_at__lt=NOW - timedelta(days=3))[:50]
    assert indexes(after) == {"signal_newest"}


def test_signals_of_a_reference_that_nobody_has(signals):
    found = Signal.objects.unresolved().filter(customer_ref="anonymous-70")
    assert indexes(found) == {"signal_unresolved"}


def test_what_is_in_the_data(signals):
    found = Signal.objects.filter(signal_data__contains={"list": "list 69"})
    assert indexes(found) == {"signal_data"}


def test_words_without_their_accents(signals):
    query = SearchQuery("cremant 4711", config="crm_search", search_type="websearch")
    found = Signal.objects.filter(search=query)
    assert indexes(found) == {"signal_search"}
    assert [signal.signal_data["title"] for signal in found] == ["Crémant number 4711"]


def test_one_signal_by_its_id(signals):
    assert indexes(Signal.objects.filter(id=Signal.objects.first().id)) == {"analytics_signal_pkey"}


def test_a_period_reads_its_months_only(signals):
    found = Signal.objects.filter(occurred_at__gte=datetime(2026, 11, 5, tzinfo=UTC))
    names = {node.get("Relation Name") for node in plan(found)} - {None}
    assert names == {"analytics_signal_2026_11"}


def test_a_list_of_signals_does_not_read_their_search_words(signals):
    assert '"search"' not in str(Signal.objects.all()[:5].query)


def test_storing_looks_for_duplicates_customers_and_articles_by_their_keys(signals):
    with connection.cursor() as cursor:
        cursor.execute(f"create temp table if not exists signal_batch ({COLUMNS})")
        # Of a table with a few rows, which other tests left known, the planner reads all.
        cursor.execute("set local enable_seqscan = off")
        for statement in (FIRST_TIME, REPLAY):
            cursor.execute(f"explain {statement}")
            lines = [line for (line,) in cursor.fetchall() if "Seq Scan" in line]
            assert all("signal_batch" in line for line in lines), lines
