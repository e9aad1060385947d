"""The lists of the engine against rules written down a second time, plainly, one pair at a time."""

import json
import math
from collections import defaultdict
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from recommendations.scoring import engine
from recommendations.scoring.candidates import candidates_of
from recommendations.scoring.knowledge import block_of, learn
from recommendations.scoring.product_rules import why_not
from recommendations.scoring.scenarios import fits_of
from recommendations.scoring.settings import SCENARIOS, RecoSettings
from recommendations.scoring.shop import Pairs
from recommendations.scoring.shop_building import lines_of
from recommendations.scoring.tastes import tastes_of
from tests.recommendations.made_shops import AS_OF, made_shop

STRICT = RecoSettings()
OPEN = RecoSettings.from_json(
    {
        "scenario": {"cross_sell_any": True, "upsell_any": True, "winback_alive": True},
        "segment_multipliers": {"REBUY": {"Lost": 0.5}},
        "slots": [{"repeat": 1, "explore": 1, "open": 1}],
    }
)
FORMULA = RecoSettings.from_json(
    {
        "model": {"signal": "formula", "due": True, "small_customers": 1, "small_products": 1},
        "slots": [
            {"repeat": 1, "explore": 2, "open": 0},
            {"repeat": 2, "explore": 1, "open": 0, "min_orders": 2},
        ],
        "require_price": False,
        "one_per_family": False,
    }
)
CASES = [(STRICT, "signals"), (OPEN, "weighted"), (FORMULA, "weighted"), (FORMULA, "signals")]


def lists(shop, chosen, mode, **options):
    """All items as rows, and the code of every customer without one."""
    items, without = [], {}
    for part in engine.recommend(shop, chosen, mode=mode, **options):
        found = part.items
        columns = (found.customer, found.product, found.rank, found.scenario, found.explore,
                   found.score, found.price)  # fmt: skip
        items += zip(*(x.tolist() for x in columns), found.reasons, strict=True)
        without |= dict(zip(part.excluded.customer.tolist(), part.excluded.code, strict=True))
    return items, without


class Plain:
    """What a shop holds, by customer, without a single array operation."""

    def __init__(self, shop):
        self.shop, self.products = shop, shop.products
        self.back = defaultdict(float)
        for who, what, pieces in zip(
            shop.returns.customer.tolist(), shop.returns.product.tolist(),
            shop.returns.quantity.tolist(), strict=True,
        ):  # fmt: skip
            self.back[who, what] += pieces
        self.rows = self._kept()

    def _kept(self):
        lines, rows, total = self.shop.lines, defaultdict(list), defaultdict(float)
        every = list(
            zip(*(getattr(lines, x).tolist() for x in
                  ("customer", "product", "day", "basket", "money", "quantity")), strict=True)
        )  # fmt: skip
        for who, what, *_, pieces in every:
            total[who, what] += pieces
        for who, what, day, basket, money, pieces in every:
            if self.back.get((who, what), 0) < total[who, what]:
                rows[who].append((what, day, basket, money, pieces))
        return rows

    def buyers(self, product):
        return sum(any(row[0] == product for row in rows) for rows in self.rows.values())

    def days_since(self, who, what):
        days = [AS_OF - day for product, day, *_ in self.rows[who] if product == what]
        return min(days) if days else None

    def median(self, who, of):
        values = [value for row in self.rows[who] if (value := of(row)) is not None]
        return float(np.median(values)) if values else None

    def dominant(self, who):
        spent = defaultdict(float)
        for product, _, _, money, _ in self.rows[who]:
            if (code := self.products.family[product]) >= 0:
                spent[code] += money
        return max(sorted(spent), key=spent.get) if spent else None


def broken_rules(plain, chosen, item):
    """Return a sentence for each rule that the item breaks."""
    who, what, _, scenario, explore, score, price, _ = item
    products, days = plain.products, plain.days_since(who, what)
    last = min((AS_OF - day for _, day, *_ in plain.rows[who]), default=None)
    name, alive = SCENARIOS[scenario], chosen.scenario.winback_alive
    away = not products.active[what] or products.stock[what] == 0 or products.season[what]
    orders = len({row[2] for row in plain.rows[who]})
    return [
        words
        for broken, words in (
            (away, "not on offer"),
            (chosen.require_price and math.isnan(price), "without a price"),
            ((who, what) in plain.back, "was sent back"),
            (days is not None and days < 60, "bought lately"),
            ((days is None) != explore and name != "WINBACK", "wrong slot"),
            (not 0 <= score <= 100, "score out of range"),
            (explore == (name in ("WINBACK", "REBUY")), "wrong kind"),
            (name == "WINBACK" and not alive and last < 365, "not silent long enough"),
            (name == "CROSS_SELL" and not another_family(plain, who, what), "not another family"),
            (name == "UPSELL" and not higher(plain, who, what, price), "not above the own"),
            (name == "NURTURE" and orders > 3, "too many orders"),
        )
        if broken
    ]


def another_family(plain, who, what):
    return plain.products.family[what] != plain.dominant(who) and plain.buyers(what) >= 5


def higher(plain, who, what, price):
    tier = int(plain.products.tier[what])
    tiers = plain.products.tier
    own = plain.median(who, lambda row: tiers[row[0]] if tiers[row[0]] >= 0 else None)
    if tier >= 0 and own is not None:
        return tier >= own + 1
    paid = plain.median(who, lambda row: row[3] / row[4] if row[3] > 0 else None)
    return 1.1 * paid - 0.01 < price <= 2 * paid + 0.01


@settings(max_examples=6)
@given(seed=strategies.integers(0, 10_000), case=strategies.sampled_from(CASES))
def test_every_item_keeps_every_rule_and_everybody_is_answered(seed, case):
    shop, (chosen, mode) = made_shop(seed), case
    plain = Plain(shop)

    items, without = lists(shop, chosen, mode)

    assert {item[0] for item in items} | without.keys() == set(range(len(shop.customers)))
    assert not {item[0] for item in items} & without.keys()
    assert [b for item in items for b in broken_rules(plain, chosen, item)] == []
    by_customer = defaultdict(list)
    for item in items:
        by_customer[item[0]].append(item)
    for who, mine in by_customer.items():
        assert [item[2] for item in mine] == list(range(1, len(mine) + 1))
        assert len({item[1] for item in mine}) == len(mine) <= 3
        assert len({SCENARIOS[item[3]] == "WINBACK" for item in mine}) == 1
        if chosen.one_per_family and not all_differ(shop, mine):
            assert len(families_left(shop, chosen, who)) < len(mine)


def all_differ(shop, mine):
    families = [code for item in mine if (code := shop.products.family[item[1]]) >= 0]
    return len(set(families)) == len(families)


def families_left(shop, chosen, who):
    """Families of all candidates of a customer; products of unknown family count singly."""
    known = learn(shop, chosen)
    block = block_of(known, np.array([who]))
    tastes = tastes_of(known, block)
    fits = fits_of(known, block, tastes)
    found = candidates_of(known, block, fits, tastes, count=1000)
    codes = shop.products.family[found.product]
    return {
        (code, product if code < 0 else 0)
        for code, product in zip(codes, found.product, strict=True)
    }


@cache
def known_lists(mode):
    shop = made_shop(3)
    return shop, OPEN, lists(shop, OPEN, mode)


@pytest.mark.parametrize("mode", ["weighted", "signals"])
def test_points_add_up_to_the_score_and_log_odds_to_the_chance(mode):
    _, chosen, (items, _) = known_lists(mode)

    for *_, score, _, text in items:
        told = json.loads(text)
        points = sum(part["points"] for part in told["components"].values())
        points += sum(part["points"] for part in told["penalties"].values())
        assert min(max(points, 0), 100) == pytest.approx(score, abs=0.06)
        odds = sum(told["model"]["log_odds"].values())
        assert 1 / (1 + math.exp(-odds)) == pytest.approx(told["model"]["strength"], abs=0.002)
        assert told["config_hash"] == chosen.hash
        assert told["eligibility"]["silence_window"] == 135


def test_bars_of_the_plain_order_are_the_parts_of_the_chance():
    shop, _, (items, _) = known_lists("signals")
    ids = shop.products.id.tolist()

    seen = set()
    for *_, text in items:
        told = json.loads(text)
        odds = told["model"]["log_odds"]
        parts = {name: part for name, part in told["components"].items() if part["weight"]}
        assert parts.pop("start")["evidence"]["chance"] < 0.5
        assert all(part["points"] > 0 for part in parts.values())
        parts |= told["penalties"]
        slopes = [parts[name]["points"] / odds[name] for name in parts if abs(odds[name]) > 0.3]
        assert slopes == pytest.approx(slopes[:1] * len(slopes), rel=0.05, abs=0.1)
        assert {name for name, worth in odds.items() if worth and name != "start"} >= parts.keys()
        assert ("repeat" in parts) == (told["model"]["name"] == "repeat")
        if "bought_together" in parts:
            assert told["model"]["because_of"]
            assert {each["product"] for each in told["model"]["because_of"]} <= set(ids)
        seen |= parts.keys()
    assert seen == {"repeat", "age", "popularity", "bought_together"}


@pytest.mark.parametrize("mode", ["weighted", "signals"])
def test_chunks_threads_and_repetition_change_no_byte(mode):
    shop, chosen, first = known_lists(mode)

    assert lists(shop, chosen, mode) == first
    assert lists(shop, chosen, mode, chunk=7, workers=3) == first
    some, _ = lists(shop, chosen, mode, customers=[5, 41, 8], chunk=2, workers=1)
    assert some == [item for item in first[0] if item[0] in (5, 8, 41)]


def test_what_happens_later_changes_nothing():
    shop, chosen, first = known_lists("signals")
    later = lines_of([1, 2], [9999, 9998], [AS_OF + 1, AS_OF + 40], [5, 6], [50, 50], [99, 9999])
    both = replace(
        shop,
        lines=lines_of(*(
            np.concatenate((getattr(shop.lines, x), getattr(later, x)))
            for x in ("customer", "basket", "day", "product", "quantity", "money")
        )),
    )  # fmt: skip

    again, _ = lists(both, chosen, "signals", reasons=False)

    assert [item[:6] for item in again] == [item[:6] for item in first[0]]


def test_every_pair_of_customer_and_product_has_an_answer():
    shop, chosen, (items, without) = known_lists("signals")
    known = learn(shop, chosen)
    offered = {(item[0], item[1]): item[2] for item in items}

    for who in range(0, 60, 10):
        for what in range(len(shop.products)):
            reasons = why_not(shop, chosen, who, what, mode="signals", known=known)
            codes = [reason.code for reason in reasons]
            assert codes, (who, what)
            # A signal of intent may swap ranks, never who is on the list.
            assert (codes == ["OFFERED"]) == ((who, what) in offered), (who, what, reasons)
            json.dumps([reason.details for reason in reasons])
    assert set(without.values()) <= {"NO_ACTION", "NO_CANDIDATE"}


def test_what_was_exported_lately_comes_back_only_where_nothing_else_is_left():
    shop = replace(made_shop(3), intents=Pairs(*(np.zeros(0, np.int32) for _ in range(4))))
    before, _ = lists(shop, STRICT, "signals", reasons=False)
    items = [(who, what) for who, what, *_ in before]
    exported = Pairs(
        *(np.array(x, np.int32) for x in zip(*items, strict=True)),
        np.full(len(items), AS_OF - 9, np.int32),
        np.zeros(len(items), np.float32),
    )

    after, without = lists(replace(shop, exported=exported), STRICT, "signals", reasons=False)

    fresh, repeated = defaultdict(set), defaultdict(set)
    for who, what, *_ in after:
        (repeated if (who, what) in items else fresh)[who].add(what)
    assert fresh
    assert not fresh.keys() & repeated.keys()
    assert {who for who, _ in items} == fresh.keys() | repeated.keys()
    assert not without.keys() & {who for who, _ in items}
