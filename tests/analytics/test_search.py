"""Search by words: what is found, in which order, how it is shown, and what cannot break it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import SearchWord
from analytics.selectors import search as module
from analytics.selectors.search import KINDS, clean, search
from customers.models import Customer
from tests.factories import (
    CustomerAliasFactory,
    CustomerFactory,
    ProductAliasFactory,
    ProductFactory,
)
from tests.signals import a_signal, at

pytestmark = pytest.mark.django_db


def titles(q, **asked):
    return [hit.title for hit in search(q, **asked).hits]


class TestCustomers:
    @pytest.fixture(autouse=True)
    def _people(self):
        self.ada = CustomerFactory(code="C1", name="Ada Lovelace", email="ada@example.org")
        self.zoe = CustomerFactory(code="C12", name="Zoë Müller-Lüdenscheid", email="z@mill.net")

    @pytest.mark.parametrize(
        ("q", "found"),
        [
            ("ada", ["Ada Lovelace"]),
            ("LOVELACE ada", ["Ada Lovelace"]),
            ("lovel", ["Ada Lovelace"]),
            ("ada@example.org", ["Ada Lovelace"]),
            ("example", ["Ada Lovelace"]),
            ("zoe muller", ["Zoë Müller-Lüdenscheid"]),
            ('"ada lovelace"', ["Ada Lovelace"]),
            ('"lovelace c1"', []),
            ("ada or zoe", ["Ada Lovelace", "Zoë Müller-Lüdenscheid"]),
            ("ada -lovelace", []),
            ("-ada", []),
            ("", []),
        ],
    )
    def test_they_are_found_by_words(self, q, found):
        assert titles(q) == found

    def test_whose_code_it_is_comes_first(self):
        assert titles("C1") == ["Ada Lovelace", "Zoë Müller-Lüdenscheid"]
        assert [hit.exact for hit in search("c1").hits] == [True, False]

    def test_an_old_code_finds_who_has_it_now(self):
        CustomerAliasFactory(code="OLD-7", customer=self.zoe)
        (hit,) = search("OLD-7").hits
        assert (hit.key, hit.exact) == ("C12", True)

    def test_who_has_all_of_several_common_words_is_not_missed(self):
        Customer.objects.bulk_create(
            Customer(code=f"N{n}", name=("Anna Meier", "Berta Schmidt")[n % 2])
            for n in range(8_000)
        )
        CustomerFactory(name="Anna Schmidt")
        assert titles("anna schmidt") == ["Anna Schmidt"]
        assert len(search("anna").hits) == 10

    def test_who_was_merged_or_deleted_is_not_found(self):
        type(self.ada).objects.filter(pk=self.ada.pk).update(status="merged")
        assert titles("ada") == []


class TestProducts:
    def test_they_are_found_by_key_label_family_and_alias(self):
        lantern = ProductFactory(key="22112", label="WHITE METAL LANTERN", family="Lights")
        ProductAliasFactory(product=lantern, label="old lamp")
        for q in ("22112", "lantern white", "lights", "Old Lamp"):
            assert titles(q) == ["WHITE METAL LANTERN"], q


class TestSignals:
    def test_they_are_found_by_type_reference_and_data_newest_first(self):
        now = timezone.now()
        customer = CustomerFactory(code="C1", name="Ada")
        for days in (40, 1, 3):
            a_signal(
                customer,
                event_type="view",
                occurred_at=now - timedelta(days=days),
                signal_data={"page": {"title": f"Café mug {days} "}},
            )
        for q in ("view", "C1", "cafe mug", '"café mug"'):
            hits = search(q, kinds=["signals"]).hits
            assert [(now - hit.occurred_at).days for hit in hits] == [1, 3, 40], q
        assert (hits[0].title, hits[0].customer_code) == ("view · Ada", "C1")

    def test_rare_words_are_found_behind_many_newer_signals(self, monkeypatch):
        monkeypatch.setattr(module, "WALK", 2)
        now = timezone.now()
        a_signal(occurred_at=now - timedelta(days=300), signal_data={"title": "needle"})
        a_signal(occurred_at=now - timedelta(days=100), signal_data={"title": "needle"})
        for hours in range(5):
            a_signal(occurred_at=now - timedelta(hours=hours), signal_data={"title": "hay"})

        hits = search("needle").hits

        assert [(now - hit.occurred_at).days for hit in hits] == [100, 300]
        assert titles("needle hay") == []

    def test_signals_of_long_ago_are_found_too(self):
        for year in (2001, 2019, 2020):
            a_signal(occurred_at=at(f"{year}-12-31"), signal_data={"title": "needle"})
        found = search("needle")
        assert [hit.occurred_at.year for hit in found.hits] == [2020, 2019, 2001]
        assert found.incomplete == ()

    def test_it_stops_when_the_time_is_up(self, monkeypatch):
        a_signal(occurred_at=at("2001-12-31"), signal_data={"title": "needle"})
        monkeypatch.setattr(module, "WALK", 0)
        monkeypatch.setattr(module, "BUDGET", timedelta(0))
        found = search("needle")
        assert (found.hits, found.incomplete) == ((), ("signals",))

    def test_more_are_announced(self):
        for _ in range(4):
            a_signal(event_type="view")
        found = search("view", limit=3)
        assert (len(found.hits), found.more) == (3, ("signals",))
        assert search("view", limit=4).more == ()


class TestTypos:
    def test_what_was_meant_is_found_and_said(self):
        CustomerFactory(name="Ada Lovelace")
        ProductFactory(label="WHITE METAL LANTERN")
        a_signal(event_type="purchase", signal_data={"title": "Garden chair"})
        for typed, meant in [
            ("lovelase", "lovelace"),
            ("ADA Lovlace", "ADA lovelace"),
            ("metl lantren", "metal lantern"),
            ("pruchase", "purchase"),
            ("gardne chair", "garden chair"),
        ]:
            found = search(typed)
            assert (found.did_you_mean, len(found.hits)) == (meant, 1), typed

    def test_words_that_are_not_alike_find_nothing(self):
        CustomerFactory(name="Ada Lovelace")
        found = search("zeppelin")
        assert (found.hits, found.did_you_mean) == ((), "")

    def test_it_tells_nothing_about_kinds_that_were_not_asked_for(self):
        CustomerFactory(name="Ada Lovelace")
        SearchWord.objects.create(word="lovelace", customers=1, seen_at=timezone.now())
        assert search("lovelase", kinds=["signals", "products"]).did_you_mean == ""


class TestShowing:
    def test_found_words_are_marked_and_all_else_is_escaped(self):
        CustomerFactory(code="C1", name='Ada <script>alert("x")</script> & Love \ue000 \ue001')
        (hit,) = search("ada love").hits
        assert hit.highlight.startswith("<mark>Ada</mark> ")
        assert "&amp; <mark>Love</mark>" in hit.highlight
        assert "<script" not in hit.highlight
        assert hit.highlight.count("<mark>") == hit.highlight.count("</mark>") == 2

    def test_long_signals_show_the_part_with_the_words(self):
        a_signal(signal_data={"text": "hay " * 300 + "needle " + "hay " * 300})
        (hit,) = search("needle").hits
        assert "<mark>needle</mark>" in hit.highlight
        assert len(hit.highlight) < 300


class TestAsking:
    def test_only_the_kinds_asked_for_are_searched(self):
        CustomerFactory(code="blue1", name="Blue")
        ProductFactory(label="Blue mug")
        a_signal(event_type="blue")
        assert [hit.kind for hit in search("blue").hits] == list(KINDS)
        assert [hit.kind for hit in search("blue", kinds=["products", "others"]).hits] == [
            "products"
        ]

    @pytest.mark.parametrize("limit", [-1, 0, 10**9])
    def test_any_limit_is_made_sensible(self, limit):
        CustomerFactory(name="Blue")
        assert len(search("blue", limit=limit).hits) == 1

    def test_running_out_of_time_is_said_and_takes_no_other_kind_along(self, monkeypatch):
        CustomerFactory(name="Blue")
        ProductFactory(label="Blue mug")
        monkeypatch.setattr(module, "TIMEOUT_MS", 300)
        monkeypatch.setattr(module.sql, "CUSTOMERS", "select pg_sleep(30)")

        found = search("blue")

        assert [hit.title for hit in found.hits] == ["Blue mug"]
        assert found.incomplete == ("customers",)

    def test_what_bounds_it_does_not_outlast_it(self):
        search("blue")
        with connection.cursor() as cursor:
            cursor.execute(
                "select setting = reset_val, "
                "coalesce(nullif(current_setting('gin_fuzzy_search_limit'), ''), '0')"
                " from pg_settings where name = 'statement_timeout'"
            )
            assert cursor.fetchone() == (True, "0")

    def test_a_lost_connection_is_no_empty_answer(self, monkeypatch):
        monkeypatch.setattr(
            module.sql, "CUSTOMERS", "select pg_terminate_backend(pg_backend_pid())"
        )
        with pytest.raises(DatabaseError):
            search("blue")


@pytest.mark.parametrize(
    "q",
    [
        "'; drop table customers_customer; --",
        "& | ! ( ) :* <-> <2>",
        '"unclosed',
        "%s %(x)s %% {}",
        "\x00 \ud800 a\x00b",
        "or or or",
        "--",
        "a" * 10_000,
        "x " * 5_000,
        "\\ \\' E'\\x41'",
        "\U0001f9e1 мышь 鼠标",
        "-a -b or -c",
    ],
)
def test_hostile_words_find_nothing_and_break_nothing(q):
    CustomerFactory(name="Ada")
    assert search(q).hits == ()


@given(q=st.text(max_size=300), limit=st.integers(-5, 100))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_it_never_raises(db, q, limit):
    found = search(q, limit=limit)
    assert found.query == clean(q)
    assert found.incomplete == ()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (
            "select id from customers_customer where crm_customer_words(code, name, email)"
            " @@ 'blue'::tsquery limit 9",
            "customer_words",
        ),
        (
            "select id from orders_product"
            " where crm_product_words(key, label, category, family) @@ 'blue'::tsquery limit 9",
            "product_words",
        ),
        ("select word from analytics_searchword where word % 'lantren'", "search_word_similar"),
    ],
)
def test_the_indexes_fit_the_statements(statement, index, db):
    with connection.cursor() as cursor:
        # An empty table is always read whole, unless that is made dear.
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(f"explain {statement}")
        assert index in str(cursor.fetchall())
