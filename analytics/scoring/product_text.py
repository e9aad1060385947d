"""Put a product into the words of the profile texts, so that both lie in one space.

A change of the words gets a new template id together with ``profile_text``: see there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analytics.scoring.profile_text import (
    Aroma,
    Level,
    ProfileText,
    Share,
    TasteProfile,
    profile_text,
)

LOW, HIGH = 2, 4
"""Aroma axes have 1 to 5: up to 2 counts as low, from 4 on as high."""


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What a product text may know; what is not known stays empty."""

    label: str
    family: str = ""
    grape: str = ""
    sugar_level: str = ""
    price_band: str = ""
    aromas: Mapping[str, int] = field(default_factory=dict)
    seasons: Sequence[str] = ()


def product_text(facts: ProductFacts) -> ProfileText:
    """Write a product as if somebody bought nothing else.

    >>> print(product_text(ProductFacts("Hill 2021", family="Riesling", sugar_level="dry")).text)
    Families: mostly Riesling.
    Sweetness: mostly dry.
    Products: Hill 2021.
    """
    return profile_text(
        TasteProfile(
            families=_whole(facts.family),
            grapes=_whole(facts.grape),
            sugar_levels=_whole(facts.sugar_level),
            price_bands=_whole(facts.price_band),
            aromas=tuple(Aroma(axis, _level(value)) for axis, value in facts.aromas.items()),
            products=(facts.label,),
            season=", ".join(facts.seasons) or None,
        )
    )


def _whole(value: str) -> tuple[Share, ...]:
    return (Share(value, 1.0),) if value else ()


def _level(value: int) -> Level:
    if value <= LOW:
        return "low"
    return "high" if value >= HIGH else "medium"
