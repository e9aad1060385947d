"""The parts of a back-test, each against the plain definition."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recommendations.scoring import backtest, backtest_results, baselines, chance, chance_fit
from recommendations.scoring.arrays import starts_of
from recommendations.scoring.backtest_bootstrap import Resampler
from recommendations.scoring.backtest_gate import gate_of
from recommendations.scoring.backtest_measures import best_places, lists_by, worth_of
from recommendations.scoring.backtest_origins import origin_days, origin_of
from recommendations.scoring.backtest_plans import (
    PLANS,
    Trial,
    best_plan,
    own_lists,
    settings_for,
    simplest,
)
from recommendations.scoring.backtest_slots import Slot, losing
from recommendations.scoring.baselines_tifu import Tifu, TifuModel, vectors
from recommendations.scoring.knowledge import block_of
from recommendations.scoring.settings import FEATURES, RecoSettings
from recommendations.scoring.shop_building import lines_of, products_of, shop_of

LAST = 734_300
SETTINGS = RecoSettings.from_json({"require_price": False})


def made_shop(*, customers=150, products=60, orders=7, seed=0, loyal=0.7):
    """Customers with three favourites each, and a fashion that moves over the range."""
    source = np.random.default_rng(seed)
    rows = []
    for who in range(customers):
        favourites = source.choice(products, 3, replace=False)
        day = LAST - int(source.integers(0, 40))
        for order in range(orders):
            fashion = (day // 30 * 7 + source.integers(0, 5, 2)) % products
            mine = favourites[source.random(3) < loyal]
            rows += [(who, who * 100 + order, day, what) for what in {*mine, *fashion}]
            day -= int(source.integers(20, 50))
    columns = np.array(rows).T
    goods = products_of(
        [f"P{place:03}" for place in range(products)],
        family=[f"F{place % 6}" for place in range(products)],
    )
    return shop_of(LAST, goods, lines_of(*columns), customers=customers)


@pytest.fixture(scope="module")
def shop():
    return made_shop()


@pytest.fixture(scope="module")
def origin(shop):
    return origin_of(shop, LAST - 40, SETTINGS, limit=1000, seed=1)


class TestOrigin:
    def test_targets_are_the_next_order_and_all_orders_of_90_days(self, shop, origin):
        lines = shop.lines
        for place in range(0, len(origin), 17):
            row = origin.rows[place]
            mine = lines.take((lines.customer == row) & (lines.day > origin.day))
            assert origin.next_day[place] == mine.day.min()
            first = set(mine.product[mine.basket == mine.basket[0]].tolist())
            later = set(mine.product[mine.day <= origin.day + 90].tolist())
            for found, expected in ((origin.basket, first), (origin.later, later)):
                keys = found.keys[found.keys // origin.products == place]
                assert set((keys % origin.products).tolist()) == expected
                assert found.count[place] == len(expected)

    def test_only_what_was_bought_in_the_last_60_days_is_kept_back(self, shop, origin):
        lines = shop.lines
        allowed = origin.allowed(0, len(origin), exclusion=True)
        free = origin.allowed(0, len(origin), exclusion=False)
        for place in range(0, len(origin), 17):
            mine = lines.take((lines.customer == origin.rows[place]) & (lines.day <= origin.day))
            late = set(mine.product[origin.day - mine.day < 60].tolist())
            assert set(np.flatnonzero(~allowed[place]).tolist()) == late
            assert free[place].all()

    def test_at_most_so_many_customers_are_judged_always_the_same(self, shop):
        one = origin_of(shop, LAST - 40, SETTINGS, limit=20, seed=1)
        two = origin_of(shop, LAST - 40, SETTINGS, limit=20, seed=1)
        assert len(one) == 20
        assert one.rows.tolist() == two.rows.tolist()

    def test_days_without_enough_history_are_left_out(self, shop):
        days = origin_days(shop, count=50, spacing=30, least_history=60)
        assert min(days) >= shop.lines.day.min() + 60
        assert max(days) == int(shop.lines.day.max()) - 30
        assert len(days) < 50

    def test_a_short_past_gives_days_nearer_to_each_other_and_too_short_a_one_none(self, shop):
        last = int(shop.lines.day.max())
        short = replace(shop, lines=shop.lines.take(shop.lines.day > last - 45))
        days = origin_days(short, count=7, spacing=30, least_history=60)
        assert len(days) >= 3
        assert set(np.diff(days)) == {7}
        week = replace(shop, lines=shop.lines.take(shop.lines.day > last - 15))
        assert origin_days(week, count=7, spacing=30, least_history=60) == []


class TestMeasures:
    def test_they_are_those_of_the_plain_definition(self, origin):
        source = np.random.default_rng(2)
        lists = np.array([source.choice(origin.products, 10, replace=False)
                          for _ in range(len(origin))], np.int32)  # fmt: skip
        lists[0, 1:] = -1
        found = worth_of(origin, lists, origin.basket, 3).values
        for place in range(len(origin)):
            keys = origin.basket.keys[origin.basket.keys // origin.products == place]
            wanted = set((keys % origin.products).tolist())
            mine = lists[place, :3].tolist()
            hits = [item in wanted for item in mine]
            gain = sum(hit / np.log2(2 + rank) for rank, hit in enumerate(hits))
            ideal = sum(1 / np.log2(2 + rank) for rank in range(min(3, len(wanted))))
            assert found["hit"][place] == any(hits)
            assert found["recall"][place] == pytest.approx(sum(hits) / len(wanted))
            assert found["ndcg"][place] == pytest.approx(gain / ideal)
            assert found["full"][place] == (-1 not in mine)
        assert found["full"][0] == 0

    def test_repeats_and_new_products_are_judged_apart(self, origin):
        everything = np.tile(np.arange(10, dtype=np.int32), (len(origin), 1))
        found = worth_of(origin, everything, origin.basket, 10).values
        before = np.isin(origin.basket.keys, origin.bought)
        share = np.bincount(origin.basket.keys[before] // origin.products, minlength=len(origin))
        assert np.isnan(found["recall_repeat"]).tolist() == (share == 0).tolist()

    def test_of_equals_the_first_in_the_catalogue_wins_in_any_width(self):
        for width in (12, 500):
            scores = np.zeros((2, width), np.float32)
            lists = best_places(scores, np.ones((2, width), bool), 3)
            assert lists.shape == (2, 3)
            assert (lists >= 0).all()
        assert lists_of_ties(12) == [0, 1, 2]


def lists_of_ties(width):
    return best_places(np.zeros((1, width), np.float32), np.ones((1, width), bool), 3)[0].tolist()


class TestBaselines:
    @pytest.mark.parametrize("one", baselines.SIMPLE, ids=lambda one: one.name)
    def test_each_gives_the_same_lists_in_any_chunks_from_the_allowed_products(self, origin, one):
        small = lists_by(origin, one.scores, kind=one.kind, exclusion=True, chunk=13)
        large = lists_by(origin, one.scores, kind=one.kind, exclusion=True, chunk=999)
        if one.name != "random":
            assert small.tolist() == large.tolist()
        allowed = origin.allowed(0, len(origin), exclusion=True)
        rows, places = np.nonzero(small >= 0)
        assert allowed[rows, small[rows, places]].all()

    def test_own_counts_are_filled_up_by_popularity_only_where_nothing_was_bought(self, origin):
        lists = lists_by(origin, baselines.SIMPLE[4].scores, kind="any", exclusion=False, chunk=99)
        bought = origin.table(origin.bought, 0, len(origin))
        for place in range(len(origin)):
            own = int(bought[place].sum())
            kinds = bought[place, lists[place]]
            assert kinds[: min(own, 10)].all()
            assert not kinds[min(own, 10) :].any()

    def test_neighbours_weigh_baskets_and_groups_as_published(self):
        # Three baskets, groups of two: the newest two are one group, the oldest another.
        customer, ordinal = np.array([0, 0, 0]), np.array([0, 1, 2])
        table = vectors(customer, np.array([0, 1, 2]), ordinal, np.array([3, 0]), 3,
                        Tifu(group=2, within=0.5, between=0.25))  # fmt: skip
        assert table.toarray()[0] == pytest.approx([1 / 1 * 0.25 / 2, 0.5 / 2 / 2, 1 / 2 / 2])

    def test_nobody_is_a_neighbour_of_himself(self):
        table = vectors(np.array([0, 1, 2]), np.array([0, 1, 2]), np.zeros(3, int), np.ones(3, int),
                        3, Tifu())  # fmt: skip
        model = TifuModel(table, np.ones(3, int), Tifu(neighbours=1, own=0.6))
        scores = model.scores(np.array([0]))[0]
        assert scores[0] == pytest.approx(0.6)
        assert sorted(scores[1:]) == pytest.approx([0.0, 0.4])


class TestChance:
    def test_the_features_are_those_of_the_engine(self, origin):
        """The engine's log odds are the sum of coefficient times feature."""
        known = origin.known
        block = block_of(known, origin.rows)
        said = np.linspace(-0.1, 0.4, len(block.pair))
        base = chance.of_products(known)[block.product]
        expected = chance.of_bought(known, block, base, said)
        features = chance_fit.features_of(origin, block.who, block.product.astype(np.int64), said)
        coef = np.array([SETTINGS.chance[name] for name in FEATURES])
        assert features @ coef == pytest.approx(expected, abs=1e-5)

    def test_a_known_law_is_found_again_and_few_examples_keep_what_was_given(self):
        source = np.random.default_rng(0)
        size = 40_000
        features = np.zeros((size, len(FEATURES)))
        features[:, 0] = 1.0
        features[:, FEATURES.index("recent")] = source.normal(size=size)
        features[:, FEATURES.index("like")] = source.normal(size=size)
        truth = dict.fromkeys(FEATURES, 0.0) | {"one": -2.0, "recent": 1.0, "like": -0.5}
        odds = features @ np.array([truth[name] for name in FEATURES])
        label = source.random(size) < 1 / (1 + np.exp(-odds))
        part = chance_fit.Examples(np.arange(size), features, label)
        given = dict.fromkeys(FEATURES, 0.0)

        found = chance_fit.fitted([(part, np.ones(size, bool))], given)
        assert found["recent"] == pytest.approx(1.0, abs=0.06)
        assert found["like"] == pytest.approx(-0.5, abs=0.06)
        assert chance_fit.fitted([(part, np.arange(size) < 30)], given) is None
        held = chance_fit.fitted([(part, np.ones(size, bool))], given, pull=1e9)
        assert held["recent"] == pytest.approx(0.0, abs=0.01)
        plain = chance_fit.fitted([(part, np.ones(size, bool))], given, plainly=(chance_fit.NEWS,))
        assert plain["like"] == 0.0
        assert held["like_bought"] == 0.0


class TestChoice:
    def test_a_plan_must_be_better_by_more_than_chance_may_do(self):
        days, none = np.full(40, 10), np.zeros(0, int)
        close = [trial(0.3 + noise, days, noise=0.5) for noise in (0.0, 0.01)]
        close[1].ndcg[::2] += 0.4
        close[1].ndcg[1::2] -= 0.4
        allowed = ["first", "other"]
        pair = dict(zip(allowed, ([one] for one in close), strict=True))
        assert best_plan(pair, before=10, allowed=allowed) == "first"
        few = {name: [trial(value, days[:29])] for name, value in (("first", 0.1), ("other", 0.9))}
        assert best_plan(few, before=10, allowed=allowed) == "first"
        assert best_plan({"first": [trial(1, none)]}, before=10, allowed=["first"]) == "first"

    def test_plans_are_compared_only_on_baskets_that_were_placed_by_then(self):
        early, late = np.full(50, 10), np.full(50, 20)
        trials = {
            "a": [trial(0.3, early), trial(0.1, late)],
            "b": [trial(0.2, early), trial(0.9, late)],
        }
        assert best_plan(trials, before=10, allowed=["a", "b"]) == "a"
        assert best_plan(trials, before=20, allowed=["a", "b"]) == "b"
        assert best_plan(trials, before=9, allowed=["b", "a"]) == "b"

    def test_the_weighted_score_passes_only_where_it_loses_to_nobody(self):
        days = np.full(400, 10)
        good, plain, bad = (trial(value, days, noise=0.1) for value in (0.5, 0.4, 0.2))
        rivals = {"own_decayed": [trial(0.3, days, noise=0.1)], "ease": [bad]}

        passed = gate_of([good], [plain], rivals, before=10)
        assert (passed.passed, passed.reason, passed.rival) == (True, "", "own_decayed")
        lost = gate_of([bad], [plain], rivals, before=10)
        assert not lost.passed
        assert lost.low < -0.05
        assert "best simple rule" in lost.reason
        below = gate_of([plain], [good], rivals, before=10)
        assert below.reason == "The plain order of the signals finds more of what was bought."
        assert "too few" in gate_of([good], [plain], rivals, before=9).reason

    @pytest.mark.parametrize(
        ("verdicts", "kinds"),
        [({}, set()), ({"REBUY": "below"}, {"repeats"}), ({"REBUY": "not above"}, {"repeats"}),
         ({"CROSS_SELL": "below"}, {"new"}), ({"UPSELL": "below"}, set()),
         ({"EXPLORE": "not above", "REBUY": "below"}, {"repeats", "new"})],
    )  # fmt: skip
    def test_kinds_of_items_that_lose_fall_back_to_the_simplest_rule(self, verdicts, kinds):
        slots = [slot(name, verdicts.get(name, "beats"))
                 for name in ("REBUY", "CROSS_SELL", "UPSELL", "EXPLORE")]  # fmt: skip
        assert set(losing(slots)) == kinds
        assert len(backtest_results.fallbacks_of(slots)) == len(kinds)

    def test_what_fell_back_really_has_the_order_of_the_simplest_rule(self, origin):
        """Repeats stand as in own decayed frequency and first, new products as popularity has."""
        values = simplest(SETTINGS, PLANS[0], None, (chance_fit.REPEATS, chance_fit.NEWS))
        settings = RecoSettings.from_json({**SETTINGS.to_json(), **values, "one_per_family": False})
        known = replace(origin.known, settings=settings)
        block = block_of(known, origin.rows)
        nothing = np.zeros(len(block.pair))
        base = chance.of_products(known)
        odds = chance.of_bought(known, block, base[block.product], nothing + 0.3)
        for who in range(0, len(origin), 11):
            mine = block.who == who
            own = block.own[mine].astype(float)
            order = np.argsort(-odds[mine], kind="stable")
            assert (np.diff(own[order]) <= 0.05).all()
            assert odds[mine].min() > base.max()
        latest = known.catalogue.latest_buyers
        assert (np.diff(latest[np.argsort(-base, kind="stable")]) <= 0).all()


def trial(value, days, noise=0.0):
    spread = np.random.default_rng(1).normal(size=len(days)) * noise
    return Trial(np.arange(len(days)), value + spread, days)


def slot(name, verdict):
    return Slot(name, "popular_new", 100, 0.1, 0.2, None, verdict)


def test_intervals_are_of_customers_and_not_of_rows():
    source = np.random.default_rng(4)
    values = source.normal(size=300)
    once = Resampler(np.arange(300), draws=400, seed=1).interval(values)
    copies = Resampler(np.tile(np.arange(300), 9), draws=400, seed=1).interval(np.tile(values, 9))
    assert copies["mean"] == pytest.approx(once["mean"], abs=1e-6)
    assert copies["high"] - copies["low"] == pytest.approx(once["high"] - once["low"], rel=0.02)
    width = 2 * 1.96 * values.std() / np.sqrt(300)
    assert once["high"] - once["low"] == pytest.approx(width, rel=0.15)
    assert Resampler(np.arange(3), draws=5, seed=1).interval(np.full(3, np.nan)) is None


class TestBacktest:
    OPTIONS = backtest.Options(origins=2, warm_up=1, draws=100)

    def test_loyal_customers_are_found_again_and_chance_beats_chance(self, shop):
        found = backtest.run(shop, SETTINGS, self.OPTIONS)
        results = backtest_results.results_of(found, self.OPTIONS)
        rows = {row["name"]: row for row in results["tables"][1]["rows"]}
        assert rows["ours"]["at3"]["ndcg"] > 2 * rows["random"]["at3"]["ndcg"]
        # Favourites of one family cannot stand in one list; without that rule nothing is lost.
        assert rows["any_family"]["at3"]["ndcg"] >= 0.95 * rows["own_decayed"]["at3"]["ndcg"]
        words = backtest_results.words_of(results, backtest_results.chosen_of(found))
        assert words[0].startswith("Looked ahead from 2 past days")

    def test_no_origin_learns_from_what_came_after_it(self, shop):
        """Other orders after an origin change its targets, and nothing of its lists."""
        whole = backtest.run(shop, SETTINGS, self.OPTIONS).judged[-1]
        day = whole.origin.day
        lines = shop.lines
        late = lines.day > day
        changed = shop_of(LAST, shop.products, lines_of(
            lines.customer, lines.basket, lines.day,
            np.where(late, (lines.product + 31) % len(shop.products), lines.product),
        ), customers=len(shop.customers))  # fmt: skip
        other = backtest.run(changed, SETTINGS, self.OPTIONS).judged[-1]
        assert other.plan == whole.plan
        assert other.values == whole.values
        assert other.origin.rows.tolist() == whole.origin.rows.tolist()
        for name in whole.lists:
            assert other.lists[name].tolist() == whole.lists[name].tolist(), name

    def test_a_shop_without_a_past_is_refused_in_words(self, shop):
        with pytest.raises(backtest.NotEnoughError, match="21 days"):
            backtest.run(shop.at(int(shop.lines.day.min()) + 5), SETTINGS, self.OPTIONS)

    def test_every_plan_keeps_the_rules_of_the_list(self, origin):
        for plan in PLANS:
            settings, _ = settings_for(SETTINGS, plan, None)
            lists = own_lists(origin, settings, mode=plan.mode, exclusion=True).products[:, :3]
            allowed = origin.allowed(0, len(origin), exclusion=True)
            rows, places = np.nonzero(lists >= 0)
            assert allowed[rows, lists[rows, places]].all()


TAFENG = [Path(os.environ.get(f"CRM_TAFENG_{part}", "/nowhere")) for part in ("HISTORY", "FUTURE")]


@pytest.mark.skipif(not all(path.is_file() for path in TAFENG), reason="needs TaFeng's two files")
def test_published_figures_are_reached_on_tafeng():
    """GP-TopFreq .118 and TIFU-kNN .130 recall@10 (users 72/8/20, seed 0)."""
    past, last = (np.genfromtxt(path, delimiter=",", skip_header=1, dtype=int) for path in TAFENG)
    products = int(max(past[:, 2].max(), last[:, 2].max())) + 1
    _, who = np.unique(np.concatenate((past[:, 0], last[:, 0])), return_inverse=True)
    rows = np.concatenate((past, np.column_stack((last[:, 0], np.full(len(last), 10**6),
                                                  last[:, 2]))))  # fmt: skip
    days = np.where(rows[:, 1] == 10**6, LAST, LAST - 200 + rows[:, 1])
    shop = shop_of(
        LAST,
        products_of([str(place) for place in range(products)]),
        lines_of(who, who * 1000 + days - LAST + 500, days, rows[:, 2]),
        customers=int(who.max()) + 1,
    )
    origin = origin_of(shop, LAST - 1, SETTINGS, limit=10**9, seed=0)
    test = np.random.default_rng(0).permutation(len(origin))[: len(origin) // 5]
    history = origin.known.history
    tifu = TifuModel(
        vectors(history.lines.customer.astype(int), history.lines.product.astype(int),
                history.ordinal.astype(int), history.orders, products, Tifu()),
        history.orders, Tifu(),
    )  # fmt: skip
    expected = (
        (baselines.SIMPLE[4].scores, 0.118),
        (lambda asked, start, stop: tifu.scores(asked.rows[start:stop]), 0.130),
    )
    for scores, published in expected:
        lists = lists_by(origin, scores, kind="any", exclusion=False, chunk=500)
        recall = worth_of(origin, lists, origin.basket, 10).values["recall"][test]
        assert recall.mean() == pytest.approx(published, abs=0.008)
    assert len(starts_of(origin.rows)) == len(origin)
