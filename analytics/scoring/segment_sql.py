"""A rule as one SQL condition with parameters, for a million customers at once.

Every value of the rule is a parameter. Names of columns come only from the caller's mapping, which
is code; nothing that a person typed becomes part of the text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from analytics.scoring.segment_fields import Field, Kind, Operator
from analytics.scoring.segment_rules import All, AnyOf, Condition, Not, Rule
from analytics.scoring.segment_values import Scalar

Parameter = Scalar | int | list[Scalar | int]


class MissingColumnError(LookupError):
    """A rule asks for a field that the mapping does not have."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A boolean SQL expression with ``%s`` placeholders, and their values in order.

    It is NULL where the rule's answer is not known; ``where`` leaves such rows out.
    """

    text: str
    parameters: tuple[Parameter, ...]


_SIGNS: Mapping[Operator, str] = {
    Operator.IS: "{column} = {value}",
    Operator.IS_NOT: "{column} <> {value}",
    Operator.LESS_THAN: "{column} < {value}",
    Operator.AT_MOST: "{column} <= {value}",
    Operator.MORE_THAN: "{column} > {value}",
    Operator.AT_LEAST: "{column} >= {value}",
    Operator.BETWEEN: "{column} between {value} and {value}",
    Operator.ONE_OF: "{column} = any({value}[])",
    Operator.NONE_OF: "{column} <> all({value}[])",
    Operator.HAS_ANY: "{column} && {value}[]",
    Operator.HAS_ALL: "{column} @> {value}[]",
    Operator.HAS_NONE: "not ({column} && {value}[])",
    Operator.CONTAINS: "strpos({column}, {value}) > 0",
    Operator.STARTS_WITH: "starts_with({column}, {value})",
    Operator.IS_KNOWN: "{column} is not null",
    Operator.IS_UNKNOWN: "{column} is null",
}

_TYPES: Mapping[Kind, str] = {
    Kind.MONEY: "numeric",
    Kind.DATE: "date",
    Kind.DAYS_AGO: "bigint",
    Kind.CHOICE: "text",
    Kind.TEXT: "text",
    Kind.FLAG: "boolean",
    Kind.LIST: "text",
}

# Full case folding as Python's ``str.casefold``, whatever the database's own collation.
_FOLDED = 'casefold(({}) collate "pg_unicode_fast")'


def fields_of(rule: Rule) -> Iterator[Field]:
    """Yield the field of every condition; a field that is asked twice comes twice."""
    match rule:
        case Condition(field):
            yield field
        case Not(part):
            yield from fields_of(part)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from fields_of(part)


def compile_sql(rule: Rule, columns: Mapping[str, str]) -> Sql:
    """Return the rule as SQL over ``columns``: field name to SQL expression.

    An expression has the field's type: ``numeric`` or a whole number type, ``date``, whole days,
    ``text``, ``boolean``, ``text[]``; and NULL, not an empty text, where a value is not known. Only
    ``numeric`` compares exactly: cast ``double precision``.

    Raises ``MissingColumnError`` for a field without an expression.
    """
    match rule:
        case Condition():
            return _condition(rule, columns)
        case Not(part):
            inner = compile_sql(part, columns)
            return Sql(f"(not {inner.text})", inner.parameters)
        case All(parts) | AnyOf(parts):
            inners = [compile_sql(part, columns) for part in parts]
            word = " and " if isinstance(rule, All) else " or "
            return Sql(
                f"({word.join(inner.text for inner in inners)})",
                tuple(each for inner in inners for each in inner.parameters),
            )


def _condition(asked: Condition, columns: Mapping[str, str]) -> Sql:
    field = asked.field
    if field.name not in columns:
        raise MissingColumnError(f"There is no column for the field {field.name}.")
    # A percent sign in the expression would otherwise be taken for a placeholder.
    column = f"({columns[field.name].replace('%', '%%')})"
    value = f"%s::{_type(field)}"
    if field.kind is Kind.TEXT and asked.value is not None:
        column, value = _FOLDED.format(column), _FOLDED.format(value)
    text = _SIGNS[asked.operator].format(column=column, value=value)
    return Sql(f"({text})", _parameters(asked))


def _type(field: Field) -> str:
    if field.kind is Kind.NUMBER:
        return "numeric" if field.decimals else "bigint"
    return _TYPES[field.kind]


def _parameters(asked: Condition) -> tuple[Parameter, ...]:
    if asked.value is None:
        return ()
    if not isinstance(asked.value, tuple):
        return (_parameter(asked.field, asked.value),)
    values = [_parameter(asked.field, value) for value in asked.value]
    return tuple(values) if asked.operator is Operator.BETWEEN else (values,)


def _parameter(field: Field, value: Scalar) -> Scalar | int:
    whole = isinstance(value, Decimal) and _type(field) == "bigint"
    return int(value) if whole and isinstance(value, Decimal) else value
