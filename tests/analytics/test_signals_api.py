from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from analytics.models import Signal
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory, ProductFactory
from tests.signals import a_signal, at, new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return CustomerFactory(code="C1")


class TestList:
    def test_it_is_paged_by_position_and_newest_first(self, api, customer):
        now = timezone.now()
        made = [
            str(a_signal(customer, occurred_at=now - timedelta(days=days)).pk)
            for days in (3, 1, 40, 1, 5)
        ]

        for query in ("signals?limit=2", "signals?limit=2&brief=true"):
            seen, path = [], query
            while path:
                page = api.get(path).json()
                assert page["count"] is None
                seen += [row["id"] for row in page["results"]]
                path = (page["next"] or "").partition("/api/v1/")[2]
            assert seen == [made[place] for place in (3, 1, 0, 4, 2)]

    def test_a_cursor_leads_back_as_well(self, api, customer):
        for _ in range(5):
            a_signal(customer)
        first = api.get("signals?limit=2").json()
        second = api.get(first["next"].partition("/api/v1/")[2]).json()

        back = api.get(second["previous"].partition("/api/v1/")[2]).json()

        assert back["results"] == first["results"]

    def test_the_number_of_queries_does_not_depend_on_the_rows(
        self, api, customer, django_assert_num_queries
    ):
        product = ProductFactory()
        for _ in range(20):
            a_signal(customer, product=product)
        api.get("signals")

        with django_assert_num_queries(2):  # token, signals with customer, product and class
            assert len(api.get("signals").json()["results"]) == 20

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"customer": "C1"}, ["a"]),
            ({"customer": "OLD"}, ["a"]),
            ({"customer": "somebody"}, ["b"]),
            ({"customer": "nobody"}, []),
            ({"event_type": "email_clicked"}, ["b"]),
            ({"signal_class": "high_engagement"}, ["b"]),
            ({"signal_class": "intent"}, []),
            ({"product": "P1"}, ["a"]),
            ({"product": "P9"}, []),
            ({"source": "mailer"}, ["b"]),
            ({"score_min": "0.6"}, ["b"]),
            ({"score_max": "0.59"}, ["a"]),
            ({"historical": "true"}, ["b"]),
            ({"resolved": "true"}, ["a"]),
            ({"resolved": "false"}, ["b"]),
            ({"occurred_after": "2026-11-02T00:00:00Z"}, ["b"]),
            ({"occurred_before": "2026-11-02T00:00:00Z"}, ["a"]),
            ({"ordering": "occurred_at"}, ["a", "b"]),
            ({"ordering": "-id"}, ["b", "a"]),
        ],
    )
    def test_it_filters_and_orders(self, api, customer, query, found):
        CustomerAliasFactory(code="OLD", customer=customer)
        a_signal(
            customer,
            message_id="a",
            product=ProductFactory(key="P1"),
            occurred_at=at("2026-11-01"),
        )
        a_signal(
            event_type="email_clicked",
            message_id="b",
            source="mailer",
            score="0.60",
            historical=True,
            occurred_at=at("2026-11-02"),
        )

        rows = api.get("signals", query).json()["results"]

        assert [row["message_id"] for row in rows] == found

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("colour=red", "colour"),
            ("signal_class=loud", "signal_class"),
            ("score_min=high", "score_min"),
            ("resolved=perhaps", "resolved"),
            ("occurred_after=today", "occurred_after"),
            ("ordering=score", "ordering"),
            ("fields=search", "fields"),
            ("cursor=WyJuIixbIi1vY2N1cnJlZF9hdCIsIi1pZCJdLFt7InQiOiJ4In0sMV1d", "cursor"),
            ("customer=%00", "customer"),
        ],
    )
    def test_a_wrong_parameter_is_refused_by_name(self, api, query, name):
        response = api.get(f"signals?{query}")

        assert response.status_code == 400
        assert name in errors(response)


class TestRetrieve:
    def test_it_shows_all_that_is_known(self, api, customer):
        signal = a_signal(
            customer,
            "email_clicked",
            score="0.75",
            product_ref="gone",
            signal_data={"metadata": {"interactionCount": 4}},
        )

        shown = api.get(f"signals/{signal.pk}").json()

        assert shown["signal_data"] == {"metadata": {"interactionCount": 4}}
        assert {name: shown[name] for name in ("score", "signal_class", "customer", "product")} == {
            "score": 0.75,
            "signal_class": "high_engagement",
            "customer": "C1",
            "product": None,
        }
        assert "search" not in shown

    def test_a_type_that_is_not_listed_has_no_class(self, api):
        signal = a_signal(event_type="sang_a_song")

        assert api.get(f"signals/{signal.pk}").json()["signal_class"] == ""

    def test_one_query_finds_it(self, api, customer, django_assert_num_queries):
        path = f"signals/{a_signal(customer).pk}"
        api.get(path)

        with django_assert_num_queries(2):  # token, signal
            assert api.get(path).status_code == 200

    @pytest.mark.parametrize("key", [str(new_id()), str(uuid4()), "1", "0" * 36])
    def test_an_unknown_signal_is_404(self, api, key):
        assert api.get(f"signals/{key}").status_code == 404

    def test_an_unchanged_version_is_304(self, api, customer):
        path = f"signals/{a_signal(customer).pk}"

        assert api.get(path, If_None_Match=api.get(path)["ETag"]).status_code == 304

    def test_signals_are_neither_changed_nor_deleted(self, api, customer):
        path = f"signals/{a_signal(customer).pk}"

        assert api.patch(path, {"score": 1}).status_code == 405
        assert api.delete(path).status_code == 405
        assert Signal.objects.count() == 1


def test_what_may_send_may_not_read(api):
    sender = api.with_scopes("signals:write", "contacts:read", "customers:read")
    signal = a_signal()

    for path in ("signals", f"signals/{signal.pk}", "queue/stats", "quarantine"):
        assert sender.get(path).status_code == 403, path
