"""Why a product is not offered: every code that there is, each held against the plain facts."""

import json
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from recommendations.scoring.knowledge import learn
from recommendations.scoring.product_rules import why_not
from recommendations.scoring.settings import RecoSettings
from tests.recommendations.made_shops import AS_OF, made_shop
from tests.recommendations.test_engine import Plain, higher
from tests.recommendations.test_engine_parts import small

CLOSED = RecoSettings.from_json(
    {"scenario": {"cross_sell_any": False, "winback_min_historical_ca": 150}}
)
FOCUSED = RecoSettings.from_json(
    {"scenario": {"cross_sell_min_support": 14, "rebuy_max_recency_days": 200},
     "slots": [{"repeat": 1, "open": 1}]}
)  # fmt: skip
CODES = {
    "NOT_A_PRODUCT", "INACTIVE", "OUT_OF_STOCK", "NO_PRICE", "OUT_OF_SEASON",
    "RETURNED", "BOUGHT_RECENTLY", "REPEATED_RECOMMENDATION",
    "TOO_FEW_BUYERS", "NOT_DUE", "TOO_OLD", "DOMINANT_FAMILY", "SUPPORT", "NOT_OWN_FAMILY",
    "NOT_HIGHER", "PRICE_FAR", "NO_PREFERENCE", "LOW_REVENUE", "NOT_LAPSED", "LAPSED",
    "WINBACK_ONLY", "FEW_ORDERS", "NOT_FOCUSED", "NOT_STABLE", "MANY_ORDERS", "OTHER_SCENARIO",
    "OFFERED", "SAME_FAMILY", "RANKED_BELOW",
}  # fmt: skip


def a_shop():
    shop = made_shop(3)
    goods = np.arange(len(shop.products)) % 29 != 5
    return replace(shop, products=replace(shop.products, goods=goods))


def a_declared_taste():
    """One customer without history; products of the declared family at very different prices."""
    rows = [(0, order, 10 + order, order % 3, 1, 10) for order in range(6)]
    shop = small(rows, customers=2, family=["a"] * 4)
    people = replace(shop.customers, declared_family=np.array([-1, 0], np.int32))
    return replace(shop, customers=people)


class Answers(defaultdict):
    """By code; whole shops are nothing to print where a test fails."""

    def __repr__(self):
        return f"{ {code: len(cases) for code, cases in self.items()} }"


@pytest.fixture(scope="module")
def answers():
    """(shop, settings, customer, product) by code, with the details."""
    found = Answers(list)
    for shop, chosen, customers in (
        (a_shop(), CLOSED, range(0, 60, 4)),
        (a_shop(), FOCUSED, range(1, 60, 4)),
        (a_declared_taste(), RecoSettings(), range(2)),
    ):
        known = learn(shop, chosen)
        plain = Plain(shop)
        size = len(shop.products)
        for who in customers:
            for what in range(who % 2, size, 2) if size > 4 else range(size):
                for reason in why_not(shop, chosen, who, what, known=known):
                    case = (shop, plain, who, what, reason.details)
                    found[reason.code].append(case)
    return found


def test_every_code_has_a_case_and_no_case_has_another_code(answers):
    assert set(answers) == CODES
    for cases in answers.values():
        json.dumps([case[-1] for case in cases])


def of_products(code):
    return {
        "NOT_A_PRODUCT": lambda products, what: not products.goods[what],
        "INACTIVE": lambda products, what: not products.active[what],
        "OUT_OF_STOCK": lambda products, what: products.stock[what] == 0,
        "OUT_OF_SEASON": lambda products, what: products.season[what] != 0,
    }[code]


def test_what_a_code_says_of_a_product_is_so(answers):
    for code in ("NOT_A_PRODUCT", "INACTIVE", "OUT_OF_STOCK", "OUT_OF_SEASON"):
        holds = of_products(code)
        assert all(holds(shop.products, what) for shop, _, _, what, _ in answers[code])
    for shop, plain, _, what, _ in answers["NO_PRICE"]:
        assert np.isnan(shop.products.price[what])
        assert plain.buyers(what) == 0
    for _, plain, _, what, told in answers["TOO_FEW_BUYERS"]:
        assert plain.buyers(what) == told["buyers"] == 0
    for _, plain, _, what, told in answers["SUPPORT"]:
        assert plain.buyers(what) == told["buyers"] < told["limit"]


def test_what_a_code_says_of_the_customer_and_the_product_is_so(answers):
    for _, plain, who, what, told in answers["BOUGHT_RECENTLY"]:
        assert plain.days_since(who, what) == told["days"] < told["limit"] == 60
    for _, plain, who, what, _ in answers["RETURNED"]:
        assert (who, what) in plain.back
    for code, below in (("NOT_DUE", True), ("TOO_OLD", False)):
        for _, plain, who, what, told in answers[code]:
            days = plain.days_since(who, what)
            assert days == told["days"]
            assert days < told["needs"] if below else days > told["most"]
    for shop, plain, who, what, _ in answers["DOMINANT_FAMILY"]:
        assert shop.products.family[what] == plain.dominant(who)
    for shop, plain, who, what, _ in answers["NOT_HIGHER"]:
        price = shop.products.price[what]
        assert np.isnan(price) or not higher(plain, who, what, price)
    for shop, _, who, what, _ in answers["REPEATED_RECOMMENDATION"]:
        pairs = zip(shop.exported.customer, shop.exported.product, strict=True)
        assert (who, what) in set(pairs)


def test_what_a_code_says_of_the_customer_is_so(answers):
    for _, plain, who, _, told in answers["NOT_LAPSED"]:
        last = min(AS_OF - day for _, day, *_ in plain.rows[who])
        assert last == told["days"] < told["needs"] == 365
    for _, plain, who, _, told in answers["LAPSED"]:
        assert min(AS_OF - day for _, day, *_ in plain.rows[who]) == told["days"] >= 365
    for _, plain, who, _, told in answers["LOW_REVENUE"]:
        spent = sum(money for *_, money, _ in plain.rows[who])
        assert told["revenue"] == pytest.approx(spent, abs=0.01)
        assert spent < told["needs"]
    for code, few in (("FEW_ORDERS", True), ("MANY_ORDERS", False)):
        for _, plain, who, _, told in answers[code]:
            orders = len({basket for _, _, basket, *_ in plain.rows[who]})
            assert orders == told["orders"]
            assert orders < 2 if few else orders > told["most"]


def test_what_a_code_says_of_the_customers_tastes_is_so(answers):
    for _, plain, who, _, _ in answers["NO_PREFERENCE"]:
        assert not plain.rows[who]
    for *_, told in answers["NOT_FOCUSED"]:
        assert told["share"] < told["needs"] or told["diversity"] > 0.3
    for *_, told in answers["NOT_STABLE"]:
        assert told["stability"] is None or told["stability"] < told["needs"]


def test_who_is_beaten_is_told_by_what(answers):
    for shop, _, _, what, told in answers["SAME_FAMILY"]:
        beside = shop.products.id.tolist().index(told["product"])
        assert shop.products.family[beside] == shop.products.family[what]
        assert beside != what
    assert all(told["rank"] <= 3 for *_, told in answers["OFFERED"])
    ranked = [told for *_, told in answers["RANKED_BELOW"] if told["rank"] is not None]
    assert ranked
    assert all(told["rank"] >= 1 and told["score"] >= 0 for told in ranked)


def test_nobody_asks_about_what_the_shop_has_not():
    shop = a_declared_taste()
    for who, what in ((2, 0), (0, 4), (-1, 0), (0, -1)):
        with pytest.raises(IndexError, match="no such customer or product"):
            why_not(shop, RecoSettings(), who, what)
