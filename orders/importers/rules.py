"""How the shapes of order files differ: their columns and what their shop means by them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from customers.importers.header import Column
from customers.importers.values import EMPTY, code, text

# Codes of the shop that name money, not goods: postage, carriage, manual and bank entries,
# discounts, samples, bad debt, fees and donations.
CHARGES = frozenset(
    {
        "POST", "DOT", "M", "D", "C2", "C3", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK",
        "ADJUST", "ADJUST2", "TEST001", "TEST002", "GIFT",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What a shop's files mean."""

    columns: tuple[Column, ...]
    date_order: str
    return_prefix: str
    adjustment_prefix: str
    product_key: Callable[[str], str]
    is_charge: Callable[[str], bool]
    customer_code: Callable[[str], str]
    # Sales with a price of zero are taken.
    free_of_charge: bool
    # A return's quantity is negative in the file (else its sign does not matter).
    signed_returns: bool
    # A line without an article number is known by its label.
    by_label: bool = False


def online_retail_key(raw: str) -> str:
    """Return the article number in one spelling: 106 codes of the file occur in both cases.

    >>> online_retail_key("85123a"), online_retail_key("m"), online_retail_key("gift_0001_20")
    ('85123A', 'M', 'gift_0001_20')
    """
    key = code(raw, name="product")
    upper = key.upper()
    return upper if upper in CHARGES or re.fullmatch(r"\d+[a-z]+", key, re.ASCII) else key


def online_retail_charge(key: str) -> bool:
    """Tell whether a code is a charge. Gift vouchers are: they are money, not an article.

    >>> [online_retail_charge(k) for k in ("POST", "gift_0001_20", "PADS", "DCGS0003", "85123A")]
    [True, True, False, False, False]
    """
    return key in CHARGES or key.lower().startswith("gift_")


def online_retail_customer(raw: str) -> str:
    """Return the customer's code; data frames write it as a fraction.

    >>> online_retail_customer("17850.0")
    '17850'
    """
    return plain_customer(re.sub(r"(?<=\d)\.0+\s*$", "", raw))


def plain_customer(raw: str) -> str:
    """Return the customer's code, empty where the cell is."""
    value = text(raw, name="customer", limit=64)
    return "" if value in EMPTY else value


def plain_key(raw: str) -> str:
    """Return the article number as it is written."""
    return code(raw, name="product")


ONLINE_RETAIL = OrderRules(
    columns=(
        Column("InvoiceNo", required=True, also=("Invoice",)),
        Column("StockCode", required=True),
        Column("Description", required=True),
        Column("Quantity", required=True),
        Column("InvoiceDate", required=True),
        Column("UnitPrice", required=True, also=("Price",)),
        Column("CustomerID", required=True),
        Column("Country"),
    ),
    date_order="mdy",
    return_prefix="C",
    adjustment_prefix="A",
    product_key=online_retail_key,
    is_charge=online_retail_charge,
    customer_code=online_retail_customer,
    free_of_charge=False,
    signed_returns=True,
)

GENERIC = OrderRules(
    columns=(
        Column("order_number", required=True, about="number of the invoice, unique per source"),
        Column("ordered_at", required=True, about="date or moment"),
        Column("customer_code", required=True, about="the customer's number in the shop"),
        Column("product_key", required=True, about="article number; empty: known by its label"),
        Column("quantity", required=True, about="more than zero, up to three decimal places"),
        Column("unit_price", required=True, about="without tax, up to four decimal places"),
        Column("source", about="the shop system; else the batch's"),
        Column("product_label", about="name of the article; else its key"),
        Column("discount_amount", about="of the whole line, without tax"),
        Column("tax_amount", about="of the whole line"),
        Column("currency", about="three capital letters"),
        Column("kind", about="sale or return"),
        Column("status", about="pending, paid, fulfilled or cancelled"),
        Column("channel", about="where it was placed, like web"),
        Column("customer_name"),
        Column("customer_email"),
        Column("country", about="of the customer"),
    ),
    date_order="",
    return_prefix="",
    adjustment_prefix="",
    product_key=plain_key,
    is_charge=lambda key: False,
    customer_code=plain_customer,
    free_of_charge=True,
    signed_returns=False,
    by_label=True,
)

# What the columns of Online Retail are called in the generic format.
NAMES = {
    "InvoiceNo": "order_number",
    "StockCode": "product_key",
    "Description": "product_label",
    "Quantity": "quantity",
    "InvoiceDate": "ordered_at",
    "UnitPrice": "unit_price",
    "CustomerID": "customer_code",
    "Country": "country",
}
