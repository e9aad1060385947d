"""A run of predictions on made shops: what is stored, what is refused, what stays as it was."""

from contextlib import contextmanager
from datetime import date, timedelta

import numpy as np
import pytest
from django.db import OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import CurrentCustomerMetrics, CustomerMetrics, MetricsRun
from analytics.services import metrics_steps
from analytics.services.metrics import preview_metrics, score_metrics, thin_metrics
from analytics.services.rfm import score_rfm
from crm_project.common.exceptions import ConflictError, CrmError, ReadOnlyError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Order
from tests.analytics.made_shop import DAY, fill, rows_of
from tests.analytics.support import at, shop

pytestmark = pytest.mark.django_db


class TestNumbers:
    def test_every_customer_with_a_sale_gets_numbers_between_their_bounds(self):
        fill(600)

        run = score_metrics(as_of=DAY)

        rows = CurrentCustomerMetrics.objects.all()
        assert run.status == "succeeded"
        assert run.is_current
        assert run.quality == "good"
        assert run.predicted == run.scored == len(rows) > 500
        assert {row.model for row in rows} == {run.model}
        for row in rows:
            assert 0 < row.purchase_probability_30d <= row.purchase_probability_90d < 1
            assert row.churn_probability == pytest.approx(
                1 - row.purchase_probability_90d, abs=2e-6
            )
            assert row.expected_orders_90d >= row.purchase_probability_90d - 1e-6
            assert row.ltv >= 0
            assert row.quality_flag in ("ok", "one_order", "no_value")

    def test_what_was_spent_agrees_with_the_rfm_run(self):
        fill(300)
        score_metrics(as_of=DAY)
        rfm = score_rfm(as_of=DAY)
        money = {
            row.customer_id: row.historic_value for row in CurrentCustomerMetrics.objects.all()
        }
        assert money == dict(rfm.scores.values_list("customer_id", "monetary"))

    def test_the_back_test_compares_models_with_plain_scores(self):
        fill(600)

        run = score_metrics(as_of=DAY)

        short, long = run.back_test["horizons"]
        assert (short["days"], long["days"]) == (30, 90)
        assert len(short["origins"]) >= 3
        by_name = {model["model"]: model for model in short["models"]}
        assert {"recency", "frequency", "money", "score_sum"} <= by_name.keys()
        chosen = by_name[short["chosen"]]
        best = max(m["mean"]["auc"] for m in by_name.values() if m["kind"] == "baseline")
        assert chosen["mean"]["auc"] >= best
        assert chosen["mean"]["log_loss"] < chosen["mean"]["log_loss_of_rate"]
        last = chosen["origins"][0]
        assert last["auc_low"] < last["auc"] < last["auc_high"]
        assert sum(one["customers"] for one in last["bins"]) == last["customers"]
        assert run.back_test["money"]["origins"]

    def test_bands_follow_the_rate_of_the_shop(self):
        fill(600)
        run = score_metrics(as_of=DAY)
        bands = run.bands
        assert bands["low_to"] < bands["base_rate"] < bands["high_from"]
        assert sum(bands["counts"].values()) == run.predicted
        for row in CurrentCustomerMetrics.objects.filter(churn_band="high"):
            assert row.churn_probability >= bands["high_from"] - 1e-6

    def test_test_merged_and_deleted_customers_are_left_out(self):
        codes = fill(300)
        Customer.objects.filter(code=codes[0]).update(is_test=True)
        Customer.objects.filter(code=codes[1]).update(status="merged")
        run = score_metrics(as_of=DAY)
        assert run.left_out == 2
        seen = CurrentCustomerMetrics.objects.filter(customer__code__in=codes[:2])
        assert not seen.exists()

    def test_rows_cannot_be_saved(self):
        with pytest.raises(ReadOnlyError):
            CurrentCustomerMetrics().save()


class TestTooLittle:
    def test_a_shop_without_orders_has_a_run_that_says_so(self):
        run = score_metrics(as_of=DAY)
        assert (run.status, run.quality, run.scored, run.predicted) == ("succeeded", "none", 0, 0)
        assert "There is no customer with an order." in run.words

    def test_few_customers_get_no_numbers_but_a_reason(self):
        shop({"A": [("2011-01-03", "10"), ("2011-11-01", "5", "return")], "B": [(at(DAY), "20")]})

        run = score_metrics(as_of=DAY)

        row = CurrentCustomerMetrics.objects.get(customer__code="A")
        assert row.historic_value == 5
        values = (row.ltv, row.churn_probability, row.purchase_probability_30d, row.expected_value)
        assert values == (None, None, None, None)
        assert (row.churn_band, row.model, row.quality_flag) == ("", "", "none")
        assert row.reason
        assert "There are 2 customers with orders; predictions need 100." in run.words

    def test_a_small_shop_is_predicted_with_a_warning(self):
        fill(160)
        run = score_metrics(as_of=DAY)
        assert run.quality == "small"
        assert "below 500 the numbers are uncertain" in run.words[0]
        assert set(run.rows.values_list("quality_flag", flat=True)) == {"small_shop"}

    def test_a_shop_asleep_is_not_predicted(self):
        fill(300)
        run = score_metrics(as_of=DAY + timedelta(days=200))
        assert run.predicted == 0
        assert any("days old" in sentence for sentence in run.words)

    def test_where_nobody_leaves_the_fit_is_told_to_be_of_no_use_and_not_used(self):
        fill(400, leaving=False)

        run = score_metrics(as_of=DAY)

        assert run.convergence["mbg"]["degenerate"]
        assert any("MBG/NBD is of no use here" in sentence for sentence in run.words)
        assert run.value_model == "table"
        assert "mbg" not in (run.model, run.churn_model)
        chances = run.rows.values_list("churn_probability", flat=True)
        assert all(0 < chance < 1 for chance in chances)


class TestNothingLater:
    @settings(
        max_examples=6,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        later=st.lists(
            st.tuples(
                st.integers(0, 250),
                st.integers(1, 300),
                st.sampled_from(["sale", "return"]),
                st.integers(1, 9_999),
            ),
            min_size=1,
            max_size=40,
        )
    )
    def test_no_row_after_the_day_changes_any_number(self, later):
        with transaction.atomic():
            codes = fill(250)
            before = score_metrics(as_of=DAY)
            rows = [
                (codes[who % len(codes)], DAY + timedelta(days=days), amount, kind)
                for who, days, kind, amount in later
            ]
            shop({"newcomer": [(at(DAY + timedelta(days=1)), "50")]})
            add_orders(rows)

            after = score_metrics(as_of=DAY)

            assert after.fingerprint == before.fingerprint
            assert after.back_test == before.back_test
            assert rows_of(after) == rows_of(before)
            transaction.set_rollback(True)

    def test_the_day_ends_at_local_midnight(self):
        shop(
            {
                "in": [(at("2011-07-09", "23:59"), "1")],
                "out": [(at("2011-07-10", "00:30"), "1")],
            }
        )
        score_metrics(as_of=date(2011, 7, 9))
        seen = CurrentCustomerMetrics.objects.values_list("customer__code", flat=True)
        assert set(seen) == {"in"}


def add_orders(rows):
    """Write orders (code, day, amount, kind) of customers that are there."""
    ids = dict(Customer.objects.values_list("code", "pk"))
    Order.objects.bulk_create(
        Order(
            source="later",
            number=str(place),
            customer_id=ids[code],
            ordered_at=at(day),
            net_amount=amount,
            gross_amount=amount,
            currency="GBP",
            kind=kind,
        )
        for place, (code, day, amount, kind) in enumerate(rows)
    )


class TestRuns:
    def test_running_again_gives_the_same_numbers(self):
        fill(300)
        first, second = score_metrics(as_of=DAY), score_metrics(as_of=DAY)
        assert first.fingerprint == second.fingerprint
        assert rows_of(first) == rows_of(second)
        assert list(MetricsRun.objects.filter(is_current=True)) == [second]

    def test_a_run_of_the_past_leaves_what_people_see(self):
        fill(300)
        current = score_metrics(as_of=DAY)
        score_metrics(as_of=DAY - timedelta(days=30), make_current=False)
        assert MetricsRun.objects.get(is_current=True) == current
        assert set(CurrentCustomerMetrics.objects.values_list("run_id", flat=True)) == {current.pk}
        assert CustomerMetrics.objects.values("run_id").distinct().count() == 2

    def test_a_day_before_the_current_one_becomes_current_only_when_asked(self):
        fill(300)
        current, day = score_metrics(as_of=DAY), DAY - timedelta(days=30)
        assert not score_metrics(as_of=day).is_current
        assert MetricsRun.objects.get(is_current=True) == current
        asked = score_metrics(as_of=day, make_current=True)
        assert MetricsRun.objects.get(is_current=True) == asked

    def test_money_that_cannot_be_predicted_is_null_with_its_own_reason(self):
        fill(300)
        Order.objects.update(net_amount=0, gross_amount=0)

        run = score_metrics(as_of=DAY)

        assert any(words.startswith("No money is predicted") for words in run.words)
        rows = list(CurrentCustomerMetrics.objects.all())
        assert {(row.ltv, row.expected_value, row.expected_order_value) for row in rows} == {
            (None, None, None)
        }
        assert all(0 < row.purchase_probability_30d < 1 for row in rows)
        assert {row.reason for row in rows} == {"No money is predicted; the run says why."}

    def test_a_preview_stores_nothing(self):
        fill(300)
        run = preview_metrics(as_of=DAY)
        assert run.pk is None
        assert run.predicted == run.scored > 0
        assert not MetricsRun.objects.exists()

    def test_a_day_to_come_is_refused(self):
        with pytest.raises(CrmError, match="still to come"):
            score_metrics(as_of=date(2999, 1, 1))

    def test_a_failure_on_the_way_leaves_the_old_numbers_and_says_why(self, monkeypatch):
        fill(300)
        old = score_metrics(as_of=DAY)

        def broken(*args):
            raise OperationalError("the connection was lost")

        monkeypatch.setattr(metrics_steps, "write", broken)
        with pytest.raises(OperationalError), transaction.atomic():
            score_metrics(as_of=DAY)

        assert MetricsRun.objects.get(is_current=True) == old
        assert set(CurrentCustomerMetrics.objects.values_list("run_id", flat=True)) == {old.pk}

    def test_the_step_is_in_the_ledger(self):
        fill(300)
        run = score_metrics(as_of=DAY)
        state = RefreshState.objects.get(name="metrics")
        assert (state.rows, state.error) == (run.scored, "")

    def test_old_runs_are_thinned_and_keep_their_back_test(self):
        fill(300)
        old, kept = (score_metrics(as_of=DAY - timedelta(days=back)) for back in (1, 0))
        score_metrics(as_of=DAY)

        assert thin_metrics(today=date(2012, 6, 1)) == [kept.pk, old.pk]

        old.refresh_from_db()
        assert old.rows_dropped_at
        assert old.back_test["horizons"]
        assert not CustomerMetrics.objects.filter(run_id=old.pk).exists()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_the_second_is_refused_and_leaves_no_trace(self):
        fill(120)
        with another_connection() as other, other.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", [metrics_steps._LOCK])
            with pytest.raises(ConflictError, match="already"):
                score_metrics(as_of=DAY)
        assert not MetricsRun.objects.exists()
        # Nor does the number count as failing while the other run computes it.
        assert not RefreshState.objects.exists()
        assert score_metrics(as_of=DAY).status == "succeeded"

    def test_a_run_whose_process_was_killed_is_set_right_by_the_next(self):
        fill(300)
        old = score_metrics(as_of=DAY)
        dead = MetricsRun.objects.create(as_of=DAY, time_zone="Europe/London")
        with another_connection() as other:
            # What a killed process had written when the server noticed that it was gone.
            other.set_autocommit(False)
            with other.cursor() as cursor:
                cursor.execute("select crm_private.metrics_open(%s)", [dead.pk])
                cursor.execute(
                    "update analytics_metricsrun set is_current = false where id = %s", [old.pk]
                )
            assert CurrentCustomerMetrics.objects.filter(run_id=old.pk).exists()
            other.rollback()
            other.set_autocommit(True)
        assert CurrentCustomerMetrics.objects.filter(run_id=old.pk).exists()

        score_metrics(as_of=DAY)

        dead.refresh_from_db()
        assert (dead.status, dead.error) == (
            "failed",
            "It was interrupted; nothing of it remained.",
        )
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_class where relname like '%metricsvalues%'")
            assert cursor.fetchone() == (0,)


@contextmanager
def another_connection():
    """Give a second connection to the test database, closed at the end of the block."""
    other = connection.copy()
    try:
        yield other
    finally:
        other.close()


def test_seed_003_reads_its_names():
    fill(300)
    score_rfm(as_of=DAY)
    run = score_metrics(as_of=DAY)
    with connection.cursor() as cursor:
        cursor.execute(
            "select user_id, segment_id, ltv, churn_probability, purchase_probability_30d,"
            " last_updated from crm.user_metrics"
        )
        rows = cursor.fetchall()
    assert len(rows) == run.scored
    assert all(row[1] is not None and 0 <= row[3] <= 1 for row in rows)
    assert {row[5] for row in rows} == {run.finished_at}


def test_numbers_are_the_same_on_one_and_on_many_threads():
    values = np.random.default_rng(1).random(1000)
    assert (metrics_steps.rounded(values) == metrics_steps.rounded(values + 1e-12)).all()
