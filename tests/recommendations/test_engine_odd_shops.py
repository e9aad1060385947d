"""Shops at the edge: tiny, without prices or families, huge numbers, any order of the input."""

import json
from dataclasses import replace

import numpy as np
import pytest

from recommendations.scoring import engine
from recommendations.scoring.lists import NO_ACTION, NO_CANDIDATE
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop_building import lines_of, products_of, shop_of
from tests.recommendations.made_shops import made_shop
from tests.recommendations.test_engine import lists
from tests.recommendations.test_engine_parts import offered, small

MODES = ("signals", "weighted")


def said(items):
    return [(*item[:-1], json.loads(item[-1])["model"]["log_odds"]) for item in items]


@pytest.mark.parametrize("mode", MODES)
def test_one_customer_and_one_product_are_a_shop(mode):
    shop = small([(0, 1, 200, 0, 1, 10)], products=1, customers=1)

    items, codes = offered(shop, mode=mode)

    assert items == [(0, 0, "REBUY")]
    assert codes == {}
    fresh = small([(0, 1, 5, 0, 1, 10)], products=1, customers=1)
    assert offered(fresh, mode=mode) == ([], {0: NO_CANDIDATE})


@pytest.mark.parametrize("mode", MODES)
def test_shops_without_customers_products_or_orders_get_an_answer(mode):
    nothing = lines_of([], [], [], [])
    for products in ([], ["A"], ["A", "B"]):
        for customers in (0, 1, 3):
            shop = shop_of(734_500, products_of(products), nothing, customers=customers)
            assert offered(shop, mode=mode) == ([], dict.fromkeys(range(customers), NO_ACTION))


@pytest.mark.parametrize("mode", MODES)
def test_products_without_price_and_family_are_offered_where_the_shop_asks_for_neither(mode):
    rows = [(who, 10 * who + turn, 100 + 40 * turn, (who + turn) % 6, 2, 0)
            for who in range(8) for turn in range(3)]  # fmt: skip
    who, order, ago, what, pieces, money = zip(*rows, strict=True)
    sold = lines_of(who, order, 734_500 - np.array(ago), what, pieces, money)
    shop = shop_of(734_500, products_of([f"P{place}" for place in range(6)]), sold, customers=8)

    assert offered(shop, mode=mode)[0] == []
    free = RecoSettings.from_json({"require_price": False})
    items, without = lists(shop, free, mode)

    assert {item[0] for item in items} == set(range(8))
    assert not without
    for item in items:
        told = json.loads(item[-1])
        assert not {"family", "budget", "tier", "taste"} & told["components"].keys()
        if mode == "weighted":
            assert {"family", "attr1", "attr2", "budget", "taste"} <= set(told["missing"])


def test_amounts_and_ages_of_any_size_give_scores_within_0_and_100():
    rows = [(0, 1, 60, 0, 1e6, 1e12), (0, 2, 700_000, 1, 1e-3, 1e-2), (1, 3, 90, 0, 1, 0),
            (1, 4, 61, 1, 1e9, 1e-2), (1, 5, 365, 2, 3, 5)]  # fmt: skip
    shop = small(rows, family=["a", "b", "c", "d"])
    for mode in MODES:
        for part in engine.recommend(shop, RecoSettings(), mode=mode):
            assert ((part.items.score >= 0) & (part.items.score <= 100)).all()
            for text in part.items.reasons:
                assert b"NaN" not in text
                assert json.loads(text)["components"]


@pytest.mark.parametrize("mode", MODES)
def test_the_order_of_the_input_changes_nothing(mode):
    shop = made_shop(8)
    names = ("customer", "basket", "day", "product", "quantity", "money")
    mixed = np.random.default_rng(1).permutation(len(shop.lines))
    again = replace(shop, lines=lines_of(*(getattr(shop.lines, name)[mixed] for name in names)))

    for name in names:
        assert np.array_equal(getattr(shop.lines, name), getattr(again.lines, name))
    # The reasons name order lines, whose ids are the places in the input.
    items, without = lists(again, RecoSettings(), mode)
    assert (said(items), without) == (said(lists(shop, RecoSettings(), mode)[0]), without)


@pytest.mark.parametrize("mode", MODES)
def test_rows_asked_for_twice_in_any_order_or_none_are_answered_once(mode):
    shop = made_shop(8)
    plain = lists(shop, RecoSettings(), mode, customers=[3, 7, 40])

    assert lists(shop, RecoSettings(), mode, customers=[40, 3, 7, 3], chunk=1) == plain
    assert lists(shop, RecoSettings(), mode, customers=[]) == ([], {})
    with pytest.raises(IndexError):
        lists(shop, RecoSettings(), mode, customers=[len(shop.customers)])


def test_a_reader_who_stops_early_ends_the_work():
    parts = engine.recommend(made_shop(8), RecoSettings(), chunk=5, workers=2)

    first = next(parts)
    parts.close()

    assert first.customers.tolist() == [0, 1, 2, 3, 4]
