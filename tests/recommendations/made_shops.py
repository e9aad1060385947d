"""Small shops drawn from a seed, with everything in them that a rule could trip over."""

from dataclasses import replace

import numpy as np

from recommendations.scoring.shop import Pairs, Returns, Shop
from recommendations.scoring.shop_building import lines_of, products_of, shop_of

AS_OF = 734_500  # 2011-12-25


def made_shop(seed: int = 0, customers: int = 60, products: int = 80) -> Shop:
    """Return a shop of wholesalers and occasional buyers; some products cannot be offered."""
    rng = np.random.default_rng(seed)
    orders = np.minimum(rng.geometric(0.25, customers) - 1, 12)
    who = np.repeat(np.arange(customers), orders)
    day = AS_OF - rng.integers(0, 600, len(who))
    lines = rng.integers(1, 6, len(who))
    basket = np.repeat(np.arange(len(who)), lines)
    families = np.arange(products) % 6
    liked = rng.integers(0, 6, customers)[np.repeat(who, lines)]
    focus = rng.random(customers)[np.repeat(who, lines)]
    own = rng.random(len(basket)) < focus
    family = np.where(own, liked, rng.integers(0, 6, len(basket)))
    product = family + 6 * rng.integers(0, products // 6, len(basket)) ** 2 // (products // 6)
    product = np.clip(product, 0, products - 1)
    price = np.round(np.exp(rng.normal(2.0, 0.8, products)), 2)
    pieces = rng.integers(1, 4, len(basket))
    catalogue = products_of(
        [f"P{place:03}" for place in range(products)],
        family=[f"family {code}" if place % 17 else "" for place, code in enumerate(families)],
        attr1=[f"grape {place % 5}" if place % 3 else None for place in range(products)],
        attr2=[f"sugar {place % 3}" for place in range(products)],
        price=[worth if place % 11 else np.nan for place, worth in enumerate(price.tolist())],
        tier=[place % 4 if place % 2 else -1 for place in range(products)],
        active=[place % 13 != 1 for place in range(products)],
    )
    stock = np.where(np.arange(products) % 19 == 2, 0, -1)
    season = np.where(np.arange(products) % 23 == 3, 1 << 5, 0).astype(np.uint16)
    axes = np.where(rng.random((products, 7)) < 0.7, rng.integers(1, 6, (products, 7)), np.nan)
    catalogue = replace(catalogue, stock=stock, season=season, axes=axes.astype(np.float32))
    sold = lines_of(
        np.repeat(who, lines), basket, np.repeat(day, lines), product, pieces,
        pieces * price[product],
    )  # fmt: skip
    back = rng.random(len(sold)) < 0.05
    returns = Returns(sold.customer[back], sold.product[back], sold.day[back], sold.quantity[back])
    return with_extras(shop_of(AS_OF, catalogue, sold, customers=customers, returns=returns), rng)


def with_extras(shop: Shop, rng: np.random.Generator) -> Shop:
    """Add exports, intents, preferences, contacts and probabilities."""
    size = len(shop.customers)

    def pairs(count: int) -> Pairs:
        return Pairs(
            rng.integers(0, size, count).astype(np.int32),
            rng.integers(0, len(shop.products), count).astype(np.int32),
            np.full(count, shop.as_of - 3, np.int32),
            rng.random(count).astype(np.float32),
        )

    declared = np.where(rng.random(size) < 0.3, rng.integers(0, 6, size), -1).astype(np.int32)
    contact = np.where(rng.random(size) < 0.5, rng.integers(0, 300, size), np.nan)
    people = replace(
        shop.customers,
        declared_family=declared,
        days_since_contact=contact.astype(np.float32),
        p_alive=rng.random(size).astype(np.float32),
        segment=rng.integers(-1, 2, size).astype(np.int16),
        segments=("Champions", "Lost"),
    )
    return replace(
        shop, customers=people, exported=pairs(60), intents=pairs(200), silence_window_days=135
    )
