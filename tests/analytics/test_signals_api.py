from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from analytics.models import Signal
from analytics.services.signal_reports import refresh_signals_by_day
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

    @pytest.mark.parametrize(
        "key",
        [str(new_id()), str(uuid4()), "1", "0" * 36],
        ids=["of now", "of another kind", "number", "zeros"],
    )
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


class TestStatistics:
    @pytest.fixture
    def counted(self, customer):
        """Two signals yesterday, counted by the hourly job, and one of today, since then."""
        yesterday = timezone.now() - timedelta(days=1)
        a_signal(customer, score="0.10", occurred_at=yesterday)
        a_signal(score="0.40", occurred_at=yesterday)
        refresh_signals_by_day()
        a_signal(customer, "email_clicked", score="0.60", occurred_at=timezone.now())

    def test_signals_are_counted_by_day_and_type(self, api, counted):
        shown = api.get("signals/stats").json()

        today = timezone.localdate()
        assert shown["signals"] == 3
        assert (shown["first_day"], shown["last_day"]) == (
            str(today - timedelta(days=29)),
            str(today),
        )
        assert [(row["event_type"], row["signals"]) for row in shown["by_type"]] == [
            ("view", 2),
            ("email_clicked", 1),
        ]
        assert shown["by_type"][1]["signal_class"] == "high_engagement"
        assert shown["by_day"][1] == {
            "day": str(today - timedelta(days=1)),
            "event_type": "view",
            "signals": 2,
            "customers": 1,
            "mean_score": 0.25,
            "max_score": 0.4,
        }
        assert shown["as_of"] is not None

    def test_days_and_type_can_be_chosen(self, api, counted):
        yesterday = timezone.localdate() - timedelta(days=1)

        one_day = api.get("signals/stats", {"first_day": yesterday, "last_day": yesterday}).json()
        one_type = api.get("signals/stats", {"event_type": "email_clicked"}).json()
        nothing = api.get("signals/stats", {"event_type": "sang_a_song"}).json()

        assert [row["event_type"] for row in one_day["by_day"]] == ["view"]
        assert one_type["signals"] == 1
        assert (nothing["signals"], nothing["by_type"], nothing["by_day"]) == (0, [], [])

    def test_a_few_queries_answer(self, api, counted, django_assert_num_queries):
        api.get("signals/stats")

        with django_assert_num_queries(5):  # token, days, today, when counted, classes
            api.get("signals/stats")

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("first_day=yesterday", "first_day"),
            ("last_day=9999-12-31", "last_day"),
            ("last_day=0001-01-05", "last_day"),
            ("first_day=2026-02-02&last_day=2026-02-01", "non_field_errors"),
            ("first_day=1990-01-01", "non_field_errors"),
            ("day=2026-01-01", "day"),
            ("event_type=" + "x" * 51, "event_type"),
        ],
    )
    def test_a_wrong_parameter_is_refused(self, api, query, name):
        response = api.get(f"signals/stats?{query}")

        assert response.status_code == 400
        assert name in errors(response)


def test_what_may_send_may_not_read(api):
    sender = api.with_scopes("signals:write", "contacts:read", "customers:read")
    signal = a_signal()

    for path in ("signals", f"signals/{signal.pk}", "signals/stats", "queue/stats", "quarantine"):
        assert sender.get(path).status_code == 403, path
