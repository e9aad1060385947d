"""Who visits the made shop and what it sells."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

CURRENCY = "GBP"

_THINGS = ("mug", "lantern", "tea towel", "candle", "notebook", "tray", "cushion", "clock", "vase")
_LOOKS = ("red", "vintage", "floral", "striped", "wooden", "blue", "enamel", "linen", "small")


@dataclass(frozen=True, slots=True)
class Goods:
    """An article: its key and label in the shop, its price in the world's currency."""

    key: str
    label: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Bought:
    """A real order, so that a made visit can lead up to it.

    ``at`` is in µs since the epoch, UTC. ``lines`` are (article, quantity, amount of the line).
    """

    customer: str
    at: int
    number: str
    lines: tuple[tuple[Goods, int, Decimal], ...]


@dataclass(frozen=True, slots=True)
class World:
    """What the stories are about.

    The first customers and goods are the busiest. With ``orders`` (also none at all) purchases
    are theirs, and no other visit ends in one; with None, some visits do. Neither customers nor
    goods may be empty.
    """

    customers: Sequence[str]
    goods: Sequence[Goods]
    orders: Sequence[Bought] | None = None
    currency: str = CURRENCY


def made_world(*, customers: int, goods: int = 200, prefix: str = "M") -> World:
    """Return a world of so many customers and articles that exist nowhere else.

    >>> world = made_world(customers=2, goods=1)
    >>> world.customers, world.goods[0].label
    (('M0000001', 'M0000002'), 'Red mug 1')
    """
    return World(
        customers=tuple(f"{prefix}{number:07}" for number in range(1, customers + 1)),
        goods=tuple(_article(number) for number in range(goods)),
    )


def _article(number: int) -> Goods:
    look = _LOOKS[number // len(_THINGS) % len(_LOOKS)]
    return Goods(
        key=f"MADE-{number + 1:04}",
        label=f"{look.capitalize()} {_THINGS[number % len(_THINGS)]} {number + 1}",
        # Spread over 1.25 to 49.75 without a generator, so that it is the same for every seed.
        price=Decimal(125 + number * 37 % 4850) / 100,
    )
