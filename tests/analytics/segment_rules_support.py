"""Fields, rules and customers drawn at random, to try saved segments with."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from analytics.scoring.segment_fields import (
    NO_VALUE,
    SEVERAL,
    Choice,
    Field,
    Group,
    Kind,
    Operator,
    Registry,
)
from analytics.scoring.segment_rules import MAX_DEPTH

WORDS = ("red", "Rosé", "WHITE", "straße", "100 %", "a_b", "it's", "{x}", "ß", "ΑΣ")

REGISTRY = Registry(
    (
        Field("orders", "number of orders", Kind.NUMBER, Group.RFM, minimum=0),
        Field("share", "share of returns", Kind.NUMBER, Group.PROFILE, unit="%", decimals=4),
        Field("money", "money spent", Kind.MONEY, Group.RFM, decimals=2),
        Field("since", "day of registration", Kind.DATE, Group.CUSTOMER),
        Field("last", "last order", Kind.DAYS_AGO, Group.RFM),
        Field("country", "country", Kind.CHOICE, Group.CUSTOMER),
        Field(
            "segment",
            "RFM segment",
            Kind.CHOICE,
            Group.RFM,
            choices=(Choice("champions", "Champions"), Choice("lost", "Lost")),
        ),
        Field("product", "first product", Kind.TEXT, Group.PROFILE),
        Field(
            "contactable",
            "may be contacted",
            Kind.FLAG,
            Group.CONTACT,
            denied="may not be contacted",
        ),
        Field("families", "main product families", Kind.LIST, Group.PROFILE),
        Field("code", "code", Kind.TEXT, Group.CUSTOMER, nullable=False),
    )
)

TYPES = {
    "orders": "integer",
    "share": "numeric",
    "money": "numeric(14,2)",
    "since": "date",
    "last": "integer",
    "country": "text",
    "segment": "text",
    "product": "text",
    "contactable": "boolean",
    "families": "text[]",
    "code": "text",
}

_texts = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=6),
)
# Few different values, so that questions are often true.
_KNOWN = {
    Kind.DATE: st.dates(date(2011, 1, 1), date(2011, 1, 6)),
    Kind.DAYS_AGO: st.integers(0, 5),
    Kind.CHOICE: st.sampled_from(WORDS),
    Kind.TEXT: _texts,
    Kind.FLAG: st.booleans(),
    Kind.LIST: st.lists(st.sampled_from(WORDS), max_size=3),
    Kind.MONEY: st.decimals("0.00", "3.00", places=2),
}


def known(field):
    """Values that a customer may have in this field."""
    if field.choices:
        return st.sampled_from([choice.value for choice in field.choices])
    if field.kind is Kind.NUMBER:
        return st.decimals(0, 1, places=1) if field.decimals else st.integers(0, 5)
    return _KNOWN[field.kind]


customers = st.fixed_dictionaries(
    {
        name: known(field) if not field.nullable else st.one_of(st.none(), known(field))
        for name, field in REGISTRY.items()
    }
)


def _json(value):
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def _single(field):
    """Values of a condition, as JSON: texts that are not blank."""
    values = _KNOWN[Kind.CHOICE] if field.kind is Kind.LIST else known(field)
    return values.filter(lambda value: not isinstance(value, str) or value.strip()).map(_json)


@st.composite
def conditions(draw):
    """A condition that is right, as JSON."""
    field = draw(st.sampled_from(list(REGISTRY.values())))
    operator = draw(st.sampled_from(field.operators))
    asked = {"field": field.name, "operator": operator.value}
    if operator in NO_VALUE:
        return asked
    if operator is Operator.BETWEEN:
        ends = draw(st.tuples(known(field), known(field)).map(sorted))
        return {**asked, "value": [_json(end) for end in ends]}
    one = _single(field)
    several = operator in SEVERAL
    return {**asked, "value": draw(st.lists(one, min_size=1, max_size=3) if several else one)}


def depth(document):
    """Levels of a rule, conditions included."""
    parts = document.get("and") or document.get("or") or [document.get("not")]
    return 1 + max(depth(part) for part in parts) if parts != [None] else 1


documents = st.recursive(
    conditions(),
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda some: {"and": some}),
        st.lists(parts, min_size=1, max_size=3).map(lambda some: {"or": some}),
        parts.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
).filter(lambda document: depth(document) <= MAX_DEPTH)
