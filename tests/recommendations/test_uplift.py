"""Lifts: intervals that hold what they promise, and silence where nothing can be said."""

from functools import partial

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom

from recommendations.scoring import uplift
from recommendations.scoring.alarms import RunFigures, alarms
from recommendations.scoring.assignment import CONTROL, arm_of
from recommendations.scoring.intervals import (
    Count,
    Sample,
    bootstrap,
    customers_needed,
    newcombe,
    percentiles,
    stratified_newcombe,
    wilson,
)
from recommendations.scoring.uplift import MARGIN, Arm, Money, Stratum, measure
from recommendations.scoring.uplift_json import group_json, headline

SIMULATIONS = 500
"""Of 500 intervals that hold in 95 of 100 cases each, 459 to 488 hold in all but 2 of 1,000 such
simulations (binomial)."""


def rows(amounts, items=1, cost=0.6):
    """Buyers with one order each."""
    amounts = np.asarray(amounts, dtype=float)
    return np.stack(
        [amounts, amounts, amounts * (1 - cost), np.full(len(amounts), items),
         np.ones(len(amounts))],
        axis=1,
    )  # fmt: skip


def arm(customers, buyers, amount=10.0, **fields):
    return Arm(customers, rows(np.full(buyers, amount)), **fields)


def gamma(generator, number):
    return generator.gamma(2.0, 15.0, size=number)


def skewed(generator, number):
    """Log-normal amounts of the same mean: the largest hundredth makes a ninth of the money."""
    return generator.lognormal(np.log(30.0) - 0.5, 1.0, size=number)


DESIGNS = {
    # name: (customers, share of control, controls' share of buyers, lift, amounts)
    "nothing": (560, 0.5, 0.2, 0.0, gamma),
    "a lift": (560, 0.5, 0.2, 0.08, gamma),
    "nothing, skewed, one in ten held back": (900, 0.1, 0.3, 0.0, skewed),
    "a lift, skewed, few": (250, 0.5, 0.25, 0.1, skewed),
}


def trial(number, generator, customers, share, base, lift, amounts):
    """A campaign whose arms the hash draws: ``lift`` of the treated buy because of it."""
    arms = [
        arm_of(salt="s", campaign=f"trial {number}", customer=f"C{n}", share=share)
        for n in range(customers)
    ]
    control = np.array([one == CONTROL for one in arms])
    bought = generator.random(customers) < np.where(control, base, base + lift)
    paid = amounts(generator, customers)
    # What is earned differs from sale to sale: a third of it in the mean.
    earned = paid * generator.uniform(0.0, 2 / 3, size=customers)
    treated, held_back = (rows(paid[bought & chosen]) for chosen in (~control, control))
    treated[:, MARGIN], held_back[:, MARGIN] = earned[bought & ~control], earned[bought & control]
    found = Stratum(share, Arm(int((~control).sum()), treated), Arm(int(control.sum()), held_back))
    return measure([found], smallest_lift=1.5)


def holds(interval, truth):
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("design", DESIGNS)
def test_in_500_simulations_the_intervals_hold_the_true_lift_in_about_95_of_100(
    design, monkeypatch
):
    # A quarter of the resamples, for time; bench_uplift counts with all of them.
    monkeypatch.setattr(uplift, "bootstrap", partial(bootstrap, draws=500))
    generator = np.random.default_rng(20_260_101)
    lift = DESIGNS[design][3]

    trials = [trial(n, generator, *DESIGNS[design]) for n in range(SIMULATIONS)]

    # The others: fewer than 20 buyers in an arm, or a sample ratio of p < .001 now and then.
    told = [one for one in trials if one.told]
    assert len(told) >= 0.85 * SIMULATIONS
    held = {
        "share of buyers": sum(holds(one.conversion, lift) for one in told),
        "revenue": sum(holds(one.revenue, lift * 30.0) for one in told),
        "margin": sum(holds(one.margin, lift * 10.0) for one in told),
    }
    fewest, most = (binom(len(told), 0.95).ppf(p) for p in (0.001, 0.999))
    assert fewest <= held["share of buyers"] <= most, held
    # Amounts take the more careful of two ends: they may hold a little too often.
    assert all(fewest <= held[name] <= most + 0.01 * len(told) for name in held), held


def test_newcombe_agrees_with_published_intervals_and_with_another_program():
    # Newcombe 1998, table II, method 10: 9/10 against 3/10, 6/7 against 2/7, 10/10 against 0/20.
    for hits, ends in (
        (((9, 10), (3, 10)), (0.1705, 0.8090)),
        (((6, 7), (2, 7)), (0.0582, 0.8062)),
        (((10, 10), (0, 20)), (0.6791, 1.0)),
    ):
        found = newcombe(*(Count(*one) for one in hits))
        assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)
    other = stats.binomtest(13, 90).proportion_ci(method="wilson")
    assert wilson(Count(13, 90)) == pytest.approx((other.low, other.high))


def test_the_bootstrap_of_buyers_is_that_of_all_customers():
    generator = np.random.default_rng(1)
    amounts = generator.gamma(2.0, 10.0, size=60)
    sample, control = Sample(400, rows(amounts)), Sample(300, rows(amounts[:20]))

    drawn = bootstrap([(sample, control)], draws=4_000)
    found = percentiles(0.0, drawn.drawn_treated[:, 0] - drawn.drawn_control[:, 0])

    plain = []
    for one, customers in ((amounts, 400), (amounts[:20], 300)):
        everybody = np.concatenate([one, np.zeros(customers - len(one))])
        draws = generator.integers(0, customers, size=(4_000, customers))
        plain.append(everybody[draws].mean(axis=1))
    low, high = np.quantile(plain[0] - plain[1], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.08)
    spread = (np.var(plain[0]) + np.var(plain[1]), np.mean(drawn.drawn_variance[:, 0]))
    assert drawn.variance[0] == pytest.approx(spread[0], rel=0.1)
    assert spread[1] == pytest.approx(spread[0], rel=0.1)
    assert bootstrap([(sample, control)]).difference(0) == bootstrap(
        [(sample, control)]
    ).difference(0)


def test_campaigns_with_unlike_shares_do_not_make_an_effect_out_of_nothing():
    # In each campaign both arms buy alike; added up, the treated seem to buy far more.
    strong = Stratum(0.1, arm(9_000, 4_500), arm(1_000, 500))
    weak = Stratum(0.5, arm(5_000, 500), arm(5_000, 500))

    found = measure([strong, weak], smallest_lift=0.2)

    assert found.conversion.value == pytest.approx(0.0)
    assert holds(found.conversion, 0.0)
    assert found.revenue.value == pytest.approx(0.0)
    pooled = newcombe(Count(5_000, 14_000), Count(1_000, 6_000))
    assert pooled.low > 0.15
    assert stratified_newcombe([]) is None


def test_a_lift_over_campaigns_with_unlike_shares_is_told_of_the_same_people():
    # 5 of 50 points and 2 of 10: about a ninth more. The controls added up are mostly weak ones.
    strong = Stratum(0.1, arm(9_000, 4_950), arm(1_000, 500))
    weak = Stratum(0.5, arm(5_000, 600), arm(5_000, 500))

    both = group_json(measure([strong, weak], smallest_lift=0.2))
    alone = group_json(measure([weak], smallest_lift=0.2))

    assert both["relative"] == pytest.approx(0.0393 / 0.3571, abs=0.001)
    assert alone["relative"] == pytest.approx(0.2)
    assert "16.7 % of those held back; within each campaign" in headline(both)[0]
    assert "10.0 % of those held back: +2.0 points" in headline(alone)[0]


def test_customers_of_campaigns_that_held_nobody_back_get_no_part_of_the_lift():
    tested = Stratum(0.5, arm(5_000, 1_500, 20.0), arm(5_000, 1_000, 20.0))
    untested = Stratum(0.0, arm(100_000, 1_000, 20.0), arm(0, 0))

    alone = measure([tested], smallest_lift=0.2)
    both = measure([tested, untested], smallest_lift=0.2)

    assert alone.incremental_revenue.value == pytest.approx(10_000.0)
    assert both.incremental_revenue == alone.incremental_revenue
    assert (both.treated.customers, both.needed) == (alone.treated.customers, alone.needed)


@pytest.mark.parametrize(
    ("treated", "control", "share", "words"),
    [
        (arm(0, 0), arm(0, 0), 0.1, "window is over"),
        (arm(900, 90), arm(0, 0), 0.0, "Nobody was held back"),
        (arm(900, 90), arm(200, 20), 0.1, "sizes that were drawn"),
        (arm(900, 0), arm(100, 0), 0.1, "nobody has bought yet"),
        (arm(900, 90), arm(100, 8), 0.1, "more customers needed"),
        (arm(90_000, 900), arm(10_000, 9), 0.1, "more customers needed"),
    ],
)
def test_where_nothing_can_be_said_the_reason_is_and_no_number(treated, control, share, words):
    found = measure([Stratum(share, treated, control)], smallest_lift=1.0)

    told = group_json(found)
    assert words in told["reason"]
    assert headline(told) == [told["reason"]]
    names = ("conversion", "revenue", "revenue_winsorised", "margin", "items_per_order", "roi",
             "incremental_revenue", "incremental_margin", "relative")  # fmt: skip
    assert [told[name] for name in names] == [None] * len(names)


def test_what_is_needed_follows_from_the_controls_and_not_from_the_lift_that_was_seen():
    small = measure([Stratum(0.1, arm(4_500, 675), arm(500, 75))], smallest_lift=0.2)
    large = measure([Stratum(0.1, arm(4_500, 2_000), arm(500, 75))], smallest_lift=0.2)

    assert small.needed == large.needed == customers_needed(base=0.15, lift=0.2, control_share=0.1)
    assert small.reason == "Not enough data: 7,550 more customers needed."
    assert large.reason == small.reason


def test_needed_customers_show_the_lift_in_80_of_100_trials():
    base, lift, share = 0.15, 0.2, 0.2
    total = customers_needed(base=base, lift=lift, control_share=share)
    generator = np.random.default_rng(3)
    treated, control = round(total * (1 - share)), round(total * share)

    seen = sum(
        newcombe(
            Count(int(generator.binomial(treated, base * (1 + lift))), treated),
            Count(int(generator.binomial(control, base)), control),
        ).low
        > 0
        for _ in range(2_000)
    )

    assert seen / 2_000 == pytest.approx(0.8, abs=0.04)


def test_money_is_told_with_its_cost_and_where_the_margin_comes_from():
    strata = [Stratum(0.5, arm(5_000, 1_500, 20.0), arm(5_000, 1_000, 20.0))]

    found = group_json(measure(strata, smallest_lift=0.2, money=Money(cost=1_000.0)))
    unknown = [Stratum(0.5, arm(5_000, 1_500, 20.0, margin_known=False), strata[0].control)]
    rate = group_json(measure(unknown, smallest_lift=0.2, money=Money(500.0, margin_rate=0.25)))
    none = group_json(measure(unknown, smallest_lift=0.2, money=Money(500.0)))

    assert found["incremental_revenue"]["value"] == pytest.approx(10_000)
    assert (found["margin_source"], found["roi"]["value"]) == ("costs", pytest.approx(3.0))
    assert found["relative"] == pytest.approx(0.5)
    assert (rate["margin_source"], rate["roi"]["value"]) == ("rate", pytest.approx(4.0))
    assert (none["margin_source"], none["margin"], none["roi"]) == ("unknown", None, None)
    assert "Of each 1.00 spent, 4.00 came back" in headline(found)[2]


def test_one_great_order_does_not_make_the_winsorised_revenue():
    treated = Arm(5_000, rows([10.0] * 999 + [50_000.0]))

    found = measure([Stratum(0.5, treated, arm(5_000, 1_000))], smallest_lift=0.2)

    assert found.revenue.value == pytest.approx(9.998)
    assert found.revenue_winsorised.value == pytest.approx(0.0, abs=0.01)


def test_harm_is_told_also_where_no_lift_is():
    found = measure(
        [Stratum(0.5, arm(500, 1, unsubscribed=40), arm(500, 1, unsubscribed=5))],
        smallest_lift=0.2,
    )

    assert not found.told
    assert found.unsubscribed.low > 0
    assert not found.complained.excludes_zero


def test_an_alarm_needs_a_drop_that_chance_does_not_explain():
    def run(number, buyers, treated=2_000, **more):
        return RunFigures(number, treated, buyers, 100.0, more.pop("returned", 0.0), **more)

    before = [run(1, 900), run(2, 400), run(3, 400), run(4, 400)]
    assert alarms([]) == ()
    assert alarms([run(1, 5)]) == ()
    assert [one.code for one in alarms([*before, run(5, 300)])] == ["PURCHASE_RATE"]
    assert alarms([*before, run(5, 380)]) == ()
    assert alarms([*before, run(5, 3, treated=20)]) == ()
    bad = run(5, 400, returned=16.0, accepted=9, rejected=11, satisfaction=10.0,
              satisfied_answers=20)  # fmt: skip
    happy = run(4, 400, satisfaction=24.0, satisfied_answers=30)
    assert [one.code for one in alarms([happy, bad])] == ["RETURNS", "ACCEPTANCE", "SATISFACTION"]
