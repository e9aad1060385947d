"""Staff look at signals: the list, its pages and filters, and one of them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import Signal
from analytics.services.signal_store import store
from crm_project.common.admin import keyset
from tests.analytics.admin_pages import HOSTILE, key_of, rows
from tests.analytics.signals import NOW, envelope
from tests.factories import (
    CustomerAliasFactory,
    CustomerFactory,
    ProductFactory,
)

pytestmark = pytest.mark.django_db


LIST = "admin:analytics_signal_changelist"


class TestTheList:
    def test_older_and_newer_pages_meet_without_a_gap(self, admin_client):
        same = [envelope(message_id=f"a{n}") for n in range(60)]
        later = [
            envelope(at=NOW + timedelta(minutes=n), message_id=f"b{n}", customer=f"C{n}")
            for n in range(60)
        ]
        store([*same, *later])
        url = reverse(LIST)

        first = admin_client.get(url)
        second = admin_client.get(url + first.context["cl"].paginator.older)
        third = admin_client.get(url + second.context["cl"].paginator.older)
        back = admin_client.get(url + third.context["cl"].paginator.newer)

        pages = [rows(page) for page in (first, second, third)]
        shown = [row.pk for page in pages for row in page]
        assert [len(page) for page in pages] == [50, 50, 20]
        newest = Signal.objects.order_by("-occurred_at", "-id").values_list("pk", flat=True)
        assert shown == list(newest)
        assert rows(back) == pages[1]
        assert third.context["cl"].paginator.older == ""
        assert first.context["cl"].paginator.newer == ""

    def test_near_the_top_the_newer_page_is_the_first_one(self, admin_client):
        store([envelope(message_id=f"m{n}") for n in range(60)])
        url = reverse(LIST)
        second = admin_client.get(url + admin_client.get(url).context["cl"].paginator.older)
        store([envelope(message_id=f"n{n}", at=NOW + timedelta(hours=1)) for n in range(5)])

        back = admin_client.get(url + second.context["cl"].paginator.newer)

        assert len(rows(back)) == 50

    @pytest.mark.parametrize(
        "asked",
        [
            {"after": "x"},
            {"after": "1.2.3"},
            {"before": "99999999999999999.no"},
            {"after": f"99999999999999999.{UUID(int=4)}"},
            {"o": "5.-1.99"},
            {"p": "700"},
            {"occurred_at_from": "31-31-31", "occurred_at_to": "0001-01-01"},
            {"occurred_at_to": "9999-12-31"},
            {"type": "nothing", "class": "x", "known": "7", "historical": "?"},
            {"customer_code": "a\x00b", "product_key": "\x00"},
            {"q": '"never closed or -'},
        ],
        ids=str,
    )
    def test_nonsense_in_the_address_is_no_error(self, admin_client, asked):
        store([envelope()])

        assert admin_client.get(reverse(LIST), asked).status_code == 200

    def test_nothing_is_counted_and_rows_cost_no_queries_of_their_own(self, admin_client):
        url = reverse(LIST)

        def asked(number):
            customers = [CustomerFactory().code for _ in range(number)]
            store([envelope(customer=code) for code in customers])
            admin_client.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert admin_client.get(url).status_code == 200
            return [query["sql"] for query in queries]

        few, many = asked(2), asked(12)

        assert len(many) == len(few)
        assert not [sql for sql in many if "COUNT(" in sql and "analytics_signal" in sql]

    def test_the_page_reads_the_index_and_sorts_nothing(self, admin_client):
        store([envelope(at=NOW + timedelta(seconds=n)) for n in range(200)])
        with CaptureQueriesContext(connection) as queries:
            page = admin_client.get(reverse(LIST))
        (asked,) = [q["sql"] for q in queries if "ORDER BY" in q["sql"]
                    and 'FROM "analytics_signal"' in q["sql"]]  # fmt: skip
        assert len(rows(page)) == 50

        with connection.cursor() as cursor:
            # The table is too small for an index to be worth it.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {asked}")
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "Index Scan" in plan, plan
        assert "Sort" not in plan, plan

    def test_a_filter_that_would_take_too_long_is_given_up_in_words(
        self, admin_client, monkeypatch
    ):
        def too_slow(self):
            raise keyset.TooSlowError

        monkeypatch.setattr(keyset.KeysetChangeList, "_page", too_slow)

        page = admin_client.get(reverse(LIST), {"source": "rare"})

        assert page.status_code == 200
        assert "Narrow it down" in page.content.decode()

    def test_the_limit_stops_one_statement_and_not_the_connection(self):
        with (
            pytest.raises(keyset.TooSlowError),
            keyset.time_limit(timedelta(milliseconds=50)),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT pg_sleep(30)")

        with connection.cursor() as cursor:
            cursor.execute(
                "select setting = reset_val from pg_settings where name = 'statement_timeout'"
            )
            assert cursor.fetchone() == (True,)

    def test_every_filter_narrows(self, admin_client):
        customer = CustomerFactory(code="C1")
        CustomerAliasFactory(customer=customer, code="OLD")
        product = ProductFactory(key="P1")
        store(
            [
                envelope("view", "C1", product_id="P1", signal_data={"page": "Blue mugs"}),
                envelope("meeting_booked", "C1", at=NOW + timedelta(days=2)),
                envelope("odd_thing", "nobody", historical=True, source="old shop"),
            ]
        )
        by_type = {row.event_type: row for row in Signal.objects.all()}
        view, meeting, odd = (by_type[name] for name in ("view", "meeting_booked", "odd_thing"))

        def found(**asked):
            return set(rows(admin_client.get(reverse(LIST), asked)))

        assert found(customer_code="C1") == found(customer_code="OLD") == {view, meeting}
        assert found(customer_code="nobody") == found(known="0") == {odd}
        assert found(type="odd_thing") == found(historical="1") == {odd}
        assert found(**{"class": "intent"}) == {meeting}
        assert found(product_key=product.key) == {view}
        assert found(source="old shop") == {odd}
        assert found(occurred_at_from="2026-11-22") == {meeting}
        assert found(occurred_at_to="2026-11-21") == {view, odd}
        assert found(known="1") == {view, meeting}
        assert found(q="mugs blue") == {view}
        assert found(q=str(odd.pk)) == {odd}
        assert found(q="mugs", type="odd_thing") == set()

    def test_a_new_filter_starts_on_the_first_page(self, admin_client):
        store([envelope(message_id=f"m{n}") for n in range(60)])
        older = admin_client.get(reverse(LIST)).context["cl"].paginator.older

        form = admin_client.get(reverse(LIST) + older).content.decode()

        assert 'name="after"' not in form

    def test_hostile_text_stays_text_everywhere(self, admin_client):
        one = envelope(
            "odd_thing",
            HOSTILE,
            product_id=HOSTILE,
            message_id=HOSTILE,
            source=HOSTILE,
            signal_data={HOSTILE: [HOSTILE, "\u202egnp.exe"]},
        )
        store([one])

        for page in (
            admin_client.get(reverse(LIST)),
            admin_client.get(reverse("admin:analytics_signal_change", args=[key_of(one)])),
            admin_client.get(reverse("admin:analytics_rawevent_changelist")),
            admin_client.get(reverse("admin:analytics_rawevent_change", args=[key_of(one)])),
        ):
            text = page.content.decode()
            assert page.status_code == 200
            assert HOSTILE not in text
            assert "\u202e" not in text
            assert "alert(1)" in text


class TestASignal:
    def test_it_shows_what_it_is_worth_and_leads_to_what_was_received(self, admin_client):
        CustomerFactory(code="C1")
        one = envelope("email_clicked", "C1", signal_data={"metadata": {"interactionCount": 9}})
        store([one])

        page = admin_client.get(reverse("admin:analytics_signal_change", args=[key_of(one)]))

        figures = {kpi.label: kpi for kpi in page.context["kpis"]}
        assert figures["Score"].value == "0.75"
        assert "0.60" in figures["Score"].note
        raw = reverse("admin:analytics_rawevent_change", args=[key_of(one)])
        assert raw in page.content.decode()
        assert "interactionCount" in admin_client.get(raw).content.decode()

    def test_nobody_changes_or_removes_one(self, admin_client):
        one = envelope()
        store([one])

        for model in ("signal", "rawevent"):
            for page in ("change", "delete"):
                url = reverse(f"admin:analytics_{model}_{page}", args=[key_of(one)])
                assert admin_client.post(url, {"event_type": "x"}).status_code == 403
        assert Signal.objects.get().event_type == "view"

    def test_a_key_that_is_none_leads_back(self, admin_client):
        for model in ("signal", "rawevent", "quarantinedevent"):
            for key in ("7", "no-key-at-all", uuid4()):
                url = reverse(f"admin:analytics_{model}_change", args=[key])
                assert admin_client.get(url).status_code == 302
