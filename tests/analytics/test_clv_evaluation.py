"""Evaluation, the fallback table, the second model, and the guard rails of the predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from analytics.scoring.clv import (
    CHURN_WEEKS,
    Histories,
    auc_interval,
    churn,
    evaluate,
    evaluate_values,
    fit_mbg,
    fit_table,
    guard_rails,
    histories_from_orders,
    recalibrate,
)
from tests.analytics.buyers import AS_OF, buyers, told

WINDOW = 90


@pytest.fixture(scope="module")
def window() -> tuple[Histories, np.ndarray]:
    """Histories 90 days before AS_OF, and the purchase days of those 90 days."""
    orders = buyers(3000, seed=21)
    who, before = histories_from_orders(*orders, as_of=AS_OF - WINDOW)
    later_who, now = histories_from_orders(*orders, as_of=AS_OF)
    return before, now.x[np.isin(later_who, who)] - before.x


outcomes = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=80)


@given(outcomes)
@settings(max_examples=150, deadline=None)
def test_the_figures_agree_with_another_implementation(rows: list[tuple[int, bool]]) -> None:
    p, y = np.array([row[0] / 20 for row in rows]), np.array([row[1] for row in rows], dtype=float)
    found = evaluate(p, y)
    assert found.brier == pytest.approx(metrics.brier_score_loss(y, p))
    if 0 < y.sum() < len(y):
        assert found.auc == pytest.approx(metrics.roc_auc_score(y, p))
    if y.sum():
        assert found.average_precision == pytest.approx(metrics.average_precision_score(y, p))
        assert found.lift is not None
        assert -1e-9 <= found.lift <= 10 + 1e-9
    assert 0 <= found.ece <= 1
    assert sum(one.customers for one in found.bins) == len(y)
    inside = np.clip(p, 0.05, 0.95)
    assert evaluate(inside, y).log_loss == pytest.approx(metrics.log_loss(y, inside, labels=[0, 1]))


@given(outcomes, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_customers_changes_no_figure(rows, random) -> None:  # type: ignore[no-untyped-def]
    mixed = list(rows)
    random.shuffle(mixed)
    one, two = (
        evaluate([row[0] / 20 for row in each], [row[1] for row in each]) for each in (rows, mixed)
    )
    for name in ("auc", "average_precision", "brier", "log_loss", "ece", "lift"):
        assert getattr(one, name) == pytest.approx(getattr(two, name))


def test_true_probabilities_are_calibrated_and_shifted_ones_are_not() -> None:
    random = np.random.default_rng(2)
    p = random.beta(1, 4, 20_000)
    y = random.uniform(size=len(p)) < p
    assert evaluate(p, y).ece < 0.015
    assert evaluate(np.sqrt(p), y).ece > 0.1
    low, high = auc_interval(p, y) or (1.0, 0.0)
    assert low < (evaluate(p, y).auc or 0) < high


def test_values_are_compared_by_total_rank_and_best_tenth() -> None:
    random = np.random.default_rng(2)
    actual, guess = random.gamma(1, 50, 500), random.gamma(1, 50, 500)
    found = evaluate_values(guess, actual)
    assert found.spearman == pytest.approx(stats.spearmanr(guess, actual).statistic)
    assert evaluate_values(actual, actual).top_decile == pytest.approx(
        np.sort(actual)[-50:].sum() / actual.sum()
    )
    assert evaluate_values([1.0], [0.0]).total_error is None


def test_one_kind_of_outcome_has_no_auc() -> None:
    assert evaluate([0.2, 0.4], [0, 0]).auc is None
    assert evaluate([0.2, 0.4], [0, 0]).lift is None
    with pytest.raises(ValueError, match="same length"):
        evaluate([], [])


def test_the_first_model_ranks_and_is_calibrated(window: tuple[Histories, np.ndarray]) -> None:
    before, later = window
    fit = fit_mbg(before)
    found = evaluate(fit.p_purchase(before, CHURN_WEEKS), later > 0)
    assert (found.auc or 0) > 0.75
    assert found.ece <= 0.03
    assert fit.expected(before, CHURN_WEEKS).sum() == pytest.approx(later.sum(), rel=0.15)


def test_the_table_gives_back_the_rates_that_it_saw(window: tuple[Histories, np.ndarray]) -> None:
    before, later = window
    table = fit_table(before, later, weeks=CHURN_WEEKS)
    found = evaluate(table.p_purchase(before, CHURN_WEEKS), later > 0)
    assert found.expected == pytest.approx(found.observed, rel=0.05)
    assert (found.auc or 0) > 0.7
    short, long = (table.p_purchase(before, weeks) for weeks in (30 / 7, 90 / 7))
    assert ((short > 0) & (short < long) & (long < 1)).all()
    alone = fit_table(before, later, weeks=CHURN_WEEKS, frequency=())
    assert alone.rates.shape == (1, 6)
    assert table.rates.shape == (5, 6)


def test_a_cell_nobody_was_in_gives_the_rate_of_the_shop() -> None:
    seen = Histories.of(x=[0] * 100, t_x=[0] * 100, T=[2] * 100)
    table = fit_table(seen, [1] * 30 + [0] * 70, weeks=13)
    other = Histories.of(x=[9], t_x=[20], T=[90])
    assert table.p_purchase(other, 13)[0] == pytest.approx(31 / 102)


def test_a_rate_that_cannot_be_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        recalibrate([0.2], 0.0)


def test_too_little_data_is_refused_in_words_and_a_small_shop_warned() -> None:
    h = told(1500, seed=9)
    assert guard_rails(h).allowed
    assert not guard_rails(h).small
    few = Histories.of(x=h.x[:200], t_x=h.t_x[:200], T=h.T[:200])
    assert guard_rails(few).allowed
    assert guard_rails(few).small
    young = Histories.of(x=[0] * 600, t_x=[0] * 600, T=[9] * 600)
    assert not guard_rails(young).allowed
    assert len(guard_rails(young).words) == 3
    assert guard_rails(Histories.of(x=[], t_x=[], T=[])).words == (
        "There is no customer with an order.",
    )


def test_churn_is_never_taken_from_a_degenerate_fit() -> None:
    h = told(800, seed=9)
    fit = fit_mbg(h)
    assert churn(fit, h) == pytest.approx(1 - fit.p_purchase(h, CHURN_WEEKS))
    with pytest.raises(ValueError, match="of no use"):
        churn(replace(fit, degenerate=True, words="MBG/NBD is of no use here."), h)
