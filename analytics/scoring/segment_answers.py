"""Is this customer in the segment, and why: a rule answered from one customer's values.

``segment_sql`` asks the same of a million customers at once; a test holds that both agree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from analytics.scoring.segment_fields import Field, Kind, Operator
from analytics.scoring.segment_rules import All, AnyOf, Condition, Not, Rule
from analytics.scoring.segment_values import Scalar, Value
from analytics.scoring.segment_words import phrase, value_words

Known = Decimal | int | float | date | str | bool | Iterable[str] | None
"""What may be known of a customer; ``None`` is unknown, an empty list is known and empty."""

Answer = bool | None
"""True, false, or ``None``: not known."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What came out for a rule and for each of its parts.

    ``words`` is the rule as part of a sentence. ``found`` is the customer's own value, for a
    condition only.
    """

    words: str
    answer: Answer
    found: str = ""
    parts: tuple["Explanation", ...] = ()


def evaluate(rule: Rule, values: Mapping[str, Known]) -> Answer:
    """Answer the rule for the customer with these values by field name; one left out is unknown.

    Raises ``TypeError`` for a value of another type than its field.
    """
    match rule:
        case Condition(field):
            return _ask(rule, comparable(field, values.get(field.name)))
        case Not(part):
            return _not(evaluate(part, values))
        case All(parts):
            return _all(evaluate(part, values) for part in parts)
        case AnyOf(parts):
            return _any(evaluate(part, values) for part in parts)


def matches(rule: Rule, values: Mapping[str, Known]) -> bool:
    """Say whether the customer is in the segment: unknown is no match."""
    return evaluate(rule, values) is True


def explain(rule: Rule, values: Mapping[str, Known]) -> Explanation:
    """Answer like ``evaluate``, with the answer and the customer's value at every condition."""
    match rule:
        case Condition(field):
            value = comparable(field, values.get(field.name))
            return Explanation(phrase(rule), _ask(rule, value), found=value_words(field, value))
        case Not(part):
            inner = explain(part, values)
            return Explanation(phrase(rule), _not(inner.answer), parts=(inner,))
        case All(parts) | AnyOf(parts):
            inners = tuple(explain(part, values) for part in parts)
            joined = _all if isinstance(rule, All) else _any
            answer = joined(inner.answer for inner in inners)
            return Explanation(phrase(rule), answer, parts=inners)


_TYPES: Mapping[Kind, type | tuple[type, ...]] = {
    Kind.NUMBER: (int, float, Decimal),
    Kind.MONEY: (int, float, Decimal),
    Kind.DATE: date,
    Kind.DAYS_AGO: (int, float, Decimal),
    Kind.CHOICE: str,
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.LIST: (list, tuple, set, frozenset),
}


def comparable(field: Field, value: Known) -> Value:
    """Return a customer's value in the form in which conditions hold theirs.

    Raises ``TypeError`` if it cannot be a value of this field's type.
    """
    if value is None:
        return None
    unlike = isinstance(value, bool) and field.kind is not Kind.FLAG
    if unlike or isinstance(value, datetime) or not isinstance(value, _TYPES[field.kind]):
        raise TypeError(f"{field.name} cannot be a {type(value).__name__}.")
    if isinstance(value, bool | str | date | Decimal):
        return value
    if isinstance(value, int | float):
        return Decimal(repr(value))
    return tuple(value)


def _not(answer: Answer) -> Answer:
    return None if answer is None else not answer


def _all(answers: Iterable[Answer]) -> Answer:
    found = set(answers)
    return False if False in found else None if None in found else True


def _any(answers: Iterable[Answer]) -> Answer:
    found = set(answers)
    return True if True in found else None if None in found else False


def _ask(asked: Condition, value: Value) -> Answer:
    if asked.operator is Operator.IS_KNOWN:
        return value is not None
    if asked.operator is Operator.IS_UNKNOWN:
        return value is None
    if value is None:
        return None
    return _QUESTIONS[asked.operator](
        _folded(asked.field, value), _folded(asked.field, asked.value)
    )


def _folded(field: Field, value: Value) -> Value:
    return value.casefold() if field.kind is Kind.TEXT and isinstance(value, str) else value


def _within(value: Value, ends: Value) -> bool:
    low, high = _set(ends)
    return low <= value <= high  # type: ignore[operator]


def _set(value: Value) -> tuple[Scalar, ...]:
    if not isinstance(value, tuple):
        raise TypeError("A list of values was expected.")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError("A text was expected.")
    return value


_QUESTIONS: Mapping[Operator, Callable[[Value, Value], bool]] = {
    Operator.IS: lambda value, wanted: value == wanted,
    Operator.IS_NOT: lambda value, wanted: value != wanted,
    Operator.ONE_OF: lambda value, wanted: value in _set(wanted),
    Operator.NONE_OF: lambda value, wanted: value not in _set(wanted),
    Operator.LESS_THAN: lambda value, wanted: value < wanted,  # type: ignore[operator]
    Operator.AT_MOST: lambda value, wanted: value <= wanted,  # type: ignore[operator]
    Operator.MORE_THAN: lambda value, wanted: value > wanted,  # type: ignore[operator]
    Operator.AT_LEAST: lambda value, wanted: value >= wanted,  # type: ignore[operator]
    Operator.BETWEEN: _within,
    Operator.CONTAINS: lambda value, wanted: _text(wanted) in _text(value),
    Operator.STARTS_WITH: lambda value, wanted: _text(value).startswith(_text(wanted)),
    Operator.HAS_ANY: lambda value, wanted: not set(_set(value)).isdisjoint(_set(wanted)),
    Operator.HAS_ALL: lambda value, wanted: set(_set(value)).issuperset(_set(wanted)),
    Operator.HAS_NONE: lambda value, wanted: set(_set(value)).isdisjoint(_set(wanted)),
}
