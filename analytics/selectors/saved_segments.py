"""Ask the database who meets a rule, how many, and why somebody does or does not.

A rule becomes one statement with parameters; nothing that a person typed is part of its text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import SavedSegment, SavedSegmentMember
from analytics.scoring.segment_answers import Explanation, Known, comparable, explain
from analytics.scoring.segment_fields import Field, Registry
from analytics.scoring.segment_rules import Rule, RuleError, parse, parse_text
from analytics.scoring.segment_sql import Sql, compile_sql, fields_of
from analytics.scoring.segment_words import describe, value_words
from analytics.selectors.segment_choices import registry
from analytics.selectors.segment_columns import COLUMNS, EXPRESSIONS, LEFT_IN, source
from crm_project.common.selectors.time_limit import TooSlowError, time_limit
from customers.models import Customer

PREVIEWED = 10
"""Customers that a preview shows unless asked for more."""

_LEFT_OUT = {
    "merged": "This customer was merged into another one and is in no segment.",
    "deleted": "This customer is deleted and is in no segment.",
    "test": "This is a test customer, who is in no segment.",
}


def read_rule(document: object) -> Rule:
    """Return the rule that decoded JSON describes, by the fields and choices of today.

    Raises ``RuleError`` with everything that is wrong with it.
    """
    return _by_todays(lambda offered: parse(document, offered))


def read_rule_text(text: str) -> Rule:
    """Return the rule that JSON text describes; raises ``RuleError`` like ``read_rule``."""
    return _by_todays(lambda offered: parse_text(text, offered))


def _by_todays(read: Callable[[Registry], Rule]) -> Rule:
    try:
        return read(registry())
    except RuleError as error:
        if all(problem.code != "unknown_choice" for problem in error.problems):
            raise
    # The value may be newer than the choices that were kept.
    return read(registry(fresh=True))


def asked_fields(rule: Rule) -> list[Field]:
    """Return each field that the rule asks about, once, in the rule's order."""
    return list({field.name: field for field in fields_of(rule)}.values())


def select(rule: Rule, values: Iterable[str] = ("c.id",)) -> Sql:
    """Return the statement that gives these expressions of everybody who meets the rule.

    Expressions come from code, and may read ``c`` and the tables of the rule's fields.
    """
    condition = compile_sql(rule, EXPRESSIONS)
    text = f"select {', '.join(values)} from {_from(asked_fields(rule))} where {LEFT_IN} and "  # noqa: S608
    return Sql(f"{text}{condition.text}", (*_day(), *condition.parameters))


def count(rule: Rule, *, seconds: float | None = None) -> int:
    """Return how many customers meet the rule now.

    Raises ``TooSlowError`` after so many seconds; by default those of a live count.
    """
    sql = select(rule, ["count(*)"])
    with time_limit(_patience(seconds)):
        return int(_rows(sql)[0][0])


@dataclass(frozen=True, slots=True)
class Sample:
    """One customer who meets a rule, with the value of each field that it asks about."""

    code: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A few of those who meet a rule: the first by the order of their creation."""

    fields: tuple[Field, ...]
    samples: tuple[Sample, ...]


def preview(rule: Rule, *, limit: int = PREVIEWED, seconds: float | None = None) -> Preview:
    """Return some customers who meet the rule, with what it asks about them, in words.

    Raises ``TooSlowError`` after so many seconds; by default those of a live count.
    """
    fields = asked_fields(rule)
    sql = select(rule, ["c.code", "c.name", *_values(fields)])
    limited = Sql(f"{sql.text} order by c.id limit %s", (*sql.parameters, limit))
    with time_limit(_patience(seconds)):
        rows = _rows(limited)
    return Preview(
        fields=tuple(fields),
        samples=tuple(
            Sample(code, name, tuple(map(_words, fields, values))) for code, name, *values in rows
        ),
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule that is being written finds. ``too_slow`` says why something is missing."""

    words: str
    count: int | None
    fields: tuple[Field, ...]
    samples: tuple[Sample, ...]
    too_slow: str = ""


def tried(rule: Rule, *, limit: int = PREVIEWED) -> Trial:
    """Count and show those who meet a rule, as far as the time allows."""
    number: int | None = None
    found = Preview(fields=tuple(asked_fields(rule)), samples=())
    too_slow = ""
    try:
        found = preview(rule, limit=limit) if limit else found
        number = count(rule)
    except TooSlowError as error:
        too_slow = f"{error} A rebuild has more time."
    return Trial(describe(rule), number, found.fields, found.samples, too_slow)


@dataclass(frozen=True, slots=True)
class Why:
    """What came out for one customer, part by part; ``left_out`` says why nothing was asked."""

    matches: bool
    explanation: Explanation
    left_out: str = ""


def why(rule: Rule, *, customer: Customer) -> Why:
    """Say whether the customer meets the rule now, with the answer to each part of it."""
    values = known_values(asked_fields(rule), [customer.pk]).get(customer.pk, {})
    explanation = explain(rule, values)
    left_out = _LEFT_OUT.get(customer.status, _LEFT_OUT["test"] if customer.is_test else "")
    return Why(
        matches=explanation.answer is True and not left_out,
        explanation=explanation,
        left_out=left_out,
    )


def known_values(
    fields: Sequence[Field], customer_ids: Sequence[int]
) -> Mapping[int, dict[str, Known]]:
    """Return what is known of some customers, by id and field: what a rule is asked with."""
    text = (
        f"select {', '.join(['c.id', *_values(fields)])} from {_from(fields)}"  # noqa: S608
        " where c.id = any(%s::bigint[])"
    )
    rows = _rows(Sql(text, (*_day(), list(customer_ids))))
    names = [field.name for field in fields]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def members(segment: SavedSegment) -> QuerySet[SavedSegmentMember]:
    """Return the members as they were found by the last rebuild, who are still customers."""
    return SavedSegmentMember.objects.filter(
        segment=segment, customer__status=Customer.Status.ACTIVE, customer__is_test=False
    )


def segments_of(customer_id: int) -> QuerySet[SavedSegmentMember]:
    """Return the segments in use that a customer is in, by name."""
    found = SavedSegmentMember.objects.filter(customer=customer_id, segment__is_archived=False)
    return found.select_related("segment").order_by("segment__name")


PERSONAL = ("name", "email", "phone", "language", "country", "contactable")
"""What a file tells of a customer beside the code; ``contactable`` says whom one may write to."""


def member_rows(segment: SavedSegment, *, personal: bool) -> Iterator[tuple[Any, ...]]:
    """Yield code, what is personal (if so asked) and since when, of each member, by code."""
    named = [f"customer__{name}" for name in (PERSONAL if personal else ())]
    rows = members(segment).order_by("customer__code")
    for row in rows.values_list("customer__code", *named, "since").iterator(chunk_size=2000):
        yield tuple(_cell(value) for value in row)


def _cell(value: Any) -> Any:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _patience(seconds: float | None) -> timedelta:
    return timedelta(seconds=seconds or settings.CRM_SEGMENT_COUNT_SECONDS)


def _from(fields: Iterable[Field]) -> str:
    return source(field.name for field in fields)


def _values(fields: Iterable[Field]) -> list[str]:
    return [f"({COLUMNS[field.name].sql})" for field in fields]


def _day() -> tuple[Any, ...]:
    return timezone.localdate(), settings.TIME_ZONE


def _words(field: Field, value: Any) -> str:
    return value_words(field, comparable(field, value))


def _rows(sql: Sql) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.text, list(sql.parameters))
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
