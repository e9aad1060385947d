"""Read the X-Wines data set as a shop: wines as products, ratings as purchases. Pure.

What the files do not hold is not made up: no price, no sugar level, no aroma axes. Two fields are
read from others by rule, and marked as derived: the family is the wine's type, the grape is the
first grape named. The rest of a wine's description goes into ``attributes`` as it stands.
"""

import ast
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

NO_CURRENCY = "XXX"
DERIVED = ("family", "grape")
HEADER = (
    "order_number", "ordered_at", "customer_code", "product_key", "quantity", "unit_price",
    "currency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wine:
    """A wine as a product: the fields of ``Product`` that the data give."""

    key: str
    label: str
    family: str
    grape: str | None
    attributes: dict[str, Any]


def wines(lines: Iterable[str]) -> Iterator[Wine]:
    """Yield the wines of the file.

    >>> header = "WineID,WineName,Type,Elaborate,Grapes,Harmonize,ABV,Body,Acidity,Code,Country,"
    >>> header += "RegionID,RegionName,WineryID,WineryName,Website,Vintages"
    >>> line = "7,Ancellotta,Red,Varietal/100%,['Ancellotta'],['Beef'],12.0,Medium-bodied,Medium,"
    >>> line += "BR,Brazil,1,Serra,2,Casa Perini,http://example.org,[2016]"
    >>> wine = next(wines([header, line]))
    >>> wine.label, wine.family, wine.grape, wine.attributes["abv"]
    ('Ancellotta, Casa Perini', 'Red', 'Ancellotta', 12.0)
    """
    for row in csv.DictReader(lines):
        grapes = _words(row["Grapes"])
        yield Wine(
            key=row["WineID"],
            label=f"{row['WineName']}, {row['WineryName']}",
            family=row["Type"],
            grape=grapes[0] if grapes else None,
            attributes={
                "abv": float(row["ABV"]),
                "acidity": row["Acidity"],
                "body": row["Body"],
                "country": row["Country"],
                "elaborate": row["Elaborate"],
                "goes_with": _words(row["Harmonize"]),
                "grapes": grapes,
                "region": row["RegionName"],
                "winery": row["WineryName"],
            },
        )


def purchases(lines: Iterable[str]) -> Iterator[str]:
    """Yield ratings as lines of a generic orders file, the header first.

    Whoever rated a wine drank it: one bottle. What it cost is not known: each bottle counts 1 in
    the currency XXX, ISO 4217's code for "no currency", so that shares of spend are shares of
    bottles. What a user rated on one day is one order. Ordered by user and time, so that an order's
    lines stand together.

    >>> found = list(purchases([
    ...     "RatingID,UserID,WineID,Vintage,Rating,Date",
    ...     "9,5,200,2010,4.0,2020-01-02 18:00:00",
    ...     "8,5,100,2010,4.5,2020-01-02 12:00:00",
    ... ]))
    >>> found[1]
    '5-20200102,2020-01-02 12:00:00,5,100,1,1,XXX\\n'
    >>> found[2]
    '5-20200102,2020-01-02 18:00:00,5,200,1,1,XXX\\n'
    """
    yield ",".join(HEADER) + "\n"
    rows = [(int(row["UserID"]), row["Date"], row["WineID"]) for row in csv.DictReader(lines)]
    for user, moment, wine in sorted(rows):
        number = f"{user}-{moment[:10].replace('-', '')}"
        yield f"{number},{moment},{user},{wine},1,1,{NO_CURRENCY}\n"


def _words(cell: str) -> list[str]:
    """Read a list written as Python writes it; anything else is no list."""
    found = ast.literal_eval(cell)
    return [str(word) for word in found] if isinstance(found, list) else []
