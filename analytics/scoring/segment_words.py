"""A rule in plain English, for people who did not write it."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from analytics.scoring.segment_fields import Field, Kind, Operator
from analytics.scoring.segment_rules import All, AnyOf, Condition, Not, Rule
from analytics.scoring.segment_values import Scalar, Value

_SHOWN = 6
"""Values of a list that are named; the others are counted."""

_NUMBERS: Mapping[Operator, str] = {
    Operator.IS: "is {}",
    Operator.IS_NOT: "is not {}",
    Operator.LESS_THAN: "is less than {}",
    Operator.AT_MOST: "is at most {}",
    Operator.MORE_THAN: "is more than {}",
    Operator.AT_LEAST: "is at least {}",
    Operator.BETWEEN: "is between {} and {}",
}
_DATES: Mapping[Operator, str] = {
    Operator.IS: "is {}",
    Operator.IS_NOT: "is not {}",
    Operator.LESS_THAN: "is before {}",
    Operator.AT_MOST: "is {} or earlier",
    Operator.MORE_THAN: "is after {}",
    Operator.AT_LEAST: "is {} or later",
    Operator.BETWEEN: "is between {} and {}",
}
_DAYS_AGO: Mapping[Operator, str] = {
    Operator.IS: "was {} ago",
    Operator.IS_NOT: "was not {} ago",
    Operator.LESS_THAN: "was less than {} ago",
    Operator.AT_MOST: "was at most {} ago",
    Operator.MORE_THAN: "was more than {} ago",
    Operator.AT_LEAST: "was at least {} ago",
    Operator.BETWEEN: "was between {} and {} ago",
}
_TEXTS: Mapping[Operator, str] = {
    Operator.IS: "is {}",
    Operator.IS_NOT: "is not {}",
    Operator.ONE_OF: "is {}",
    Operator.NONE_OF: "is neither {}",
    Operator.CONTAINS: "contains {}",
    Operator.STARTS_WITH: "starts with {}",
    Operator.HAS_ANY: "include {}",
    Operator.HAS_ALL: "include {}",
    Operator.HAS_NONE: "do not include {}",
}
_PHRASES: Mapping[Kind, Mapping[Operator, str]] = {
    Kind.NUMBER: _NUMBERS,
    Kind.MONEY: _NUMBERS,
    Kind.DATE: _DATES,
    Kind.DAYS_AGO: _DAYS_AGO,
    Kind.CHOICE: _TEXTS,
    Kind.TEXT: _TEXTS,
    Kind.LIST: _TEXTS,
}
_BETWEEN_VALUES: Mapping[Operator, str] = {Operator.NONE_OF: "nor", Operator.HAS_ALL: "and"}


def describe(rule: Rule) -> str:
    """Return one sentence that says who is in the segment.

    Groups within groups stand in parentheses, so that the sentence has one meaning.
    """
    return f"Customers {phrase(rule)}."


def phrase(rule: Rule) -> str:
    """Return the rule as part of a sentence."""
    match rule:
        case Condition():
            return _condition(rule)
        case Not(part):
            return f"not ({phrase(part)})"
        case All(parts):
            return _group(parts, "and")
        case AnyOf(parts):
            return _group(parts, "or")


def question(field: Field, operator: Operator) -> str:
    """Return the words of a question, with … where a value goes, for a list to choose from."""
    if operator in (Operator.IS_KNOWN, Operator.IS_UNKNOWN):
        return _known(field, operator)
    if field.kind is Kind.FLAG:
        return "is"
    if operator is Operator.ONE_OF:
        return "is one of …"
    if operator is Operator.NONE_OF:
        return "is none of …"
    extra = {Operator.HAS_ANY: "any of ", Operator.HAS_ALL: "all of ", Operator.HAS_NONE: "any of "}
    unit = " days" if field.kind is Kind.DAYS_AGO else ""
    words = _PHRASES[field.kind][operator].replace("{}", f"{extra.get(operator, '')}…")
    return words.replace("… ago", f"…{unit} ago")


def _known(field: Field, operator: Operator) -> str:
    verb = "are" if field.kind is Kind.LIST else "is"
    return f"{verb} {'known' if operator is Operator.IS_KNOWN else 'not known'}"


def _group(parts: Sequence[Rule], word: str) -> str:
    """Join parts; a group inside is put into parentheses, a group of one part is that part."""
    if len(parts) == 1:
        return phrase(parts[0])
    return f" {word} ".join(
        f"({phrase(part)})" if isinstance(part, All | AnyOf) else phrase(part) for part in parts
    )


def _condition(asked: Condition) -> str:
    field, operator = asked.field, asked.operator
    if operator in (Operator.IS_KNOWN, Operator.IS_UNKNOWN):
        known = _known(field, operator)
        if field.kind is Kind.FLAG:
            return f"for whom it {known} whether they {field.label}"
        return f"whose {field.label} {known}"
    if field.kind is Kind.FLAG:
        return f"who {field.label if asked.value else field.denied or 'not: ' + field.label}"
    shape = _PHRASES[field.kind][operator]
    if operator is Operator.BETWEEN and isinstance(asked.value, tuple):
        low, high = asked.value
        return f"whose {field.label} {shape.format(_bare(field, low), value_words(field, high))}"
    if operator is Operator.NONE_OF and isinstance(asked.value, tuple) and len(asked.value) == 1:
        shape = _TEXTS[Operator.IS_NOT]
    words = _values(field, asked.value, _BETWEEN_VALUES.get(operator, "or"))
    return f"whose {field.label} {shape.format(words)}"


def _bare(field: Field, value: Scalar) -> str:
    """Leave the unit to the second of two values."""
    if isinstance(value, Decimal) and field.unit != "%":
        return _number(field, value)
    return value_words(field, value)


def _values(field: Field, value: Value, word: str) -> str:
    values = value if isinstance(value, tuple) else (value,)
    shown = [value_words(field, each) for each in values[:_SHOWN]]
    more = len(values) - len(shown)
    if more:
        shown.append(f"{more} other{'s' if more > 1 else ''}")
    if len(shown) == 1:
        return shown[0]
    return f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def value_words(field: Field, value: Value) -> str:
    """Return a value of a field as people write it.

    >>> from analytics.scoring.segment_fields import Group
    >>> value_words(Field("m", "m", Kind.MONEY, Group.RFM, decimals=2), Decimal("1500"))
    '1,500.00'
    """
    if value is None:
        return "not known"
    if isinstance(value, tuple):
        return _values(field, value, "and") if value else "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return f"{value.day} {value:%B %Y}"
    if isinstance(value, str):
        return f"“{value}”" if field.kind is Kind.TEXT else field.label_of(value)
    return _with_unit(field, value)


def _with_unit(field: Field, value: Decimal) -> str:
    if field.unit == "%":
        return f"{_trimmed(value * 100)} %"
    unit = "days" if field.kind is Kind.DAYS_AGO else field.unit
    if unit == "days" and value == 1:
        unit = "day"
    return f"{_number(field, value)} {unit}".rstrip()


def _number(field: Field, value: Decimal) -> str:
    return f"{value:,.2f}" if field.kind is Kind.MONEY else _trimmed(value)


def _trimmed(value: Decimal) -> str:
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
