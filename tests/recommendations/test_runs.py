"""A run of recommendations: its rows, its hash, its pointer, and what it leaves alone."""

import threading
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from analytics.services.rfm import score_rfm
from analytics.services.signal_store import store
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import JobStoppedError
from crm_project.common.models import RefreshState
from customers.models import Consent, Customer, CustomerAlias
from customers.services.blocks import block
from orders.services.catalogue import refresh_popularity
from recommendations.models import BacktestRun, RecoConfig, RecoExclusion, RecoItem, RecoRun
from recommendations.scoring import engine
from recommendations.scoring.settings import RecoSettings
from recommendations.selectors.run_plan import plan_of
from recommendations.services.configs import active_config, create_config
from recommendations.services.run_thinning import thin_recommendations
from recommendations.services.run_writing import _LOCK
from recommendations.services.runs import RunStoppedError, preview, recommend
from tests.analytics.signals import envelope
from tests.factories import ContactEventFactory, UserFactory
from tests.recommendations.run_shop import (
    DAY,
    everybody_may_be_contacted,
    said,
    sell,
    small_shop,
)

pytestmark = pytest.mark.django_db


class TestRows:
    def test_every_customer_has_a_list_or_a_reason_and_the_run_counts_them(self):
        people, _ = small_shop()
        Customer.objects.create(code="T1", is_test=True, registered_at=timezone.now())
        everybody_may_be_contacted()

        run = recommend(as_of=DAY, user=UserFactory())

        items, exclusions = said(run)
        offered = {row[0] for row in items}
        left = {row[0] for row in exclusions if row[1] == "offer"}
        assert offered | left == {person.pk for person in people}
        assert not offered & left
        counts = run.counts
        assert (counts["customers"], counts["lists"]) == (len(people), len(offered))
        assert counts["items"] == len(items) == sum(counts["by_scenario"].values())
        assert sum(counts["by_slot"].values()) == len(items)
        assert sum(counts["by_exclusion"].values()) == len(left)
        assert (run.status, run.is_current, run.as_of) == ("succeeded", True, DAY)
        assert run.config == RecoConfig.objects.get(status="active")
        assert run.data_version["customers"] == len(people)
        assert run.code_version.startswith("scoring-")
        assert {"quality", "read", "recommend", "write", "publish"} <= set(run.timings)
        assert RefreshState.objects.get(name="recommendations").rows == len(items)

    def test_ids_hold_the_run_and_stand_in_the_order_of_customers_and_ranks(self):
        small_shop()
        run = recommend(as_of=DAY)

        rows = list(RecoItem.objects.filter(run=run).order_by("id"))

        assert [row.id for row in rows] == [(run.pk << 32) + n for n in range(len(rows))]
        assert [(row.customer_id, row.rank) for row in rows] == sorted(
            (row.customer_id, row.rank) for row in rows
        )
        assert all(row.status == "pending" and row.reasons["scenario"] for row in rows)

    def test_who_may_not_be_contacted_is_recommended_to_and_marked_with_the_evidence(self):
        people, _ = small_shop()
        everybody_may_be_contacted()
        old, fresh = people[20], people[30]
        ContactEventFactory(customer=old, occurred_at=at_noon(135))
        ContactEventFactory(customer=fresh, occurred_at=at_noon(134))
        Customer.objects.filter(pk=people[31].pk).update(is_optout=True)

        run = recommend(as_of=DAY)

        rows = RecoExclusion.objects.filter(run=run, stage="contact")
        found = {row.customer_id: row for row in rows}
        assert old.pk not in found
        assert found[fresh.pk].code == "SILENCE"
        assert found[fresh.pk].details["evidence"]["days_since_contact"] == 134
        assert found[fresh.pk].details["next_allowed_at"].startswith(f"{DAY + timedelta(days=1)}")
        assert found[people[31].pk].code == "OPT_OUT"
        assert RecoItem.objects.filter(run=run, customer=fresh).exists()
        assert run.counts["by_contact"]["SILENCE"] == 1
        assert run.counts["contactable"] == len(people) - len(found)
        assert run.contact_policy["silence_window_days"] == 135

    def test_an_empty_shop_is_no_error(self):
        run = recommend(as_of=DAY)

        assert (run.counts["items"], run.status) == (0, "succeeded")
        assert run.words[-1] == "There is no active customer to recommend to."


def at_noon(days_ago):
    return timezone.make_aware(timezone.datetime(DAY.year, DAY.month, DAY.day, 12)) - timedelta(
        days=days_ago
    )


class TestRepeat:
    def test_the_same_inputs_give_the_same_rows_and_the_same_hash(self):
        small_shop()
        first = recommend(as_of=DAY)
        again = recommend(as_of=DAY)

        assert said(first) == said(again)
        assert (first.result_hash, first.data_version) == (again.result_hash, again.data_version)
        assert (again.pk != first.pk, again.is_current) == (True, True)
        ahead = preview(as_of=DAY)
        assert (ahead.result_hash, ahead.counts, ahead.pk) == (
            first.result_hash, first.counts, None
        )  # fmt: skip

    def test_the_place_of_rows_in_the_tables_changes_nothing(self):
        small_shop()
        first = recommend(as_of=DAY)
        # Rewritten rows come last in their tables.
        with connection.cursor() as cursor:
            cursor.execute("update orders_orderitem set quantity = quantity where id % 3 = 0")
            cursor.execute("update orders_order set channel = channel where id % 2 = 0")
            cursor.execute("update customers_customer set name = name where id % 2 = 0")

        assert recommend(as_of=DAY).result_hash == first.result_hash

    def test_chunks_of_another_size_change_nothing(self, monkeypatch):
        small_shop()
        first = recommend(as_of=DAY)
        whole = engine.recommend
        monkeypatch.setattr(engine, "recommend", partial(whole, chunk=7))

        assert recommend(as_of=DAY).result_hash == first.result_hash

    def test_rows_after_the_day_change_nothing(self):
        people, goods = small_shop()
        first = recommend(as_of=DAY)
        later = DAY + timedelta(days=1)
        new = Customer.objects.create(code="NEW", registered_at=at_noon(-1))
        sell([(people[0], later, goods[:3]), (new, later, goods[3:5])], clock="00:00")
        sell([(people[1], later, goods[:1])], kind="return", clock="00:00")
        ContactEventFactory(customer=people[2], occurred_at=at_noon(-1))
        tell_later(people, goods, at_noon(-1))
        recommend(as_of=later)

        again = recommend(as_of=DAY)

        assert (again.result_hash, said(again)) == (first.result_hash, said(first))


def tell_later(people, goods, moment):
    """Write what else is dated: consents, blocks, signals, scores, a back-test, an export."""
    Consent.objects.create(
        customer=people[4], channel="email", purpose="marketing", status="withdrawn",
        decided_at=moment, source="letter",
    )  # fmt: skip
    # One that has an end raises no flag; flags have no date, and count for every day.
    block(customer_id=people[5].pk, kind="optout", since=moment, until=moment + timedelta(days=9))
    store([envelope("add_to_cart", people[6].code, at=moment,
                    signal_data={"product_id": goods[0].key})])  # fmt: skip
    score_rfm(as_of=timezone.localdate(moment))
    back_tested(timezone.localdate(moment), {"values": {"max_recos": 1}}, current=True)
    refresh_popularity(as_of=timezone.localdate(moment))


class TestPointer:
    def test_a_look_back_goes_into_the_history_unless_asked_otherwise(self):
        small_shop()
        current = recommend(as_of=DAY)
        past = recommend(as_of=DAY - timedelta(days=30))
        kept = recommend(as_of=DAY, make_current=False)

        assert RecoRun.objects.get(is_current=True) == current
        assert (past.is_current, kept.is_current) == (False, False)
        assert recommend(as_of=past.as_of, make_current=True).is_current
        assert RecoRun.objects.filter(is_current=True).count() == 1

    def test_a_run_of_some_customers_is_never_current_and_says_the_same_of_them(self):
        people, _ = small_shop()
        whole = recommend(as_of=DAY)
        CustomerAlias.objects.create(code="old", customer=people[7])

        some = recommend(as_of=DAY, customers=["S003", "old"], make_current=True)

        assert (some.is_current, some.customers_chosen) == (False, ["S003", "S007"])
        chosen = {people[3].pk, people[7].pk}
        assert said(some)[0] == [row for row in said(whole)[0] if row[0] in chosen]
        assert {row[0] for part in said(some) for row in part} <= chosen
        assert some.counts["customers"] == 2

    @pytest.mark.parametrize(
        ("codes", "words"),
        [
            ([], "at least one"),
            (["nobody", "S001"], "No customer has the code nobody"),
            (["T1"], "test, merged or deleted"),
        ],
    )
    def test_customers_who_cannot_be_recommended_to_are_named(self, codes, words):
        small_shop(customers=3)
        Customer.objects.create(code="T1", is_test=True)
        with pytest.raises(CrmError, match=words):
            recommend(as_of=DAY, customers=codes)
        assert not RecoRun.objects.exists()

    def test_a_day_before_the_first_order_is_told_in_words(self):
        small_shop(customers=4)
        run = recommend(as_of=date(2010, 6, 1), make_current=False)
        assert (run.counts["customers"], run.counts["items"]) == (4, 0)
        assert run.words[-1].startswith("Nobody had ordered anything by the end of 2010-06-01")

    def test_a_day_to_come_is_refused(self):
        with pytest.raises(CrmError, match="still to come"):
            recommend(as_of=timezone.localdate() + timedelta(days=1))


class TestFailures:
    def test_a_switch_that_nothing_stands_behind_is_told(self):
        small_shop()
        config = create_config(name="alive", values={"scenario": {"winback_alive": True}})

        told, usual = preview(as_of=DAY, config=config), preview(as_of=DAY)

        assert any("winback_alive" in words for words in told.words)
        assert not any("winback_alive" in words for words in usual.words)
        assert told.counts == usual.counts

    def test_data_that_break_a_rule_stop_the_run_and_the_former_one_stays(self):
        small_shop()
        current = recommend(as_of=DAY)
        strict = create_config(name="strict", values={"quality": {"MISSING_EMAIL": 0.0}})
        Customer.objects.update(email="")

        with pytest.raises(RunStoppedError) as stop:
            recommend(as_of=DAY, config=strict)

        run = RecoRun.objects.latest("pk")
        assert (run.status, run.error) == ("stopped", str(stop.value))
        assert run.quality["passed"] is False
        assert RecoRun.objects.get(is_current=True) == current
        assert RefreshState.objects.latest("pk").error == run.error

    def test_a_cancelled_run_leaves_nothing_but_its_row(self):
        small_shop()

        def stop(done, total, message):
            if message == "Recommending":
                raise JobStoppedError("It was cancelled.")

        with pytest.raises(JobStoppedError), transaction.atomic():
            recommend(as_of=DAY, progress=stop)
        assert not RecoItem.objects.exists()

    def test_a_row_of_a_run_that_died_is_set_right_by_the_next(self):
        small_shop()
        dead = RecoRun.objects.create(as_of=DAY, time_zone="UTC", config=active_config())

        recommend(as_of=DAY)

        dead.refresh_from_db()
        assert (dead.status, dead.error[:19]) == ("failed", "It was interrupted;")


class TestPlan:
    def test_without_a_back_test_the_signals_rank_and_the_run_says_so(self):
        plan = plan_of(config=active_config(), as_of=DAY)

        assert (plan.mode, plan.backtest) == ("signals", None)
        assert "No back-test has been run yet" in plan.words[0]

    def test_a_back_test_gives_the_mode_and_the_values_but_never_one_of_a_later_day(self):
        config = active_config()
        known = back_tested(DAY, {"mode": "weighted", "values": {"max_recos": 2}})
        back_tested(DAY + timedelta(days=1), {"mode": "signals"}, current=True)

        plan = plan_of(config=config, as_of=DAY)

        assert (plan.backtest, plan.mode, plan.settings.max_recos) == (known, "weighted", 2)
        assert plan_of(config=config, as_of=DAY - timedelta(days=1)).backtest is None

    def test_a_failed_gate_is_told_and_a_mode_of_its_own_asks_nobody(self):
        back_tested(DAY, {"mode": "signals", "falls_back": ["REBUY does not beat frequency."]})

        plan = plan_of(config=active_config(), as_of=DAY)

        assert "did not pass" in plan.words[0]
        assert plan.words[1] == "REBUY does not beat frequency."
        fixed = create_config(name="fixed", values={"mode": "weighted"})
        assert plan_of(config=fixed, as_of=DAY).mode == "weighted"
        assert plan_of(config=fixed, as_of=DAY).settings == RecoSettings.from_json(fixed.values)


def back_tested(day, chosen, *, current=False):
    return BacktestRun.objects.create(
        as_of=day, chosen=chosen, status="succeeded", is_current=current
    )


class TestThinning:
    def test_recent_weekly_and_exported_runs_stay(self):
        small_shop(customers=3)
        config = active_config()
        days = [0, 13, 20, 21, 22, 190, 200]
        runs = {age: recommend(as_of=DAY - timedelta(days=age), config=config) for age in days}
        some = recommend(as_of=DAY - timedelta(days=15), customers=["S001"])

        # The 20th day before is a Friday; 21 and 22 days before are of the same week.
        thinned = thin_recommendations(today=DAY)

        assert set(thinned) == {runs[21].pk, runs[22].pk, runs[190].pk, runs[200].pk, some.pk}
        assert set(RecoRun.objects.kept()) == {runs[0], runs[13], runs[20]}
        assert thin_recommendations(today=DAY) == []
        runs[21].refresh_from_db()
        assert runs[21].items_dropped_at
        assert runs[21].counts["customers"] == 3


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_at_once_is_refused_and_leaves_no_row():
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [_LOCK])
        answer = []

        def second():
            try:
                recommend(as_of=DAY)
            except ConflictError as error:
                answer.append(str(error))
            finally:
                connection.close()

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(30)
        cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])

    assert "being made already" in answer[0]
    assert not RecoRun.objects.exists()
    assert not RefreshState.objects.filter(name="recommendations").exists()
