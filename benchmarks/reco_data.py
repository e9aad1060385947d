"""A made shop for measuring recommendations: tastes, popular products, repeat purchases."""

import numpy as np

from recommendations.scoring.shop import Shop
from recommendations.scoring.shop_building import lines_of, products_of, shop_of

AS_OF = 734_500
FAMILIES = 40


def made_shop(*, customers: int, products: int, seed: int = 1) -> Shop:
    """Return a shop with about 8 orders a customer and 3 products an order.

    Three of five lines are of the customer's own family; within a family few products sell most.
    """
    rng = np.random.default_rng(seed)
    orders = rng.poisson(7, customers) + 1
    who = np.repeat(np.arange(customers), orders)
    day = AS_OF - rng.integers(0, 500, len(who))
    sizes = rng.poisson(2, len(who)) + 1
    line = np.repeat(np.arange(len(who)), sizes)
    own = rng.integers(0, FAMILIES, customers)[who[line]]
    family = np.where(rng.random(len(line)) < 0.6, own, rng.integers(0, FAMILIES, len(line)))
    popular = 1 / np.arange(1, products // FAMILIES + 1) ** 0.8
    place = rng.choice(len(popular), len(line), p=popular / popular.sum())
    product = place * FAMILIES + family
    price = np.round(np.exp(rng.normal(2.5, 0.7, products)), 2)
    pieces = rng.integers(1, 5, len(line))
    catalogue = products_of(
        [f"P{number:05}" for number in range(products)],
        family=[f"family {number % FAMILIES}" for number in range(products)],
        attr1=[f"grape {number % 7}" for number in range(products)],
        attr2=[f"sugar {number % 4}" for number in range(products)],
        price=price.tolist(),
        tier=rng.integers(0, 4, products).tolist(),
    )
    sold = lines_of(who[line], line, day[line], product, pieces, pieces * price[product])
    return shop_of(AS_OF, catalogue, sold, customers=customers)
