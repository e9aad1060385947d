"""What a recommendation run knows about a shop at the end of one local day, column by column.

A `Shop` is filled by a selector from PostgreSQL, by the back-test from a `Shop` cut at an earlier
day (`Shop.at`), and by tests through `shop_of`. Days are whole day numbers of the shop's business
calendar (``date.toordinal()``). References between tables are *rows* (places from 0), not keys.
Nothing in a shop may have happened after ``as_of``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from recommendations.scoring.arrays import Bools, Floats, Ints, Singles

AXES = ("fruity", "floral", "spicy", "woody", "mineral", "herbal", "earthy")
"""The taste axes, in the order of the columns of `Products.axes`."""

NONE = -1
"""In a column of rows or codes: not known."""

_SEASONS = {
    "winter": (12, 1, 2),
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
    "fall": (9, 10, 11),
    "christmas": (11, 12),
    "new year": (12, 1),
    "valentine": (1, 2),
    "easter": (3, 4),
    "halloween": (9, 10),
}
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip


def season_mask(tags: Iterable[str]) -> int:
    """Return the months in which a product is in season as bits (bit 0 is January).

    0 means "no season given", which is always in season; tags nobody knows say nothing.

    >>> season_mask(["Summer"]) == (1 << 5 | 1 << 6 | 1 << 7), season_mask([]), season_mask(["may"])
    (True, 0, 16)
    """
    mask = 0
    for raw in tags:
        tag = raw.strip().lower().replace("_", " ").replace("-", " ")
        months = _SEASONS.get(tag) or [
            place for place, name in enumerate(_MONTHS, 1) if tag in (name, name[:3])
        ]
        for month in months:
            mask |= 1 << (month - 1)
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """Every active customer who is nobody's test account, with or without orders.

    ``id``: int64, ascending. ``segment``: int16 code into ``segments`` (the current RFM segment),
    -1 none. ``declared_family``: int32 code into `Products.families` that the customer's profile
    names as a preference, -1 none. ``p_alive``: float32 0…1 of the latest metrics run not after
    ``as_of``, NaN none. ``days_since_contact``: float32 days since the last marketing contact
    really sent, NaN never.
    """

    id: Ints
    segment: npt.NDArray[np.int16]
    declared_family: npt.NDArray[np.int32]
    p_alive: Singles
    days_since_contact: Singles
    segments: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Every product of the catalogue, charges and discontinued ones included.

    ``id``: int64, ascending. ``key``: the article numbers, str. ``family``, ``attr1`` (grape),
    ``attr2`` (sugar level): int32 codes into ``families``, ``attr1_names``, ``attr2_names``, -1 not
    known. ``price``: float64 list price, NaN not known (the engine then takes the median price
    paid). ``tier``: int8 0…3, -1 not known. ``axes``: float32 of shape (products, 7), 1…5, NaN not
    known. ``goods``: bool, False for charges. ``active``: bool. ``stock``: int64 pieces, -1 not
    known. ``season``: uint16 month bits from `season_mask`, 0 always.
    """

    id: Ints
    key: npt.NDArray[np.str_]
    family: npt.NDArray[np.int32]
    attr1: npt.NDArray[np.int32]
    attr2: npt.NDArray[np.int32]
    price: Floats
    tier: npt.NDArray[np.int8]
    axes: Singles
    goods: Bools
    active: Bools
    stock: Ints
    season: npt.NDArray[np.uint16]
    families: tuple[str, ...] = ()
    attr1_names: tuple[str, ...] = ()
    attr2_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """What was sold: one row per order and product, of counted (paid or fulfilled) sales.

    Left out: anonymous sales, charges, customers not in `Customers`. Sorted by customer, then time
    of the order, then order id, then product row: the rows of one order stand together, orders of
    one customer in the order they were placed.

    ``customer``: int32 row. ``basket``: int64 order id. ``day``: int32 local day. ``product``:
    int32 row. ``quantity``: float32 pieces. ``money``: float32 net amount of the shop's currency.
    ``line``: int64 id of the (first) order line, the evidence that reasons point at.
    """

    customer: npt.NDArray[np.int32]
    basket: Ints
    day: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    quantity: Singles
    money: Singles
    line: Ints

    def __len__(self) -> int:
        return len(self.day)

    def take(self, chosen: Bools | Ints) -> Lines:
        """Return the chosen rows, in the same order."""
        return Lines(*(getattr(self, name)[chosen] for name in _LINE_COLUMNS))


_LINE_COLUMNS = ("customer", "basket", "day", "product", "quantity", "money", "line")


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """What came back: one row per return document and product, any order of rows.

    ``customer``, ``product``: int32 rows. ``day``: int32. ``quantity``: float32 pieces, above 0.
    """

    customer: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    quantity: Singles

    def take(self, chosen: Bools) -> Returns:
        """Return the chosen rows, in the same order."""
        return Returns(
            self.customer[chosen], self.product[chosen], self.day[chosen], self.quantity[chosen]
        )


def _no_returns() -> Returns:
    none = np.zeros(0, np.int32)
    return Returns(none, none, none, np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """(customer row, product row) with the day it happened and a value; any order of rows.

    ``customer``, ``product``, ``day``: int32. ``value``: float32.
    """

    customer: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    value: Singles

    def take(self, chosen: Bools) -> Pairs:
        """Return the chosen rows, in the same order."""
        return Pairs(
            self.customer[chosen], self.product[chosen], self.day[chosen], self.value[chosen]
        )


def _no_pairs() -> Pairs:
    none = np.zeros(0, np.int32)
    return Pairs(none, none, none, np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """All columns of one shop at the end of the local day ``as_of``.

    ``exported``: what the last two exported runs before ``as_of`` offered to each customer (value
    unused). ``intents``: signals of intent of the last 14 days that name a product (value 0…1, the
    customer's highest for it). ``silence_window_days``: of the contact policy, only quoted in the
    reasons; None without a policy.
    """

    as_of: int
    customers: Customers
    products: Products
    lines: Lines
    returns: Returns = field(default_factory=_no_returns)
    exported: Pairs = field(default_factory=_no_pairs)
    intents: Pairs = field(default_factory=_no_pairs)
    silence_window_days: int | None = None

    @property
    def date(self) -> date:
        """Return ``as_of`` as a date."""
        return date.fromordinal(self.as_of)

    def at(self, as_of: int) -> Shop:
        """Return the shop as it was known at the end of an earlier day.

        What other runs computed (segment, probability, contacts) belongs to its own day and is
        dropped; catalogue data have no history and stay.
        """
        size = len(self.customers)
        unknown = np.full(size, np.nan, np.float32)
        customers = replace(
            self.customers,
            segment=np.full(size, NONE, np.int16),
            p_alive=unknown,
            days_since_contact=unknown,
        )
        return replace(
            self,
            as_of=as_of,
            customers=customers,
            lines=self.lines.take(self.lines.day <= as_of),
            returns=self.returns.take(self.returns.day <= as_of),
            exported=self.exported.take(self.exported.day <= as_of),
            intents=self.intents.take(self.intents.day <= as_of),
        )

    def offsets(self) -> Ints:
        """Return where each customer's lines begin; one more entry than customers."""
        return np.searchsorted(self.lines.customer, np.arange(len(self.customers) + 1)).astype(
            np.int64
        )

    def in_season(self) -> Bools:
        """Return which products are in season in the month of ``as_of``."""
        bit = np.uint16(1 << (self.date.month - 1))
        always = self.products.season == 0
        return np.asarray(always | ((self.products.season & bit) != 0), np.bool_)
