"""A scoring run on small shops with numbers worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from analytics.models import CurrentRfmScore, RfmRun, RfmScore
from analytics.selectors import rfm as selectors
from analytics.services import rfm_steps
from analytics.services.rfm import score_rfm, thin_runs
from crm_project.common.exceptions import ConflictError, CrmError, ReadOnlyError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Order
from tests.analytics.support import at, shop
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db

FIVE = {
    "A": [("2011-11-09", "10")],
    "B": [("2011-11-08", "20"), ("2011-10-01", "20")],
    "C": [("2011-11-01", "30"), ("2011-10-01", "30"), ("2011-09-01", "30")],
    "D": [("2011-10-01", "100")],
    "E": [("2011-01-01", "5")],
}
DAY = date(2011, 11, 9)


def codes():
    return {row.customer.code: row.code for row in CurrentRfmScore.objects.all()}


class TestScores:
    def test_five_customers_get_the_scores_of_the_definition(self):
        shop(FIVE)

        run = score_rfm(as_of=DAY)

        # Days 0, 1, 8, 39, 312; orders 1, 1, 1, 2, 3; money 5, 10, 40, 90, 100.
        assert run.cuts == {
            "recency_days": [0, 1, 8, 39],
            "frequency": [1, 1, 1, 2],
            "monetary": ["5.00", "10.00", "40.00", "90.00"],
        }
        assert codes() == {"A": "512", "B": "443", "C": "354", "D": "215", "E": "111"}

    def test_a_return_lowers_money_but_is_no_order(self):
        shop({"A": [("2011-11-09", "10"), ("2011-11-09", "4", "return")]})
        score_rfm(as_of=DAY)
        row = CurrentRfmScore.objects.get()
        assert (row.recency_days, row.frequency, row.monetary) == (0, 1, Decimal("6.00"))

    @pytest.mark.parametrize("status", ["cancelled", "pending"])
    def test_an_order_that_does_not_count_is_not_seen(self, status):
        shop({"A": [("2011-11-09", "10"), ("2011-11-09", "90", "sale", status)]})
        score_rfm(as_of=DAY)
        assert CurrentRfmScore.objects.get().monetary == Decimal("10.00")

    def test_customers_without_a_sale_are_prospects_without_scores(self):
        shop({**FIVE, "new": [], "only returns": [("2011-11-01", "9", "return")]})

        run = score_rfm(as_of=DAY)

        assert (run.scored, run.prospects) == (5, 2)
        assert run.segment_counts["prospects"] == 2
        found = selectors.customers_in_segment(segment="prospects")
        assert {customer.code for customer in found} == {"new", "only returns"}
        assert not hasattr(Customer.objects.get(code="new"), "rfm")

    def test_who_registered_after_the_day_is_no_prospect_of_it(self):
        shop(
            {"early": [], "late": [], "unknown": []},
            early={"registered_at": at("2011-11-09", "23:59")},
            late={"registered_at": at("2011-11-10", "00:00")},
        )

        run = score_rfm(as_of=DAY)

        assert run.prospects == run.segment_counts["prospects"] == 2
        found = selectors.customers_in_segment(segment="prospects")
        assert {customer.code for customer in found} == {"early", "unknown"}

    def test_test_merged_and_deleted_customers_are_left_out(self):
        flags = {"A": {"is_test": True}, "B": {"status": "merged"}, "C": {"status": "deleted"}}
        shop(FIVE, **flags)

        run = score_rfm(as_of=DAY)

        assert set(codes()) == {"D", "E"}
        assert (run.scored, run.prospects, run.left_out) == (2, 0, 3)

    def test_days_are_local_days(self):
        # 23:30 UTC on the 8th is 00:30 on the 9th in British summer time.
        shop({"A": [(at("2011-07-09", "00:30"), "1")], "B": [(at("2011-07-08", "23:59"), "1")]})
        score_rfm(as_of=date(2011, 7, 9))
        days = {row.customer.code: row.recency_days for row in CurrentRfmScore.objects.all()}
        assert days == {"A": 0, "B": 1}

    def test_nobody_to_score_is_a_run_with_no_rows(self):
        CustomerFactory()
        run = score_rfm()
        assert (run.status, run.scored, run.prospects) == ("succeeded", 0, 1)

    def test_a_customer_may_have_brought_back_more_than_they_bought(self):
        shop({"A": [("2011-11-01", "5"), ("2011-11-02", "8", "return")]})
        score_rfm(as_of=DAY)
        assert CurrentRfmScore.objects.get().monetary == Decimal("-3.00")

    def test_scores_cannot_be_saved(self):
        with pytest.raises(ReadOnlyError):
            CurrentRfmScore().save()


class TestSources:
    def test_totals_serve_when_nothing_later_exists(self):
        shop(FIVE)
        assert score_rfm(as_of=DAY).source == "totals"

    def test_an_earlier_day_adds_up_the_orders_before_it(self):
        shop(FIVE)

        run = score_rfm(as_of=date(2011, 10, 31))

        assert run.source == "orders"
        rows = {r.customer.code: (r.recency_days, r.frequency) for r in run_rows(run)}
        assert rows == {"B": (30, 1), "C": (30, 2), "D": (30, 1), "E": (303, 1)}

    def test_both_sources_give_the_same_scores(self):
        shop(FIVE)
        totals = score_rfm(as_of=DAY)
        orders = score_rfm(as_of=DAY, window_days=36_000)
        assert (totals.source, orders.source) == ("totals", "orders")
        assert values(totals) == values(orders)

    def test_a_window_leaves_older_orders_out(self):
        shop(FIVE)
        run = score_rfm(as_of=DAY, window_days=40)
        rows = {r.customer.code: r.frequency for r in run_rows(run)}
        assert rows == {"A": 1, "B": 2, "C": 2, "D": 1}

    def test_the_first_day_of_a_window_counts_and_the_day_before_does_not(self):
        shop({"in": [(at("2011-11-08", "00:00"), "1")], "out": [(at("2011-11-07", "23:59"), "1")]})
        run = score_rfm(as_of=DAY, window_days=2)
        assert {r.customer.code for r in run_rows(run)} == {"in"}

    def test_the_added_up_orders_leave_no_table_behind(self):
        shop(FIVE)
        score_rfm(as_of=DAY, window_days=40)
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from pg_class where relname like 'analytics_rfmvalues%'"
            )
            assert cursor.fetchone() == (0,)


class TestModes:
    def test_fixed_uses_the_default_bins(self):
        shop(FIVE)
        score_rfm(as_of=DAY, mode="fixed")
        assert codes() == {"A": "511", "B": "511", "C": "521", "D": "411", "E": "211"}

    def test_fixed_can_use_the_cuts_of_an_earlier_run(self):
        shop(FIVE)
        earlier = score_rfm(as_of=DAY)
        shop({"F": [("2011-11-09", "99999")]})

        run = score_rfm(as_of=DAY, mode="fixed", cuts_from=earlier.pk)

        assert run.cuts == earlier.cuts
        assert codes()["A"] == "512"

    def test_ntile_makes_fifths_with_five_as_the_best(self):
        shop(FIVE)
        score_rfm(as_of=DAY, mode="ntile")
        found = codes()
        assert found["A"][0] == "5"
        assert found["E"][0] == "1"
        assert found["C"][1] == "5"
        assert sorted(code[1] for code in found.values()) == ["1", "2", "3", "4", "5"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"mode": "magic"}, "There is no mode"),
            ({"window_days": 0}, "number of days"),
            ({"cuts_from": 1}, "in mode fixed only"),
            ({"mode": "fixed", "cuts_from": 999_999}, "no cut points"),
            ({"as_of": timezone.localdate() + timedelta(days=1)}, "still to come"),
        ],
    )
    def test_arguments_that_make_no_sense_are_refused_in_words(self, arguments, words):
        with pytest.raises(CrmError, match=words):
            score_rfm(**arguments)
        assert not RfmRun.objects.exists()


class TestPointer:
    def test_the_newest_run_is_current_and_the_older_stays_readable(self):
        shop(FIVE)
        older = score_rfm(as_of=date(2011, 10, 31))
        newer = score_rfm(as_of=DAY)
        assert selectors.current_run() == newer
        assert len(values(older)) == 4
        assert CurrentRfmScore.objects.count() == 5

    def test_a_snapshot_of_the_past_can_leave_the_pointer_alone(self):
        shop(FIVE)
        newer = score_rfm(as_of=DAY)
        score_rfm(as_of=date(2011, 10, 31), make_current=False)
        assert selectors.current_run() == newer

    def test_a_run_is_recorded_in_the_ledger(self):
        shop(FIVE)
        score_rfm(as_of=DAY)
        state = RefreshState.objects.get(name="rfm")
        assert (state.rows, state.error, state.as_of) == (5, "", at("2011-11-10", "00:00"))

    def test_a_failure_leaves_the_former_scores_and_says_why(self, monkeypatch):
        shop(FIVE)
        before = score_rfm(as_of=DAY)

        def break_off(*_):
            raise CrmError("The disk is full.")

        monkeypatch.setattr(rfm_steps, "count", break_off)
        with pytest.raises(CrmError):
            score_rfm(as_of=DAY)

        assert selectors.current_run() == before
        failed = RfmRun.objects.exclude(pk=before.pk).get()
        assert (failed.status, failed.error) == ("failed", "The disk is full.")
        assert RfmScore.objects.exclude(run_id=before.pk).count() == 0

    def test_a_run_that_died_is_closed_by_the_next(self):
        died = RfmRun.objects.create(as_of=DAY, time_zone="Europe/London")
        score_rfm(as_of=DAY)
        died.refresh_from_db()
        assert died.status == "failed"
        assert "interrupted" in died.error


class TestThinning:
    def test_old_runs_are_thinned_to_the_last_of_each_week(self):
        shop(FIVE)
        today = date(2012, 3, 1)
        days = [date(2012, 1, day) for day in (9, 10, 15, 16, 18)] + [date(2012, 2, 20)]
        runs = {day: score_rfm(as_of=day, refresh_views=False) for day in days}

        thinned = thin_runs(today=today)

        gone = [runs[date(2012, 1, day)].pk for day in (9, 10, 16)]
        assert sorted(thinned) == sorted(gone)
        assert thin_runs(today=today) == []
        run = RfmRun.objects.get(pk=gone[0])
        assert (run.scored, run.scores_dropped_at is not None) == (5, True)
        assert not RfmScore.objects.filter(run_id__in=gone).exists()

    def test_the_current_run_keeps_its_scores(self):
        shop(FIVE)
        current = score_rfm(as_of=date(2012, 1, 9))
        score_rfm(as_of=date(2012, 1, 10), make_current=False)
        assert thin_runs(today=date(2012, 6, 1)) == []
        assert selectors.current_run() == current


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    def test_the_second_of_two_runs_at_once_is_told_so(self, in_thread):
        shop(FIVE)
        with transaction.atomic():
            assert rfm_steps.lock()
            second = in_thread(score_rfm, as_of=DAY)
            with pytest.raises(ConflictError, match="under way"):
                second()
        assert not RfmRun.objects.exists()
        assert score_rfm(as_of=DAY).status == "succeeded"

    def test_readers_are_not_blocked_by_an_unfinished_run(self, in_thread):
        shop(FIVE)
        before = score_rfm(as_of=DAY)

        def read():
            with connection.cursor() as cursor:
                cursor.execute("set lock_timeout = '1s'")
                cursor.execute("select count(*), min(run_id) from analytics_currentrfmscore")
                return cursor.fetchone()

        class StopError(Exception):
            pass

        seen = []

        def look(done, total, words):
            if words == "Counting":  # the partition is attached, nothing is committed
                seen.append(in_thread(read)())
                raise StopError

        with pytest.raises(StopError):
            score_rfm(as_of=DAY, progress=look)

        assert seen == [(5, before.pk)]

    def test_a_run_whose_connection_is_cut_leaves_the_former_scores(self, in_thread):
        shop(FIVE)
        before = score_rfm(as_of=DAY)

        def cut(done, total, words):
            if words == "Counting":
                with connection.cursor() as cursor:
                    cursor.execute("select pg_terminate_backend(pg_backend_pid())")

        with pytest.raises((OperationalError, InterfaceError)):
            in_thread(score_rfm, as_of=DAY, progress=cut)()

        assert selectors.current_run() == before
        died = RfmRun.objects.exclude(pk=before.pk).get()
        assert not RfmScore.objects.filter(run_id=died.pk).exists()
        assert score_rfm(as_of=DAY).is_current
        died.refresh_from_db()
        assert died.status == "failed"

    def test_thinning_gives_up_soon_when_a_reader_is_in_the_way(self, in_thread):
        shop(FIVE)
        old = score_rfm(as_of=date(2012, 1, 9), refresh_views=False)
        score_rfm(as_of=date(2012, 1, 10), refresh_views=False)
        with transaction.atomic():
            assert len(values(old)) == 5
            assert in_thread(thin_runs, today=date(2012, 6, 1))() == []
        assert thin_runs(today=date(2012, 6, 1)) == [old.pk]


def test_a_late_order_is_in_the_next_run():
    people = shop(FIVE)
    score_rfm(as_of=DAY)
    Order.objects.create(
        source="test",
        number="late",
        customer=people["E"],
        ordered_at=at("2011-11-09"),
        currency="GBP",
        net_amount=500,
        gross_amount=500,
    )
    score_rfm(as_of=DAY)
    assert CurrentRfmScore.objects.get(customer=people["E"]).code == "535"


def run_rows(run):
    return RfmScore.objects.filter(run_id=run.pk).select_related("customer")


def values(run):
    return {
        row.customer_id: (row.recency_days, row.frequency, row.monetary, row.code, row.segment_id)
        for row in RfmScore.objects.filter(run_id=run.pk)
    }
