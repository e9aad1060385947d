"""The back-test: at several past days, what would have been offered, and was it bought?

Every method chooses from the same products on the same day. The row "our lists" is honest: at each
origin its plan and coefficients come from earlier origins only. What the shop's next run uses is
chosen in the same way, from all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from recommendations.scoring import baselines, chance_fit
from recommendations.scoring.backtest_gate import Gate, gate_of
from recommendations.scoring.backtest_measures import LENGTH, SHORT, Places, lists_by, worth_of
from recommendations.scoring.backtest_origins import Origin, origin_days, origin_of
from recommendations.scoring.backtest_plans import (
    PLANS,
    SIGNALS,
    WEIGHTED,
    Plan,
    Trial,
    best_plan,
    own_lists,
    placed_by,
    settings_for,
)
from recommendations.scoring.backtest_slots import (
    NEW_RIVAL,
    OWN_RIVAL,
    Judged,
    Slot,
    slots_of,
    unreliable,
)
from recommendations.scoring.baselines_fitted import Peer, Scores, neighbours_of
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop import Shop

Tell = Callable[[int, int, str], None]

OURS, ANY_FAMILY = "ours", "any_family"
RIVALS = ("popular_30", "own_decayed", "ease", "als")
"""The baselines that our lists are asked to reach; the others are shown."""


class NotEnoughError(ValueError):
    """The shop has too few past orders to look back at; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a back-test is made.

    ``origins``: days that are judged; ``warm_up``: days before them that only teach. ``spacing``:
    days between them, and left ahead of the last. ``least_history``: days of orders an origin must
    have behind it. ``most_customers``: judged per origin. ``draws``, ``seed``: of the bootstrap.
    """

    origins: int = 4
    warm_up: int = 2
    spacing: int = 30
    least_history: int = 60
    most_customers: int = 5000
    draws: int = 1000
    seed: int = 5
    cells: int = 2_000_000


@dataclass(slots=True, eq=False)
class Found:
    """What a back-test found, before it is written down.

    ``plan``, ``values``: for the present, chosen from all origins. ``gate``: of that choice.
    """

    judged: list[Judged]
    trials: dict[str, list[Trial]]
    plan: Plan
    values: dict[str, Any]
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

    def run(self) -> Found:
        options = self.options
        days = origin_days(
            self.shop,
            count=options.origins + options.warm_up,
            spacing=options.spacing,
            least_history=options.least_history,
        )
        judged: list[Judged] = []
        for number, day in enumerate(days):
            self.tell(number, len(days) + 1, f"Looking ahead from {date.fromordinal(day)}")
            origin = origin_of(
                self.shop, day, self.settings, limit=options.most_customers, seed=options.seed
            )
            if len(origin):
                judged.append(self._judged(origin))
        if not judged:
            raise NotEnoughError(
                "There are not enough past orders to look back at: it takes orders of "
                f"{options.least_history + options.spacing} days, and customers who ordered again."
            )
        self.tell(len(days), len(days) + 1, "Choosing the plan")
        present = self.shop.as_of
        name, gate = self._choice(present)
        plan = next(one for one in PLANS if one.name == name)
        judged = judged[min(options.warm_up, len(judged) - 1) :]
        slots = slots_of(judged, draws=options.draws, seed=options.seed)
        chance = self._fit(present, without=unreliable(slots) if plan.fitted else ())
        values = settings_for(self.settings, plan, chance)[1]
        return Found(judged, self.trials, plan, values, gate, self.peer, slots)

    def _judged(self, origin: Origin) -> Judged:
        """Try all plans and baselines at an origin."""
        chance = self._fit(origin.day)
        name, _ = self._choice(origin.day)
        plan = next(one for one in PLANS if one.name == name)
        judged = Judged(origin, name, settings_for(self.settings, plan, chance)[1])
        for one in PLANS:
            changed = settings_for(self.settings, one, chance)[0]
            lists = own_lists(origin, changed, mode=one.mode, exclusion=True)
            judged.lists[f"plan:{one.name}", True] = lists.products
            if one is plan:
                judged.ours[True] = lists
        methods = list(self._methods(origin))
        for exclusion in (True, False):
            self._ours(judged, plan, exclusion=exclusion)
            for method, kind, scores in methods:
                if not exclusion and method in (OWN_RIVAL, NEW_RIVAL):
                    continue
                judged.lists[method, exclusion] = lists_by(
                    origin, scores, kind=kind, exclusion=exclusion, chunk=self.chunk
                )
            found = chance_fit.examples_of(origin, exclusion=exclusion, chunk=self.chunk)
            self.examples[exclusion].append((origin, found))
        self._remember(judged)
        return judged

    def _ours(self, judged: Judged, plan: Plan, *, exclusion: bool) -> None:
        """Add our lists of three and of ten, and those without the rule on families."""
        origin = judged.origin
        chance = self._fit(origin.day, exclusion=exclusion)
        settings, _ = settings_for(self.settings, plan, chance)
        if exclusion not in judged.ours:
            judged.ours[exclusion] = own_lists(
                origin, settings, mode=plan.mode, exclusion=exclusion
            )
        judged.lists[OURS, exclusion] = judged.ours[exclusion].products
        judged.longer[exclusion] = own_lists(
            origin, settings, mode=plan.mode, length=LENGTH, exclusion=exclusion
        ).products
        judged.lists[ANY_FAMILY, exclusion] = own_lists(
            origin,
            replace(settings, one_per_family=False),
            mode=plan.mode,
            exclusion=exclusion,
        ).products

    def _methods(self, origin: Origin) -> Iterator[tuple[str, str, Scores]]:
        """Yield the baselines: name, kind and scores."""
        for one in (*baselines.SIMPLE, *baselines.HELPERS):
            yield one.name, one.kind, one.scores
        yield "tifu", "any", neighbours_of(origin)
        peer = self.peer.scores(origin, chunk=self.chunk)
        if peer is not None:
            yield "als", "any", peer

    def _remember(self, judged: Judged) -> None:
        origin = judged.origin
        for one in PLANS:
            self.trials[one.name].append(_trial(origin, judged.lists[f"plan:{one.name}", True]))
        for name in RIVALS:
            if (name, True) in judged.lists:
                trial = _trial(origin, judged.lists[name, True])
                self.rivals.setdefault(name, []).append(trial)

    def _fit(
        self, before: int, *, exclusion: bool = True, without: Collection[str] = ()
    ) -> dict[str, float] | None:
        """Return coefficients fitted to the next baskets placed up to ``before``."""
        parts = [
            (part, placed_by(origin, part.place, before))
            for origin, part in self.examples[exclusion]
        ]
        return chance_fit.fitted(parts, self.settings.chance, without=without)

    def _choice(self, before: int) -> tuple[str, Gate]:
        """Return the plan to use, and what the gate said of the best weighted one."""
        plain = [plan.name for plan in PLANS if plan.mode == SIGNALS]
        weighted = [plan.name for plan in PLANS if plan.mode == WEIGHTED]
        best = best_plan(self.trials, before=before, allowed=plain)
        heavy = best_plan(self.trials, before=before, allowed=weighted)
        gate = gate_of(self.trials[heavy], self.trials[best], self.rivals, before=before)
        return (heavy if gate.passed else best), gate


def _trial(origin: Origin, lists: Places) -> Trial:
    ndcg = worth_of(origin, lists, origin.basket, SHORT).values["ndcg"]
    return Trial(origin.rows, ndcg, origin.next_day)
