"""The shapes of reasons as they are written: JSON objects with the names of these fields.

They hold no cycles, so the collector of garbage need not look at them: with some ten for each
offer, that is a fifth of the time.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Part(Struct, gc=False):
    """A component or a penalty: 0…1, its weight, what it adds to the score of 100, its proof."""

    value: float
    weight: float
    points: float
    evidence: dict[str, Any]


class LogOdds(Struct, gc=False):
    """The chance as addends; see `terms.py`."""

    start: float
    repeat: float
    age: float
    popularity: float
    bought_together: float


class Because(Struct, gc=False):
    """A bought product (id) that speaks for the offer, ids of order lines, buyers of both."""

    product: int
    contribution: float
    lines: list[int]
    buyers: int


class Model(Struct, gc=False):
    """What gave the signal, how strong it is, and what it rests on."""

    name: str
    signal: str
    strength: float
    log_odds: LogOdds | dict[str, float]
    because_of: list[Because]


class Eligibility(Struct, gc=False):
    """Days of contact and of purchase that rules look at, and where the price is from."""

    days_since_contact: int | None
    silence_window: int | None
    recent_purchase_days: int
    last_bought: str | None
    price_derived: bool


class Reasons(Struct, gc=False):
    """Why one product is offered to one customer."""

    scenario: str
    slot: str
    mode: str
    components: dict[str, Part]
    missing: list[str]
    penalties: dict[str, Part]
    model: Model
    eligibility: Eligibility
    rank_change: int
    config_hash: str
