"""Shops whose customers differ in taste, for the tests of embeddings."""

from analytics.services.embeddings import embed_customers
from analytics.services.profiles import refresh_profiles
from tests.analytics.profile_support import buy, goods

TASTES = {
    "red": {"family": "Red wine", "grape": "Merlot", "sugar_level": "dry"},
    "white": {"family": "White wine", "grape": "Riesling", "sugar_level": "sweet"},
    "port": {"family": "Port", "grape": "Touriga", "sugar_level": "sweet"},
    "gin": {"family": "Spirits"},
}


def wine_shop(each=4):
    """Write customers R0, R1 … who buy red wine, W… white, P… port, G… gin; refresh profiles."""
    articles = goods(**{key: {"label": f"{key} bottle", **taste} for key, taste in TASTES.items()})
    for article in articles:
        for place in range(each):
            code = f"{article.key[0].upper()}{place}"
            for month in range(1, 2 + place % 3):
                buy(code, f"2011-{month:02}-10", (article, "20.00"))
    refresh_profiles()
    return articles


def embedded_shop(each=4):
    """The same shop, embedded."""
    articles = wine_shop(each)
    embed_customers(all=True)
    return articles
