"""Put a customer's taste into words, for a model that turns text into vectors.

Numbers become words ("mostly Riesling", "orders every month"), since embedding models read amounts
only in part. Recency, frequency and money are left out on purpose: they stay a block of numbers of
their own, beside the vector (docs/metrics.md). The input has no field for a name, an address, an
e-mail address or a phone number, and the free-text tags lose what looks like one.

Any change of the words below gets a new template id: the stored vectors then count as stale.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from crm_project.common.private_text import without_contacts, without_full_name, without_private

TEMPLATE = "taste-1"

Level = Literal["low", "medium", "high"]

MOSTLY, SOME, LITTLE = 0.5, 0.2, 0.05
"""Shares of the revenue from which a value is bought mostly, some, a little; less is left out."""

BUDGETS = (
    (Decimal(30), "very small"), (Decimal(75), "small"), (Decimal(150), "medium"),
    (Decimal(300), "large"),
)  # fmt: skip
"""Average order value below which an order has that size, in the shop's currency without tax."""

RHYTHMS = (
    (10.0, "every week"), (45.0, "every month"), (120.0, "every quarter"),
    (240.0, "twice a year"), (500.0, "every year"),
)  # fmt: skip
"""Median days between two orders up to which the customer orders that often."""

MOST_TAGS = 10
LONGEST_VALUE = 80
"""Characters kept of one value: a novel in a tag must not drown the rest."""


@dataclass(frozen=True, slots=True)
class Share:
    """One value of an attribute and its share of the customer's revenue, from 0 to 1."""

    value: str
    share: float


@dataclass(frozen=True, slots=True)
class Aroma:
    """How strong a customer likes one axis of aroma."""

    axis: str
    level: Level


@dataclass(frozen=True, slots=True)
class TasteProfile:
    """All that a profile text may know of a customer; what is not known stays empty or None.

    ``tags`` are free text, the latest first. ``median_gap_days`` needs at least two orders,
    ``average_order_value`` is in the shop's currency without tax.
    """

    families: tuple[Share, ...] = ()
    grapes: tuple[Share, ...] = ()
    sugar_levels: tuple[Share, ...] = ()
    price_bands: tuple[Share, ...] = ()
    aromas: tuple[Aroma, ...] = ()
    products: tuple[str, ...] = ()
    channels: tuple[Share, ...] = ()
    average_order_value: Decimal | None = None
    median_gap_days: float | None = None
    season: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileText:
    """The text, the template that made it, and the SHA-256 of both in hexadecimal."""

    text: str
    template: str
    sha256: str


def profile_text(
    profile: TasteProfile,
    *,
    names: Collection[str] = (),
    full_name: str = "",
    budgets: Sequence[tuple[Decimal, str]] = BUDGETS,
) -> ProfileText:
    """Write the profile in words; a customer of whom nothing is known gets an empty text.

    ``names`` are the words by which the customer is known (name, company, place): they are taken
    out of the tags. Equal taste gives equal text, whoever the customer is: ``full_name`` leaves
    only the labels of articles that were made for that very person.

    >>> riesling = Share("Riesling", 0.7), Share("Pinot Noir", 0.25), Share("Port", 0.01)
    >>> print(profile_text(TasteProfile(families=riesling, median_gap_days=31.0)).text)
    Families: mostly Riesling, some Pinot Noir.
    Rhythm: orders every month.
    """
    sections = (
        ("Families", shares_in_words(profile.families)),
        ("Grapes", shares_in_words(profile.grapes)),
        ("Sweetness", shares_in_words(profile.sugar_levels)),
        ("Price", shares_in_words(profile.price_bands)),
        ("Aromas", _aromas_in_words(profile.aromas)),
        ("Products", ", ".join(_unique(_labels(profile.products, full_name)))),
        ("Budget", budget_in_words(profile.average_order_value, budgets)),
        ("Rhythm", rhythm_in_words(profile.median_gap_days)),
        ("Channels", shares_in_words(profile.channels)),
        ("Season", _clean(profile.season or "")),
        ("Notes", ", ".join(_tags(profile.tags, names))),
    )
    text = "\n".join(f"{label}: {words}." for label, words in sections if words)
    return ProfileText(text=text, template=TEMPLATE, sha256=text_sha256(text))


def text_sha256(text: str, template: str = TEMPLATE) -> str:
    """Return the fingerprint of a text and its template: another one means the vector is stale."""
    return hashlib.sha256(f"{template}\n{text}".encode()).hexdigest()


def shares_in_words(shares: Sequence[Share]) -> str:
    """Say the greatest shares first; equal shares in the order of the alphabet.

    >>> shares_in_words([Share("dry", 0.3), Share("sweet", 0.6), Share("brut", 0.1)])
    'mostly sweet, some dry, a little brut'
    """
    ranked = sorted(shares, key=lambda one: (-one.share, one.value))
    words = ((_share_word(one.share), _clean(one.value)) for one in ranked if one.share >= LITTLE)
    return ", ".join(f"{word} {value}" for word, value in words if value)


def budget_in_words(value: Decimal | None, budgets: Sequence[tuple[Decimal, str]] = BUDGETS) -> str:
    """Say how large an average order is.

    >>> budget_in_words(Decimal("75.00")), budget_in_words(None)
    ('medium orders', '')
    """
    if value is None:
        return ""
    return next((word for bound, word in budgets if value < bound), "very large") + " orders"


def rhythm_in_words(days: float | None) -> str:
    """Say how often a customer orders.

    >>> rhythm_in_words(7), rhythm_in_words(900), rhythm_in_words(None)
    ('orders every week', 'orders seldom', '')
    """
    if days is None:
        return ""
    return "orders " + next((word for bound, word in RHYTHMS if days <= bound), "seldom")


def _share_word(share: float) -> str:
    if share >= MOSTLY:
        return "mostly"
    return "some" if share >= SOME else "a little"


def _aromas_in_words(aromas: Sequence[Aroma]) -> str:
    """Say low and high ones; a medium one tells nothing apart."""
    told = sorted((_clean(one.axis), one.level) for one in aromas if one.level != "medium")
    return ", ".join(f"{level} {axis}" for axis, level in told if axis)


def _tags(tags: Sequence[str], names: Collection[str]) -> list[str]:
    return _unique([without_private(tag, names) for tag in tags])[:MOST_TAGS]


def _labels(products: Sequence[str], full_name: str) -> Sequence[str]:
    """Return the labels without the customer's name: "Glass engraved for Anna Müller"."""
    if not full_name:
        return products
    return [without_full_name(label, full_name) for label in products]


def _unique(values: Sequence[str]) -> list[str]:
    """Return the values that are left after cleaning, each once, in their order."""
    return [value for value in dict.fromkeys(_clean(value) for value in values) if value]


@lru_cache(maxsize=50_000)
def _clean(value: str) -> str:
    """Bring a value onto one line, short, and without what looks like an address or a number."""
    plain = without_contacts(value)[:LONGEST_VALUE]
    return plain.strip(" ,.;:")
