"""Counts by day, scores of interest and their reports, against numbers worked out by hand."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import tasks
from analytics.models import CustomerSignalsByDay, SearchWord, Signal, SignalsByDay, SignalScore
from analytics.scoring import signal_scores as rules
from analytics.selectors.signal_scores import live_score, most_interested, stored_score
from analytics.selectors.signal_statistics import customer_summary, signals_by_day
from analytics.services.signal_reports import (
    gather_search_words,
    refresh_signal_reports,
    refresh_signals_by_day,
    score_signals,
)
from crm_project.common.exceptions import CrmError
from crm_project.common.models import RefreshState
from tests.analytics.support import at
from tests.factories import CustomerAliasFactory, CustomerFactory, ProductFactory
from tests.signals import a_signal

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def days_ago(days):
    return NOW - timedelta(days=days)


@pytest.fixture
def customer():
    return CustomerFactory(code="C1")


class TestScore:
    def test_signals_fade_by_half_in_thirty_days(self, customer):
        a_signal(customer, score="0.80", occurred_at=days_ago(30))
        a_signal(customer, score="0.50", occurred_at=days_ago(0))

        score_signals(as_of=NOW)

        # 1 - (1 - 0.4)(1 - 0.5)
        assert stored_score(customer).score == Decimal("0.7000")
        assert live_score(customer, as_of=NOW).score == Decimal("0.7000")

    def test_what_we_did_does_not_count(self, customer):
        a_signal(customer, "email_sent", score="1.00", occurred_at=days_ago(1))
        a_signal(customer, "call_made", score="1.00", occurred_at=days_ago(1))

        score_signals(as_of=NOW)
        live = live_score(customer, as_of=NOW)

        assert stored_score(customer) is None
        assert (live.score, live.signals_90d, live.last_signal_at) == (0, 0, None)

    def test_history_counts_and_the_future_does_not(self, customer):
        a_signal(customer, score="0.40", occurred_at=days_ago(60), historical=True)
        a_signal(customer, score="0.90", occurred_at=days_ago(-1))
        score_signals(as_of=NOW)
        assert stored_score(customer).score == Decimal("0.1000")

    def test_intent_is_the_highest_of_two_weeks(self, customer):
        a_signal(customer, "demo_completed", score="0.90", occurred_at=days_ago(15))
        a_signal(customer, "meeting_booked", score="0.80", occurred_at=days_ago(13))
        a_signal(customer, "email_clicked", score="0.95", occurred_at=days_ago(2))

        score_signals(as_of=NOW)
        live = live_score(customer, as_of=NOW)

        assert stored_score(customer).intent == live.intent == Decimal("0.80")
        assert live.strong_intent
        assert [part.event_type for part in live.reasons] == [
            "email_clicked",
            "demo_completed",
            "meeting_booked",
        ]

    def test_nothing_is_more_than_one(self, customer):
        for _ in range(3):
            a_signal(customer, score="1.00", occurred_at=NOW)
        score_signals(as_of=NOW)
        assert stored_score(customer).score == live_score(customer, as_of=NOW).score == 1

    def test_who_has_nothing_left_that_counts_is_removed(self, customer):
        a_signal(customer, occurred_at=days_ago(1000))
        score_signals(as_of=days_ago(300))
        assert SignalScore.objects.count() == 1
        score_signals(as_of=NOW)
        assert SignalScore.objects.count() == 0

    def test_the_most_interested_come_first(self, customer):
        other = CustomerFactory()
        a_signal(customer, score="0.30", occurred_at=NOW)
        a_signal(other, score="0.60", occurred_at=NOW)
        score_signals(as_of=NOW)
        assert [row.customer for row in most_interested()] == [other, customer]

    def test_a_dry_run_keeps_nothing(self, customer):
        a_signal(customer, occurred_at=NOW)
        assert score_signals(as_of=NOW, dry_run=True).scored == 1
        assert not SignalScore.objects.exists()
        assert not RefreshState.objects.exists()

    def test_the_future_is_refused(self):
        with pytest.raises(CrmError, match="still to come"):
            score_signals(as_of=timezone.now() + timedelta(hours=1))

    @given(
        signals=st.lists(
            st.tuples(st.decimals(0, 1, places=2), st.integers(0, 1000 * 86400), st.integers(0, 2)),
            max_size=8,
        )
    )
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_one_at_a_time_and_all_at_once_agree(self, db, signals):
        Signal.objects.all().delete()
        customer = CustomerFactory()
        for score, seconds, kind in signals:
            a_signal(
                customer,
                ("view", "meeting_booked", "email_sent")[kind],
                score=score,
                occurred_at=NOW - timedelta(seconds=seconds),
            )
        score_signals(as_of=NOW)
        stored, live = stored_score(customer), live_score(customer, as_of=NOW)
        if stored is None:
            assert (live.score, live.last_signal_at) == (0, None)
            return
        assert abs(stored.score - live.score) <= Decimal("0.0001")
        assert (stored.intent, stored.last_signal_at, stored.signals_90d) == (
            live.intent,
            live.last_signal_at,
            live.signals_90d,
        )

    def test_the_live_score_reads_a_bounded_number_of_rows_in_two_queries(
        self, customer, django_assert_num_queries
    ):
        a_signal(customer)
        with django_assert_num_queries(2):
            assert live_score(customer).signals_90d == 1


def counts(**where):
    rows = SignalsByDay.objects.filter(**where).order_by("day", "event_type")
    return [(str(row.day), row.event_type, row.signals, row.customers) for row in rows]


class TestCounting:
    def test_days_are_those_of_the_business(self, customer):
        a_signal(customer, "view", score="0.10", occurred_at=at("2011-07-09", "00:30"))
        a_signal(customer, "view", score="0.40", occurred_at=at("2011-07-09", "23:30"))
        a_signal(None, "view", score="0.40", occurred_at=at("2011-07-09", "12:00"))
        a_signal(customer, "purchase", occurred_at=at("2011-07-10", "00:00"))

        refresh_signals_by_day()

        assert counts() == [("2011-07-09", "view", 3, 1), ("2011-07-10", "purchase", 1, 1)]
        row = SignalsByDay.objects.get(event_type="view")
        assert (row.mean_score, row.max_score) == (Decimal("0.3000"), Decimal("0.40"))

    def test_only_days_of_new_signals_are_counted_again(self, customer):
        a_signal(customer, occurred_at=at("2011-07-09"))
        a_signal(customer, occurred_at=at("2011-07-10"))
        refresh_signals_by_day()
        age_everything()
        SignalsByDay.objects.filter(day="2011-07-09").update(signals=99)
        late = a_signal(customer, occurred_at=at("2011-07-10"))

        counted = refresh_signals_by_day()

        assert counted.since is not None
        assert counts() == [("2011-07-09", "view", 99, 1), ("2011-07-10", "view", 2, 1)]
        assert (counted.days, counted.customer_days) == (1, 1)
        assert late.customer == customer

    def test_counting_twice_changes_nothing(self, customer):
        a_signal(customer, occurred_at=at("2011-07-09"))
        for _ in range(2):
            refresh_signals_by_day()
        assert counts() == [("2011-07-09", "view", 1, 1)]
        assert CustomerSignalsByDay.objects.count() == 1

    def test_what_retention_dropped_stays_counted_until_everything_is_counted_anew(self, customer):
        a_signal(customer, occurred_at=at("2011-07-09"))
        refresh_signals_by_day()
        Signal.objects.all().delete()
        refresh_signals_by_day()
        assert len(counts()) == 1
        refresh_signals_by_day(everything=True)
        assert (counts(), CustomerSignalsByDay.objects.count()) == ([], 0)

    def test_signals_linked_later_are_in_the_summary_of_their_customer(self):
        a_signal(None, customer_ref="late", occurred_at=at("2011-07-09"))
        a_signal(None, customer_ref="old", occurred_at=at("2011-07-10"))
        refresh_signals_by_day()
        age_everything()
        customer = CustomerFactory(code="late")
        refresh_signals_by_day()
        assert [row.day for row in CustomerSignalsByDay.objects.all()] == [date(2011, 7, 9)]
        CustomerAliasFactory(code="old", customer=customer)

        refresh_signals_by_day()

        (summary,) = customer_summary(customer)
        assert (summary.event_type, summary.signals) == ("view", 2)
        assert summary.last_day == date(2011, 7, 10)


def age_everything():
    """Let all that was stored so far be older than the overlap of two countings."""
    with connection.cursor() as cursor:
        cursor.execute("update analytics_signal set created_at = created_at - interval '1 hour'")
        cursor.execute("update customers_customer set created_at = created_at - interval '1 hour'")


class TestStatistics:
    def test_earlier_days_are_read_and_today_is_counted_now(self, customer):
        today = timezone.localdate()
        yesterday = today - timedelta(days=1)
        a_signal(customer, occurred_at=at(yesterday))
        refresh_signals_by_day()
        a_signal(customer, "purchase", score="0.40", occurred_at=at(today, "00:00"))

        found = signals_by_day()

        assert [(day.day, day.event_type, day.signals) for day in found.days] == [
            (today, "purchase", 1),
            (yesterday, "view", 1),
        ]
        assert (found.total, found.days[0].mean_score) == (2, Decimal("0.4000"))
        assert found.as_of is not None
        assert signals_by_day(event_types=["view"]).total == 1
        assert signals_by_day(last=yesterday).total == 1
        assert signals_by_day(first=today).total == 1

    @pytest.mark.parametrize(
        ("first", "last", "words"),
        [
            (date(2011, 2, 2), date(2011, 2, 1), "ends before"),
            (date(2001, 2, 2), date(2011, 2, 1), "at most"),
        ],
    )
    def test_periods_without_sense_are_refused(self, first, last, words):
        with pytest.raises(CrmError, match=words):
            signals_by_day(first=first, last=last)


class TestWords:
    def test_words_of_all_kinds_are_gathered_with_how_common_they_are(self, customer):
        CustomerFactory(name="Ada Lovelace", email="secret@example.org")
        ProductFactory(label="Ada mug 12cm")
        a_signal(signal_data={"title": "Mug x9"})
        a_signal(signal_data={"title": "mug"})

        gather_search_words()

        found = {
            word.word: (word.customers, word.products, word.signals)
            for word in SearchWord.objects.filter(word__in=["ada", "mug", "secret", "lovelace"])
        }
        assert found == {"ada": (1, 1, 0), "mug": (0, 1, 2), "lovelace": (1, 0, 0)}

    def test_words_of_who_is_gone_go(self, customer):
        ada = CustomerFactory(name="Ada Lovelace")
        gather_search_words()
        ada.name = "Nobody"
        ada.save()
        gather_search_words()
        assert not SearchWord.objects.filter(word="lovelace").exists()

    def test_words_of_removed_signals_go_when_everything_is_gathered(self):
        a_signal(signal_data={"title": "needle"})
        gather_search_words()
        Signal.objects.all().delete()
        gather_search_words()
        assert SearchWord.objects.filter(word="needle").exists()
        gather_search_words(everything=True)
        assert not SearchWord.objects.filter(word="needle").exists()


class TestCommand:
    def run(self, *arguments):
        out = StringIO()
        call_command("score_signals", *arguments, stdout=out)
        return out.getvalue()

    def test_it_brings_everything_up_to_date_and_says_so(self, customer):
        a_signal(customer)
        assert self.run().startswith("1 customers with signals as of")
        assert SignalScore.objects.count() == SignalsByDay.objects.count() == 1

    def test_it_speaks_json(self, customer):
        a_signal(customer)
        facts = json.loads(self.run("--json", "--everything"))
        assert (facts["scored"]["scored"], facts["counted"]["days"]) == (1, 1)

    def test_a_dry_run_keeps_nothing(self, customer):
        a_signal(customer)
        assert "Nothing was kept" in self.run("--dry-run")
        assert refresh_signal_reports(dry_run=True).counted is None
        assert not SignalScore.objects.exists()

    @pytest.mark.parametrize("moment", ["soon", "2999-01-01"])
    def test_moments_without_sense_are_refused(self, moment):
        with pytest.raises(CommandError):
            self.run("--as-of", moment)


def test_the_rules_agree_with_the_written_formula():
    assert rules.account_score([(0.8, 30), (0.5, 0)]) == 0.7
    assert rules.account_score([(1.0, 0)]) == 1.0


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("select 1 from analytics_signal where created_at > now()", "created_at_idx"),
        (
            "select 1 from analytics_signal where customer_id = 1"
            " and occurred_at > now() order by occurred_at desc limit 5",
            "customer_id_occurred_at_idx",
        ),
    ],
)
def test_the_indexes_fit_the_questions(statement, index, customer):
    a_signal(customer)
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(f"explain {statement}")
        assert index in str(cursor.fetchall())


def test_the_schedules_tasks_do_their_work(customer):
    a_signal(customer, signal_data={"title": "needle"})
    tasks.score_signals_nightly()
    tasks.count_signals()
    tasks.gather_search_words()
    assert SignalScore.objects.count() == SignalsByDay.objects.count() == 1
    assert SearchWord.objects.filter(word="needle").exists()
    assert set(RefreshState.objects.values_list("name", flat=True)) == {
        "signal scores",
        "signals by day",
        "search words",
    }
