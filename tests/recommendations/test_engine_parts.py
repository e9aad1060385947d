"""The parts of the engine, each against a plain second way or numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from recommendations.scoring import engine
from recommendations.scoring.best import NEVER, best_of, packed
from recommendations.scoring.ease import co_purchases, ease_matrix
from recommendations.scoring.history import history_of
from recommendations.scoring.knowledge import block_of, learn
from recommendations.scoring.lists import NO_ACTION, NO_CANDIDATE
from recommendations.scoring.scenarios import fits_of
from recommendations.scoring.settings import SCENARIOS, Model, RecoSettings, SettingsError
from recommendations.scoring.shop import Returns
from recommendations.scoring.shop_building import lines_of, products_of, shop_of
from recommendations.scoring.tastes import tastes_of
from tests.recommendations.made_shops import made_shop

DAY = 734_500


def small(rows, *, products=4, customers=2, returns=None, **columns):
    """A shop of (customer, order, days ago, product, pieces, money)."""
    who, order, ago, what, pieces, money = zip(*rows, strict=True)
    catalogue = products_of(
        [f"P{place}" for place in range(products)],
        price=[10.0] * products,
        **columns,
    )
    sold = lines_of(who, order, DAY - np.array(ago), what, pieces, money)
    return shop_of(DAY, catalogue, sold, customers=customers, returns=returns)


def offered(shop, values=None, mode="signals", **options):
    """(customer, product, scenario) in the order of the lists, and the codes of the others."""
    chosen = RecoSettings.from_json(values)
    items, codes = [], {}
    for part in engine.recommend(shop, chosen, mode=mode, **options):
        columns = (part.items.customer, part.items.product, part.items.scenario)
        items += [(a, b, SCENARIOS[c]) for a, b, c in zip(*map(list, columns), strict=True)]
        codes |= dict(zip(part.excluded.customer.tolist(), part.excluded.code, strict=True))
    return items, codes


def back(customer, product, pieces):
    columns = (np.array([x], np.int32) for x in (customer, product, DAY))
    return Returns(*columns, np.array([pieces], np.float32))


def test_history_counts_days_not_invoices_and_forgets_what_came_back():
    rows = [(0, 1, 90, 0, 2, 20), (0, 2, 90, 0, 1, 10), (0, 3, 40, 0, 1, 12), (0, 3, 40, 1, 1, 5)]
    shop = small(rows, returns=back(0, 1, 1))

    known = history_of(shop, Model())

    assert known.product.tolist() == [0]
    assert (known.count.tolist(), known.gap.tolist()) == ([2], [50.0])
    assert known.own.tolist() == pytest.approx([1.9])
    assert known.recent_spend.tolist() == pytest.approx([30 * 0.9 + 12])
    assert (known.orders.tolist(), known.visits.tolist()) == ([3, 0], [2, 0])
    assert known.unit_price.tolist()[0] == 10.0
    assert known.revenue.tolist() == [42.0, 0.0]
    assert known.returned.tolist() == [1]


def test_ease_is_the_inverse_it_is_defined_by():
    rng = np.random.default_rng(0)
    bought = (rng.random((50, 8)) < 0.3).astype(float)
    inverse = np.linalg.inv(bought.T @ bought + 7 * np.eye(8))
    plain = inverse / -np.diag(inverse)
    np.fill_diagonal(plain, 0)
    offsets = np.concatenate(([0], bought.sum(axis=1).cumsum())).astype(int)

    together = co_purchases(offsets, np.nonzero(bought)[1].astype(np.int32), 8)

    assert np.array_equal(together, bought.T @ bought)
    assert np.allclose(ease_matrix(together, 7), plain, atol=1e-5)


@settings(max_examples=40)
@given(seed=strategies.integers(0, 10_000), count=strategies.integers(1, 6))
def test_the_best_cells_are_those_of_a_plain_sort_with_enough_families(seed, count):
    rng = np.random.default_rng(seed)
    values = rng.integers(-2, 3, (5, 12)).astype(np.float32)
    allowed, families = rng.random((5, 12)) < 0.7, rng.integers(-1, 3, 12).astype(np.int32)

    best = best_of(packed(values), allowed, families, count=count, different=3)

    for row in range(5):
        plain = [c for c in np.argsort(-values[row], kind="stable") if allowed[row, c]]
        mine = best.column[best.row == row].tolist()
        assert mine[: len(plain[:count])] == plain[:count]
        assert best.value[best.row == row].tolist() == values[row, mine].tolist()
        assert [plain.index(c) for c in mine] == best.rank[best.row == row].tolist()

        def variety(columns):
            return len({(families[c], c if families[c] < 0 else 0) for c in columns})

        assert variety(mine) >= min(3, variety(plain))
    assert packed(values).min() > NEVER


def test_a_lapsed_customer_gets_winback_alone_and_only_for_enough_revenue():
    rows = [(0, 1, 365, 0, 1, 100), (1, 2, 365, 1, 1, 99.5), (2, 3, 364, 0, 1, 500)]
    shop = small(rows, customers=3, family=["a", "b", "a", "b"])

    items, codes = offered(shop)
    free = small([(*row[:5], 0) for row in rows], customers=3, family=["a", "b", "a", "b"])

    assert {name for who, _, name in items if who == 0} == {"WINBACK"}
    assert (1, 1, "WINBACK") not in items
    assert {name for who, _, name in items if who == 2} == {"REBUY"}
    # A shop without any amounts cannot ask for revenue.
    assert (1, 1, "WINBACK") in offered(free, {"require_price": False})[0]
    assert codes == {1: NO_CANDIDATE}


def test_sixty_days_after_a_purchase_it_may_be_offered_again_and_not_a_day_before():
    rows = [(0, 1, 60, 0, 1, 10), (1, 2, 59, 0, 1, 10)]
    rule = {"scenario": {"rebuy_min_recency_days": 60}}

    items, codes = offered(small(rows), rule)

    assert items == [(0, 0, "REBUY")]
    assert codes == {1: NO_CANDIDATE}
    assert offered(small(rows))[0] == []


def test_nobody_without_history_gets_something_at_random_but_a_declared_family_counts():
    rows = [(0, order, 10, order % 3, 1, 10) for order in range(6)]
    shop = small(rows, customers=3, family=["a", "b", "a", "b"])
    declared = replace(shop.customers, declared_family=np.array([-1, 1, -1], np.int32))

    items, codes = offered(replace(shop, customers=declared), customers=[1, 2])

    assert items == [(1, 1, "NURTURE")]
    assert codes == {2: NO_ACTION}


def test_multipliers_and_acceptance_change_the_order():
    rows = [(0, 1, 200, 0, 1, 10), (0, 2, 200, 1, 1, 10), (1, 3, 200, 0, 1, 10)]
    rows += [(1, 4, 200, 1, 1, 10)]
    shop = small(rows, family=["a", "b", "c", "d"])

    plain, _ = offered(shop)
    liked, _ = offered(shop, {"acceptance": {"P1": {"REBUY": 0.4}}})

    assert [what for who, what, _ in plain if who == 0] == [0, 1]
    assert [what for who, what, _ in liked if who == 0] == [1, 0]


@pytest.mark.parametrize("orders", [1, 3])
def test_slots_follow_the_plan_and_what_one_kind_lacks_the_other_gets(orders):
    plan = [{"repeat": 1, "explore": 2, "open": 0}, {"repeat": 2, "open": 1, "min_orders": 2}]
    chosen = RecoSettings.from_json({"slots": plan, "one_per_family": False})
    shop = made_shop(11)
    known = learn(shop, chosen)
    rows = np.flatnonzero(known.history.orders == orders)
    part = engine.lists_of(known, rows, mode="signals", reasons=False)

    found = part.items
    repeats = np.bincount(found.customer[~found.explore], minlength=60)[rows]
    every = np.bincount(found.customer, minlength=60)[rows]
    lapsed = np.isin(rows, found.customer[found.scenario == 0])

    assert every.max() == 3
    # Lapsed customers have no second kind.
    full = repeats[(every == 3) & ~lapsed]
    assert (full <= (1 if orders == 1 else 3)).all()
    assert len(full)


def test_tastes_by_hand():
    rows = [(0, 1, 300, 0, 1, 60), (0, 2, 200, 1, 1, 20), (0, 3, 100, 0, 1, 30)]
    rows += [(0, 4, 50, 0, 1, 10)]
    shop = small(rows, family=["a", "b", "c", "d"], attr1=["x", "y", "x", None])
    axes = np.full((4, 7), np.nan, np.float32)
    axes[0, 0], axes[1, 0] = 5, 1
    shop = replace(shop, products=replace(shop.products, axes=axes))
    known = learn(shop, RecoSettings())
    block = block_of(known, np.array([0, 1]))

    found = tastes_of(known, block)
    fits = fits_of(known, block, found)

    assert found.dominant.tolist() == [0, -1]
    assert found.dominant_share[0] == pytest.approx(100 / 120)
    share = np.array([100, 20]) / 120
    assert found.diversity[0] == pytest.approx(-(share * np.log2(share)).sum() / 2)
    assert found.family_orders.tolist() == [3, 0]
    # Older half: three quarters of a; newer half: all of a.
    middle = np.array([0.875, 0.125])
    shift = -(middle * np.log2(middle)).sum() - 0.5 * 0.8112781
    assert found.stability[0] == pytest.approx(1 - np.sqrt(shift))
    spread = np.std([5, 1, 5, 5])
    assert found.confidence[0] == pytest.approx(4 / 6 * (1 - spread / 2))
    weights = np.array([60 * 0.9**3, 20 * 0.9**2, 30 * 0.9, 10])
    assert found.profile[0, 0] == pytest.approx((weights * [5, 1, 5, 5]).sum() / weights.sum())
    assert np.isnan(found.confidence[1])
    assert fits.upsell.tolist() == [False, False] or found.stability[0] >= 0.6


def test_settings_survive_json_have_one_hash_and_refuse_in_words():
    chosen = RecoSettings.from_json({"max_recos": 2, "model": {"due": True}})

    assert RecoSettings.from_json(chosen.to_json()) == chosen
    assert RecoSettings.from_json(chosen.to_json()).hash == chosen.hash
    assert chosen.hash != RecoSettings().hash
    assert RecoSettings.from_json({"weights": {"model": 3}}).hash == RecoSettings().hash
    for wrong, words in (
        ({"max_reco": 1}, '"max_reco" is not a setting.'),
        ({"model": {"due": 1}}, '"model.due" must be true or false.'),
        ({"max_recos": 2.5}, '"max_recos" must be a whole number.'),
        ({"weights": {"model": -1}}, '"weights.model" must not be below 0.'),
        ({"mode": "best"}, '"mode" must be one of auto, weighted, signals.'),
        ({"slots": []}, '"slots" must be a list of at least one plan.'),
        ({"slots": [{"open": 0}]}, "Each slot plan must have 1 to 10 places."),
        ({"multipliers": {"SALE": 1}}, "Multipliers are for WINBACK"),
        ({"min_recos": 4}, '"min_recos" and "max_recos"'),
        ({"chance": {"luck": 1}}, "The chance is computed from one"),
    ):
        with pytest.raises(SettingsError) as refused:
            RecoSettings.from_json(wrong)
        assert words in str(refused.value)


def test_an_empty_shop_and_customers_without_orders_get_an_answer():
    shop = shop_of(DAY, products_of([]), lines_of([], [], [], []), customers=2)
    assert offered(shop) == ([], {0: NO_ACTION, 1: NO_ACTION})
    assert offered(replace(shop, customers=replace(shop.customers, id=np.zeros(0, int))))[0] == []


def test_no_candidates_means_no_choice():
    known = learn(made_shop(2), RecoSettings())
    block = block_of(known, np.array([], np.int64))
    assert len(block) == 0
    assert engine.lists_of(known, block.rows, mode="weighted").items.reasons == []
