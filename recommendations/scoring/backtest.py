"""The back-test: at several past days, what would have been offered, and was it bought?

Every method chooses from the same products on the same day. The row "our lists" is honest: at each
origin its plan and coefficients come from earlier origins only. What the shop's next run uses is
chosen in the same way, from all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from recommendations.scoring import baselines, chance_fit
from recommendations.scoring.arrays import Bools
from recommendations.scoring.backtest_gate import Gate, gate_of
from recommendations.scoring.backtest_measures import LENGTH, SHORT, Places, lists_by, worth_of
from recommendations.scoring.backtest_origins import LEAST_DAYS, Origin, origin_days, origin_of
from recommendations.scoring.backtest_plans import (
    PLANS,
    SIGNALS,
    WEIGHTED,
    OwnLists,
    Plan,
    Trial,
    best_plan,
    merged,
    own_lists,
    placed_by,
    settings_for,
    simplest,
)
from recommendations.scoring.backtest_slots import (
    NEW_RIVAL,
    OWN_RIVAL,
    Judged,
    Slot,
    losing,
    slots_of,
)
from recommendations.scoring.baselines_fitted import Peer, Scores, neighbours_of
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop import Shop

Tell = Callable[[int, int, str], None]

OURS, ANY_FAMILY = "ours", "any_family"
GATE_RIVALS = ("popular_30", "own_filled", "own_decayed", "ease", "als")
"""The baselines that the gate of the weighted score knows, so that they are tried at every day."""

RIVALS = (*GATE_RIVALS, "popular", "own_counts", "ease_new", "tifu")
"""The baselines that our lists are asked to reach: all but the random one."""

RULED = ":one_per_family"
"""Ends the name of a rival whose lists obey the rule of one product per family, as ours do."""

TRIED_DRAWS = 200
"""Of the bootstrap that decides at an origin which kinds of items fall back."""


class NotEnoughError(ValueError):
    """The shop has too few past orders to look back at; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a back-test is made.

    ``origins``: days that are judged; ``warm_up``: days before them that only teach. ``spacing``:
    days between them, and left ahead of the last; shorter where the shop's past is short.
    ``least_history``: days of orders an origin should have behind it. ``most_customers``: judged
    per origin. ``draws``, ``seed``: of the bootstrap.
    """

    origins: int = 4
    warm_up: int = 3
    spacing: int = 30
    least_history: int = 60
    most_customers: int = 5000
    draws: int = 1000
    seed: int = 5
    cells: int = 2_000_000


@dataclass(slots=True, eq=False)
class Found:
    """What a back-test found, before it is written down.

    ``plan``, ``values``, ``mode``: for the present, chosen from all origins; ``plainly``:
    kinds of items that fell back to the simplest rule. ``gate``: of that choice.
    """

    judged: list[Judged]
    trials: dict[str, list[Trial]]
    plan: Plan
    values: dict[str, Any]
    mode: str
    plainly: tuple[str, ...]
    gate: Gate
    peer: Peer
    slots: list[Slot]


def run(shop: Shop, settings: RecoSettings, options: Options, *, tell: Tell | None = None) -> Found:
    """Make a back-test of ``shop``. Raises NotEnoughError."""
    return _Backtest(shop, settings, options, tell).run()


class _Backtest:
    def __init__(
        self, shop: Shop, settings: RecoSettings, options: Options, tell: Tell | None
    ) -> None:
        self.shop, self.settings, self.options = shop, settings, options
        self.tell: Tell = tell or (lambda done, total, what: None)
        self.chunk = max(64, min(2048, options.cells // max(1, len(shop.products))))
        self.examples: dict[bool, list[tuple[Origin, chance_fit.Examples]]] = {True: [], False: []}
        self.trials: dict[str, list[Trial]] = {plan.name: [] for plan in PLANS}
        self.rivals: dict[str, list[Trial]] = {}
        self.peer = Peer()
        self.past: list[Judged] = []
        self.fits: dict[tuple[int, bool, tuple[str, ...]], dict[str, float] | None] = {}

    def run(self) -> Found:
        options = self.options
        days = origin_days(
            self.shop,
            count=options.origins + options.warm_up,
            spacing=options.spacing,
            least_history=options.least_history,
        )
        teaching = max(0, min(options.warm_up, len(days) - options.origins, len(days) - 1))
        for number, day in enumerate(days):
            self.tell(number, len(days) + 1, f"Looking ahead from {date.fromordinal(day)}")
            origin = origin_of(
                self.shop, day, self.settings, limit=options.most_customers, seed=options.seed
            )
            if len(origin):
                self._judge(origin, full=number >= teaching)
        judged = [one for one in self.past if one.longer]
        if not judged:
            raise NotEnoughError(
                "There are not enough past orders to look back at: it takes orders of at least "
                f"{LEAST_DAYS} days, and customers who ordered again."
            )
        self.tell(len(days), len(days) + 1, "Choosing the plan")
        return self._found(judged)

    def _found(self, judged: list[Judged]) -> Found:
        options, present = self.options, self.shop.as_of
        plan, gate = self._choice(present)
        slots = slots_of(judged, plan.name, draws=options.draws, seed=options.seed)
        plainly = losing(slots)
        values, mode = self._made(plan, present, plainly)
        return Found(judged, self.trials, plan, values, mode, plainly, gate, self.peer, slots)

    def _made(
        self, plan: Plan, before: int, plainly: tuple[str, ...], *, exclusion: bool = True
    ) -> tuple[dict[str, Any], str]:
        """Return the values and the mode of a plan, as known at a day."""
        chance = self._fit(before, exclusion=exclusion, plainly=plainly)
        if plainly:
            return simplest(self.settings, plan, chance, plainly), SIGNALS
        return settings_for(self.settings, plan, chance)[1], plan.mode

    def _judge(self, origin: Origin, *, full: bool) -> None:
        """Try all plans at an origin; if ``full``, also all baselines, with every rule."""
        plan, _ = self._choice(origin.day)
        tried = self._tried(origin)
        # What loses falls back as it would have that day: by baskets that were placed by then.
        slots = slots_of(
            self.past, plan.name, draws=TRIED_DRAWS, seed=self.options.seed, before=origin.day
        )
        plainly = losing(slots) if self.past else ()
        values, _ = self._made(plan, origin.day, plainly)
        judged = Judged(origin, plan.name, values, tried, plainly)
        methods = dict(self._methods(origin, full=full))
        for exclusion in (True, False) if full else (True,):
            if full:
                self._ours(judged, plan, exclusion=exclusion)
            for method, (kind, scores) in methods.items():
                if exclusion or method not in (OWN_RIVAL, NEW_RIVAL):
                    judged.lists[method, exclusion] = lists_by(
                        origin, scores, kind=kind, exclusion=exclusion, chunk=self.chunk
                    )
                if full and exclusion and method in RIVALS and self.settings.one_per_family:
                    judged.lists[method + RULED, True] = lists_by(
                        origin, scores, kind=kind, exclusion=True, chunk=self.chunk,
                        family=self.shop.products.family,
                    )  # fmt: skip
        self._learn(judged, tried)

    def _tried(self, origin: Origin) -> dict[str, OwnLists]:
        """Return the lists of every plan, with what was known that day."""
        chance = self._fit(origin.day)
        tried: dict[str, OwnLists] = {}
        for plan in PLANS:
            if plan.name == "as_shipped" and chance is None:
                tried[plan.name] = tried["signals"]
                continue
            changed = settings_for(self.settings, plan, chance)[0]
            tried[plan.name] = own_lists(origin, changed, mode=plan.mode, exclusion=True)
        return tried

    def _ours(self, judged: Judged, plan: Plan, *, exclusion: bool) -> None:
        """Add our lists of three and of ten, and those without the rule on families."""
        origin = judged.origin
        values, mode = self._made(plan, origin.day, judged.plainly, exclusion=exclusion)
        settings = RecoSettings.from_json(merged(self.settings.to_json(), values))

        def lists(changed: RecoSettings, length: int = SHORT) -> Places:
            found = own_lists(origin, changed, mode=mode, length=length, exclusion=exclusion)
            return found.products

        same = exclusion and not judged.plainly
        judged.lists[OURS, exclusion] = (
            judged.tried[plan.name].products if same else lists(settings)
        )
        judged.longer[exclusion] = lists(settings, LENGTH)
        judged.lists[ANY_FAMILY, exclusion] = lists(replace(settings, one_per_family=False))

    def _methods(self, origin: Origin, *, full: bool) -> Iterator[tuple[str, tuple[str, Scores]]]:
        """Yield the baselines: name, kind and scores; only what choosing needs if not ``full``."""
        for one in (*baselines.SIMPLE, *baselines.HELPERS):
            if full or one.name in (*GATE_RIVALS, OWN_RIVAL, NEW_RIVAL):
                yield one.name, (one.kind, one.scores)
        if full:
            yield "tifu", ("any", neighbours_of(origin))
        peer = self.peer.scores(origin, chunk=self.chunk)
        if peer is not None:
            yield "als", ("any", peer)

    def _learn(self, judged: Judged, tried: dict[str, OwnLists]) -> None:
        """Keep what later origins may learn from this one."""
        origin = judged.origin
        for name, lists in tried.items():
            self.trials[name].append(_trial(origin, lists.products))
        for name in GATE_RIVALS:
            if (name, True) in judged.lists:
                trial = _trial(origin, judged.lists[name, True])
                self.rivals.setdefault(name, []).append(trial)
        for exclusion in (True, False):
            found = chance_fit.examples_of(origin, exclusion=exclusion, chunk=self.chunk)
            self.examples[exclusion].append((origin, found))
        self.past.append(judged)

    def _fit(
        self, before: int, *, exclusion: bool = True, plainly: tuple[str, ...] = ()
    ) -> dict[str, float] | None:
        """Return coefficients fitted to the next baskets placed up to ``before``."""
        key = (before, exclusion, plainly)
        if key not in self.fits:
            parts: list[tuple[chance_fit.Examples, Bools]] = [
                (part, placed_by(origin, part.place, before))
                for origin, part in self.examples[exclusion]
            ]
            self.fits[key] = chance_fit.fitted(parts, self.settings.chance, plainly=plainly)
        return self.fits[key]

    def _choice(self, before: int) -> tuple[Plan, Gate]:
        """Return the plan to use, and what the gate said of the best weighted one."""
        plain = [plan.name for plan in PLANS if plan.mode == SIGNALS]
        weighted = [plan.name for plan in PLANS if plan.mode == WEIGHTED]
        best = best_plan(self.trials, before=before, allowed=plain)
        heavy = best_plan(self.trials, before=before, allowed=weighted)
        gate = gate_of(self.trials[heavy], self.trials[best], self.rivals, before=before)
        name = heavy if gate.passed else best
        return next(plan for plan in PLANS if plan.name == name), gate


def _trial(origin: Origin, lists: Places) -> Trial:
    ndcg = worth_of(origin, lists, origin.basket, SHORT).values["ndcg"]
    return Trial(origin.rows, ndcg, origin.next_day)
