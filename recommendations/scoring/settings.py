"""Every threshold and weight of a recommendation run, checked in words, with one hash.

`RecoSettings.to_json()` is what `RecoConfig.values` stores; keys that are left out take the
defaults below. Contact rules (silence, caps, consent) are not here: the contact policy has them.
Sources of the defaults: the rules page of the project (thresholds and weights of the older
platform where it had one); what back-tests changed is in docs/adr/0050.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, cast

from recommendations.scoring.settings_reader import Reader

SCENARIOS = ("WINBACK", "REBUY", "CROSS_SELL", "UPSELL", "NURTURE")
"""In the order of the codes that the engine uses (WINBACK is 0)."""

EXPLORE_SCENARIOS = ("CROSS_SELL", "UPSELL", "NURTURE")

COMPONENTS = (
    "model", "family", "attr1", "attr2", "budget", "taste", "novelty", "tier", "popularity",
)  # fmt: skip
"""Parts of a weighted score, in the order of the engine's columns."""

CHOICES = {"mode": ("auto", "weighted", "signals"), "model.signal": ("chance", "formula")}
"""What the texts among the settings may be."""


class SettingsError(ValueError):
    """The settings hold something the engine cannot use; the message lists every problem."""


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Who belongs to which scenario.

    Days, money and counts as in the rules page. ``winback_alive`` switches on the second way into
    WINBACK: probability alive below ``winback_max_alive`` and at least
    ``winback_min_overdue`` times the own interval. ``cross_sell_any`` and ``upsell_any`` open
    those scenarios to everybody with two orders (the first is on: few customers of a wide
    range have one dominant family); ``nurture_any`` opens NURTURE to everybody whom WINBACK
    does not fit, for shops where people seldom buy the same thing again.
    """

    winback_recency_days: int = 365
    winback_min_historical_ca: float = 100.0
    winback_alive: bool = False
    winback_max_alive: float = 0.3
    winback_min_overdue: float = 3.0
    rebuy_min_recency_days: int = 150
    rebuy_max_recency_days: int = 2000
    rebuy_interval_share: float = 0.5
    cross_sell_min_dominant_share: float = 0.6
    cross_sell_max_diversity: float = 0.3
    cross_sell_any: bool = True
    cross_sell_min_support: int = 5
    upsell_min_stability: float = 0.6
    upsell_min_tier_lift: int = 1
    upsell_any: bool = False
    upsell_min_family_orders: int = 4
    upsell_price_from: float = 1.1
    upsell_price_to: float = 2.0
    nurture_max_orders: int = 3
    nurture_any: bool = False


@dataclass(frozen=True, slots=True)
class Slots:
    """How many places each kind gets, by the customer's number of orders.

    A plan holds for customers with at least ``min_orders`` orders, the highest such plan wins.
    ``open`` places go to the best candidates of either kind. What a kind cannot fill goes to the
    other.
    """

    repeat: int = 0
    explore: int = 0
    open: int = 3
    min_orders: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """The signals themselves.

    ``signal``: "chance" orders all candidates by one probability of purchase (`chance.py`, with
    the coefficients of `RecoSettings.chance`); "formula" by the sums of the rules page, where
    ``repeat_*`` weigh own decayed counts, what the other products bought say, popularity of all
    time and of the last ``recent_days``, and ``explore_*`` the same for products never bought.
    ``repeat_decay``: per later order day, for both. ``due``: multiply the formula's repeat signal
    by how due the product is. ``ease_*``: how many of the most bought products are modelled, and
    lambda. Small shops (fewer customers or products than given) use shrunk cosine instead.
    ``candidates``: how many of each scenario get a weighted score.
    """

    signal: str = "chance"
    repeat_decay: float = 0.9
    repeat_own: float = 1.0
    repeat_ease: float = 0.0
    repeat_popularity: float = 0.05
    repeat_recent: float = 0.0
    due: bool = False
    explore_ease: float = 1.0
    explore_popularity: float = 2.0
    explore_recent: float = 0.0
    ease_products: int = 3000
    ease_lambda: float = 300.0
    cosine_shrink: float = 20.0
    small_customers: int = 200
    small_products: int = 50
    recent_days: int = 30
    popularity_days: int = 90
    spend_decay: float = 0.9
    taste_decay: float = 0.9
    aroma_confidence: float = 1.0
    intent_min: float = 0.8
    candidates: int = 30


def _weights() -> dict[str, float]:
    return {
        "model": 3.0, "family": 2.0, "attr1": 1.0, "attr2": 2.5, "budget": 2.0, "taste": 1.5,
        "novelty": 0.5, "tier": 1.5, "popularity": 0.8, "recency_penalty": 1.0,
    }  # fmt: skip


def default_multipliers() -> dict[str, float]:
    """Return the factors of the scenarios before anything was learned."""
    return {"REBUY": 1.0, "CROSS_SELL": 1.2, "UPSELL": 1.1, "WINBACK": 0.9, "NURTURE": 1.0}


def _plans() -> tuple[Slots, ...]:
    return (Slots(),)


FEATURES = (
    "one", "bought", "repeat", "times", "age", "pop", "pop_bought", "recent", "like",
    "orders_bought", "size_bought", "recent_bought", "like_bought",
)  # fmt: skip
"""What the chance of a purchase is computed from; see `chance.py`."""


def _chance() -> dict[str, float]:
    return {
        "one": -3.3, "bought": -0.14, "repeat": 1.8, "times": 0.37, "age": -0.1, "pop": -0.59,
        "pop_bought": 0.34, "recent": 0.56, "like": 0.9, "orders_bought": -0.61,
        "size_bought": -0.33, "recent_bought": 0.0, "like_bought": 0.0,
    }  # fmt: skip


def _audit() -> dict[str, float]:
    return {"gate_min_score": 80, "error_penalty": 40, "warn_penalty": 10}


@dataclass(frozen=True, slots=True)
class RecoSettings:
    """All settings of one configuration; equal settings have equal `hash`.

    ``multipliers``: scenario → factor; ``segment_multipliers``: scenario → segment → factor that
    replaces it (as learned from outcomes). ``mode``: "weighted", "signals" or "auto" (the run asks
    the back-test's gate). ``acceptance``: product key → accepted share, or → scenario → share;
    breaks ties. ``quality``: data-quality rule → largest share before a run stops.
    ``require_price`` off: catalogues without prices. ``avoid_exported``: leave out what the last
    two exported runs offered.
    """

    recent_purchase_exclusion_days: int = 60
    max_recos: int = 3
    min_recos: int = 1
    require_price: bool = True
    avoid_exported: bool = True
    one_per_family: bool = True
    mode: str = "auto"
    scenario: Scenarios = field(default_factory=Scenarios)
    slots: tuple[Slots, ...] = field(default_factory=_plans)
    model: Model = field(default_factory=Model)
    chance: Mapping[str, float] = field(default_factory=_chance)
    weights: Mapping[str, float] = field(default_factory=_weights)
    multipliers: Mapping[str, float] = field(default_factory=default_multipliers)
    segment_multipliers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    acceptance: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)
    audit: Mapping[str, float] = field(default_factory=_audit)
    quality: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None = None) -> RecoSettings:
        """Return settings from (part of) what `to_json` gives. Raises SettingsError in words."""
        problems: list[str] = []
        given = Reader(values or {}, problems, CHOICES)
        settings = cast(RecoSettings, given.read(cls, ""))
        problems += [] if problems else list(_contradictions(settings))
        if problems:
            raise SettingsError(" ".join(problems))
        return settings

    def to_json(self) -> dict[str, Any]:
        """Return every key with its value: plain dictionaries, lists, numbers and texts."""
        return {spec.name: _plain(getattr(self, spec.name)) for spec in fields(self)}

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return settings_hash(self.to_json())

    def plan(self, orders: int) -> Slots:
        """Return the slot plan of a customer with so many orders."""
        fitting = [plan for plan in self.slots if plan.min_orders <= orders]
        return max(fitting or self.slots, key=lambda plan: plan.min_orders)

    def multiplier(self, scenario: str, segment: str = "") -> float:
        """Return the factor of a scenario, or of the cell scenario and segment where it has one."""
        cells = self.segment_multipliers.get(scenario, {})
        return cells.get(segment, self.multipliers[scenario])

    def accepted(self, product: str, scenario: str) -> float:
        """Return the learned acceptance of a product key in a scenario; 0 where nothing is known.

        >>> settings = RecoSettings(acceptance={"A": 0.1, "B": {"REBUY": 0.3}})
        >>> settings.accepted("A", "REBUY"), settings.accepted("B", "UPSELL")
        (0.1, 0.0)
        """
        share = self.acceptance.get(product, 0.0)
        return share.get(scenario, 0.0) if isinstance(share, Mapping) else share


def settings_hash(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of ``values`` as canonical JSON: keys sorted, 1.0 written as 1.

    >>> settings_hash({"a": 1.0, "b": 2}) == settings_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(_canonical(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value


def _contradictions(settings: RecoSettings) -> list[str]:
    """Return what single numbers cannot tell."""
    rules, model = settings.scenario, settings.model
    known_weights = {*COMPONENTS, "recency_penalty"}
    checks = [
        (1 <= settings.min_recos <= settings.max_recos <= 10,
         '"min_recos" and "max_recos" must be 1 to 10, the first not above the second.'),
        (rules.rebuy_min_recency_days <= rules.rebuy_max_recency_days,
         '"scenario.rebuy_min_recency_days" must not be above the largest.'),
        (rules.upsell_price_from < rules.upsell_price_to,
         '"scenario.upsell_price_from" must be below "upsell_price_to".'),
        (all(0 < x <= 1 for x in (model.repeat_decay, model.spend_decay, model.taste_decay)),
         'Decays must be above 0 and at most 1.'),
        (model.ease_lambda > 0, '"model.ease_lambda" must be above 0.'),
        (model.ease_products <= 10_000, '"model.ease_products" must be at most 10,000.'),
        (10 <= model.candidates <= 1000, '"model.candidates" must be 10 to 1000.'),
        (model.recent_days > 0 and model.popularity_days > 0,
         '"model.recent_days" and "model.popularity_days" must be above 0.'),
        (sum(settings.weights.get(name, 0.0) for name in COMPONENTS) > 0,
         'At least one weight must be above 0.'),
        (not set(settings.weights) - known_weights,
         f'Weights are {", ".join(sorted(known_weights))}.'),
        (not (set(settings.multipliers) | set(settings.segment_multipliers)) - set(SCENARIOS),
         f'Multipliers are for {", ".join(SCENARIOS)}.'),
        (not set(settings.chance) - set(FEATURES),
         f'The chance is computed from {", ".join(FEATURES)}.'),
        (all(isinstance(cells, Mapping) for cells in settings.segment_multipliers.values()),
         '"segment_multipliers" must hold segments and their numbers.'),
        (all(1 <= plan.repeat + plan.explore + plan.open <= 10 for plan in settings.slots),
         'Each slot plan must have 1 to 10 places.'),
        (len({plan.min_orders for plan in settings.slots}) == len(settings.slots),
         'Two slot plans begin at the same number of orders.'),
    ]  # fmt: skip
    return [words for holds, words in checks if not holds]
