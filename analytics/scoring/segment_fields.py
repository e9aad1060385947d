"""What a saved segment may ask about: the fields, their types and the questions each type allows.

A field is described here in plain data. Where its value lies in the database is said elsewhere, by
a mapping from the field's name to an SQL expression; a field without an expression is not offered.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What a field's values are, and so which questions make sense."""

    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    DAYS_AGO = "days_ago"
    """Whole local days between something and the day that is described."""
    CHOICE = "choice"
    TEXT = "text"
    FLAG = "flag"
    LIST = "list"
    """Several texts, in no order."""


class Group(StrEnum):
    """Where a field comes from; a heading in the rule builder."""

    CUSTOMER = "customer"
    CONTACT = "contact"
    RFM = "RFM"
    PROFILE = "profile"
    METRICS = "metrics"
    SIGNALS = "signals"
    CLUSTER = "cluster"


class Operator(StrEnum):
    """The questions. ``between`` includes both ends.

    Values of kind *text* are compared without regard to case; choices and lists exactly.
    """

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    LESS_THAN = "less_than"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    AT_LEAST = "at_least"
    BETWEEN = "between"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    HAS_ANY = "has_any"
    HAS_ALL = "has_all"
    HAS_NONE = "has_none"
    IS_KNOWN = "is_known"
    IS_UNKNOWN = "is_unknown"


NO_VALUE = frozenset({Operator.IS_KNOWN, Operator.IS_UNKNOWN})
"""Questions without a value; the only ones that are answered for a value that is not known."""

SEVERAL = frozenset(
    {
        Operator.ONE_OF,
        Operator.NONE_OF,
        Operator.HAS_ANY,
        Operator.HAS_ALL,
        Operator.HAS_NONE,
    }
)
"""Questions whose value is a set of values."""

_ORDERED = (
    Operator.IS,
    Operator.IS_NOT,
    Operator.LESS_THAN,
    Operator.AT_MOST,
    Operator.MORE_THAN,
    Operator.AT_LEAST,
    Operator.BETWEEN,
)

OPERATORS: Mapping[Kind, tuple[Operator, ...]] = {
    Kind.NUMBER: _ORDERED,
    Kind.MONEY: _ORDERED,
    Kind.DATE: _ORDERED,
    Kind.DAYS_AGO: _ORDERED,
    Kind.CHOICE: (Operator.IS, Operator.IS_NOT, Operator.ONE_OF, Operator.NONE_OF),
    Kind.TEXT: (Operator.IS, Operator.IS_NOT, Operator.CONTAINS, Operator.STARTS_WITH),
    Kind.FLAG: (Operator.IS,),
    Kind.LIST: (Operator.HAS_ANY, Operator.HAS_ALL, Operator.HAS_NONE),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible value, and what people call it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be asked about a customer.

    ``label`` reads well after "whose", or for a flag after "who"; ``denied`` is then the opposite.
    ``unit`` stands after a number, where ``%`` means that 0.25 is written as 25 %. Numbers have at
    most ``decimals`` places. Without ``choices`` any value is taken. A field that is not
    ``nullable`` is known for every customer, so that nobody need ask.
    """

    name: str
    label: str
    kind: Kind
    group: Group
    unit: str = ""
    nullable: bool = True
    decimals: int = 0
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[Choice, ...] = ()
    denied: str = ""
    help: str = ""

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The questions that may be asked, in the order in which they are offered."""
        asked = OPERATORS[self.kind]
        return (*asked, Operator.IS_KNOWN, Operator.IS_UNKNOWN) if self.nullable else asked

    def with_choices(self, choices: tuple[Choice, ...]) -> "Field":
        """Return the same field with these choices."""
        return replace(self, choices=choices)

    def label_of(self, value: str) -> str:
        """Return what people call a value, or the value itself."""
        return next((choice.label for choice in self.choices if choice.value == value), value)


class Registry(Mapping[str, Field]):
    """Fields by name, in the order in which they are offered."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields: dict[str, Field] = {}
        for field in fields:
            if field.name in self._fields:
                raise ValueError(f"There are two fields called {field.name}.")
            self._fields[field.name] = field

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def only(self, names: Iterable[str]) -> "Registry":
        """Return the fields of these names: those whose values can be read."""
        wanted = frozenset(names)
        return Registry(field for name, field in self._fields.items() if name in wanted)

    def replaced(self, *fields: Field) -> "Registry":
        """Return these fields in place of those of the same names, as with today's choices."""
        return Registry({**self._fields, **{field.name: field for field in fields}}.values())
