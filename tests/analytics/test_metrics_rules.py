"""The rules of the predictions on arrays: what a day knows, levels, the choice, real customers."""

import csv
import lzma
import os
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from threadpoolctl import threadpool_limits

from analytics.scoring.clv import auc_interval, evaluate, fit_logistic, predict_shop, recalibrate
from analytics.scoring.clv_backtest import BackTest, Trial, _choose, back_test
from analytics.scoring.clv_candidates import BASELINES, LABELS
from analytics.scoring.clv_ledger import Ledger
from analytics.scoring.clv_levels import Share, expected_rate, levelled, observed_slope
from analytics.scoring.clv_money import money_test
from analytics.scoring.clv_past import Archive
from analytics.scoring.clv_snapshot import FEATURES, snapshot
from tests.analytics.buyers import AS_OF, buyers

DEMO = Path(__file__).parents[2] / "demo" / "data" / "online_retail_to_2011-11-09.csv.xz"
CDNOW = os.environ.get("CRM_CDNOW_SAMPLE", "")


def ledger(count, *, seed, until=AS_OF):
    who, day, money = buyers(count, seed=seed, until=until)
    rows = defaultdict(float)
    for customer, when, amount in zip(who.tolist(), day.tolist(), money, strict=True):
        rows[(customer, when)] += amount
    customer, when = zip(*rows, strict=True)
    return Ledger.of(customer, when, np.ones(len(rows)), list(rows.values()))


class TestLedger:
    def test_a_return_belongs_to_the_purchase_before_it_once_it_is_known(self):
        book = Ledger.of([1, 1, 1, 2], [10, 20, 30, 5], [1, 1, 0, 0], [50.0, 70.0, -20.0, -9.0])
        _, h = book.known(25).histories()
        assert h.m.tolist() == [70.0]
        customers, h = book.known(30).histories()
        assert (customers.tolist(), h.m.tolist()) == ([1], [50.0])

    def test_what_comes_later_is_counted_for_the_customers_asked_for(self):
        book = Ledger.of([1, 1, 2, 3], [5, 9, 9, 12], [1, 1, 0, 1], [5.0, 7.0, -3.0, 4.0])
        count, money = book.later(np.array([1, 2]), 5, 5)
        assert (count.tolist(), money.tolist()) == ([1.0, 0.0], [7.0, -3.0])

    def test_a_sample_is_drawn_by_customer_whatever_the_order_of_the_rows(self):
        book = ledger(2000, seed=1)
        some = book.sampled(500)
        assert 400 < len(np.unique(some.customer)) < 600
        kept = np.isin(book.customer, some.customer)
        assert kept.sum() == len(some)
        assert len(book.sampled(5000)) == len(book)

    def test_an_empty_ledger_predicts_nothing(self):
        found = predict_shop(Ledger.of([], [], [], []), AS_OF)
        assert len(found.then) == 0
        assert found.findings.words[1] == "There is no customer with an order."


class TestSnapshot:
    def test_every_feature_has_a_finite_column(self):
        then = snapshot(ledger(500, seed=2), AS_OF)
        assert then.features.shape == (len(then), len(FEATURES))
        assert np.isfinite(then.features).all()

    def test_the_sum_of_scores_goes_from_3_to_15(self):
        scores = snapshot(ledger(500, seed=2), AS_OF).scores["score_sum"]
        assert 3 <= scores.min() < scores.max() <= 15


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As in a run: many small matrices, for which threads only wait for each other."""
    with threadpool_limits(limits=1):
        yield


@settings(max_examples=5, deadline=None)
@given(
    later=st.lists(
        st.tuples(st.integers(0, 500), st.integers(1, 400), st.booleans(), st.floats(-99, 99)),
        min_size=1,
        max_size=50,
        unique_by=lambda row: row[:2],
    )
)
def test_rows_after_an_origin_change_nothing_that_is_known_there(later):
    book = ledger(400, seed=5)
    who, days, sale, money = (np.array(part) for part in zip(*later, strict=True))
    more = Ledger.of(
        np.concatenate([book.customer, who]),
        np.concatenate([book.day, AS_OF + days]),
        np.concatenate([book.sale, sale]),
        np.concatenate([book.money, money]),
    )
    for days_ahead in (30, 90):
        first = back_test(Archive(book), AS_OF, days_ahead)
        second = back_test(Archive(more), AS_OF, days_ahead)
        assert first == second
    assert money_test(Archive(book), AS_OF, "mbg") == money_test(Archive(more), AS_OF, "mbg")


class TestLevels:
    def test_equal_windows_are_expected_to_go_on(self):
        assert expected_rate([Share(250, 1000)] * 4) == pytest.approx(0.25, abs=1e-3)

    def test_the_newest_window_counts_most(self):
        assert 0.27 < expected_rate([Share(300, 1000), Share(200, 1000)]) < 0.3

    def test_half_of_last_years_change_is_expected_again(self):
        steady = [Share(300, 1000)]
        rise = expected_rate(steady, year_ago=(Share(500, 1000), Share(300, 1000)))
        assert 0.35 < rise < 0.45
        few = (Share(30, 40), Share(10, 40))
        assert expected_rate(steady, year_ago=few) == expected_rate(steady)

    def test_nobody_and_everybody_stay_possible(self):
        assert 0 < expected_rate([Share(0, 100)]) < 0.01
        assert 0.99 < expected_rate([Share(100, 100)]) < 1

    def test_a_spread_that_is_too_wide_is_seen(self):
        random = np.random.default_rng(3)
        odds = random.normal(-1, 1, 20_000)
        bought = (random.random(20_000) < special.expit(odds)).astype(float)
        assert observed_slope(2 * odds, bought) == pytest.approx(0.5, abs=0.03)
        assert observed_slope(odds, np.zeros(20_000)) == 1.0

    def test_the_level_is_met_and_the_ranking_stays(self):
        odds = np.random.default_rng(4).normal(0, 2, 1000)
        chance = levelled(odds, slope=0.8, rate=0.3)
        assert chance.mean() == pytest.approx(0.3)
        assert (np.argsort(chance) == np.argsort(odds)).all()


class TestLogistic:
    def test_a_busy_window_is_a_level_and_no_trait(self):
        random = np.random.default_rng(6)
        windows = []
        for level in (0.5, -0.5, -1.5):
            feature = random.normal(0, 1, (4000, 1))
            chance = special.expit(level + 0.8 * feature[:, 0])
            windows.append((feature, (random.random(4000) < chance).astype(float)))
        fit = fit_logistic(windows)
        assert fit.converged
        assert fit.coefficients[0] / fit.scale[0] == pytest.approx(0.8, abs=0.06)
        assert np.diff(fit.levels) == pytest.approx([-1, -1], abs=0.12)

    def test_one_kind_of_outcome_teaches_nothing(self):
        with pytest.raises(ValueError, match="bought"):
            fit_logistic([(np.ones((5, 1)), np.zeros(5))])

    def test_a_rate_moves_all_alike(self):
        assert recalibrate([0.2, 0.5, 0.8], 0.3).mean() == pytest.approx(0.3)


def test_the_interval_of_the_auc_agrees_with_a_bootstrap():
    random = np.random.default_rng(7)
    p = random.beta(1, 3, 800)
    y = (random.random(800) < p).astype(float)
    low, high = auc_interval(p, y)
    draws = [random.integers(0, 800, 800) for _ in range(300)]
    boot = [evaluate(p[at], y[at]).auc for at in draws]
    assert [low, high] == pytest.approx(np.quantile(boot, [0.025, 0.975]), abs=0.012)
    assert evaluate(p, y).auc == pytest.approx((low + high) / 2)


class TestChoice:
    def told(self, **figures):
        """A back-test whose models have these (log loss, AUC), and plain scores of AUC .70."""
        random = np.random.default_rng(8)
        y = random.integers(0, 2, 50).astype(float)
        base = evaluate(np.full(50, 0.5), y)
        trials = {name: [Trial(name, day, words="no") for day in (3, 2, 1)] for name in LABELS}
        for name, (loss, order) in {**dict.fromkeys(BASELINES, (0.6, 0.7)), **figures}.items():
            found = type(base)(
                **{part: getattr(base, part) for part in base.__dataclass_fields__}
                | {"log_loss": loss, "auc": order}
            )
            trials[name] = [Trial(name, day, found) for day in (3, 2, 1)]
        return BackTest(30, (3, 2, 1), trials)

    def test_the_least_log_loss_wins(self):
        assert _choose(self.told(mbg=(0.5, 0.75), table=(0.52, 0.76)))[0] == "mbg"

    def test_who_ranks_worse_than_a_plain_score_does_not_win(self):
        assert _choose(self.told(mbg=(0.5, 0.65), table=(0.52, 0.76)))[0] == "table"

    def test_if_all_rank_worse_it_is_said(self):
        chosen, why = _choose(self.told(mbg=(0.5, 0.65), table=(0.52, 0.66)))
        assert chosen == "table"
        assert "No model ranked customers better" in why

    def test_two_days_are_too_few(self):
        test = self.told(mbg=(0.5, 0.75))
        chosen, why = _choose(BackTest(30, (3, 2), test.trials))
        assert chosen == ""
        assert "needs 3" in why


def from_the_file():
    """Read the demo file as customer, day, sales and money, knowing only its columns."""
    rows = defaultdict(lambda: [0, 0.0])
    with lzma.open(DEMO, "rt", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            amount = int(line["Quantity"]) * float(line["UnitPrice"])
            is_return = line["InvoiceNo"].startswith("C")
            if not line["CustomerID"] or amount == 0 or (amount < 0) != is_return:
                continue
            day = datetime.fromisoformat(line["InvoiceDate"]).toordinal()
            row = rows[(int(line["CustomerID"]), day)]
            row[0] += not is_return
            row[1] += amount
    who, day = zip(*rows, strict=True)
    sales, money = zip(*rows.values(), strict=True)
    return Ledger.of(who, day, sales, money)


def judged(book, as_of, days, numbers, then):
    """Return the evaluation of the probabilities, and the AUC of the best plain score."""
    count, _ = book.later(then.customers, as_of, days)
    bought = (count > 0).astype(float)
    found = numbers.chance_30d if days == 30 else numbers.chance_90d
    best = max(evaluate_order(score, bought) for score in then.scores.values())
    return evaluate(found, bought), best


def evaluate_order(score, bought):
    """Return the AUC by another implementation."""
    ranks, buyers = stats.rankdata(score), bought.sum()
    above = ranks[bought > 0].sum() - buyers * (buyers + 1) / 2
    return above / (buyers * (len(bought) - buyers))


def up_to(book, as_of):
    known = book.day <= as_of
    return Ledger(book.customer[known], book.day[known], book.sale[known], book.money[known])


@pytest.fixture(scope="module")
def demo():
    return from_the_file()


class TestRealCustomers:
    def test_the_demo_shop_degenerates_and_churn_ranks_the_right_way_round(self, demo):
        as_of = date(2011, 8, 11).toordinal()

        found = predict_shop(up_to(demo, as_of), as_of)

        assert found.findings.fits["mbg"].degenerate
        assert found.findings.fits["bg"].degenerate
        assert any("MBG/NBD is of no use here" in words for words in found.findings.words)
        assert not {"mbg", "bg"} & set(found.findings.models.values())
        result, best = judged(demo, as_of, 90, found.numbers, found.then)
        assert (result.auc or 0) > 0.74
        assert (result.auc or 0) >= best

    @pytest.mark.parametrize("day", ["2011-07-10", "2011-08-10", "2011-10-10"])
    def test_purchases_in_30_days_are_ranked_better_than_by_any_plain_score(self, demo, day):
        as_of = date.fromisoformat(day).toordinal()
        found = predict_shop(up_to(demo, as_of), as_of)
        result, best = judged(demo, as_of, 30, found.numbers, found.then)
        assert (result.auc or 0) >= best
        assert result.ece <= 0.035

    @pytest.mark.skipif(not CDNOW, reason="CRM_CDNOW_SAMPLE gives the path of CDNOW's sample.")
    def test_cdnow_is_ranked_and_calibrated(self):
        rows = defaultdict(float)
        for line in Path(CDNOW).read_text().splitlines():
            parts = line.split()
            day = date.fromisoformat(f"{parts[2][:4]}-{parts[2][4:6]}-{parts[2][6:]}").toordinal()
            rows[(int(parts[0]), day)] += float(parts[4])
        who, day = zip(*rows, strict=True)
        book = Ledger.of(who, day, np.ones(len(rows)), list(rows.values()))
        errors = []
        for day in ("1998-01-31", "1998-03-02", "1998-03-31", "1998-05-01"):
            as_of = date.fromisoformat(day).toordinal()
            found = predict_shop(up_to(book, as_of), as_of)
            assert found.findings.models["value"] == "mbg"
            result, best = judged(book, as_of, 30, found.numbers, found.then)
            assert (result.auc or 0) >= max(best, 0.75)
            errors.append(result.ece)
        # The level of a single month cannot be known; on average it must be met.
        assert np.mean(errors) <= 0.03
