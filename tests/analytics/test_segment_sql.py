"""Saved segments in the database: the compiled rule answers as the rule in Python does."""

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.scoring.segment_answers import evaluate
from analytics.scoring.segment_rules import parse
from analytics.scoring.segment_sql import MissingColumnError, compile_sql, fields_of
from tests.analytics.segment_rules_support import REGISTRY, TYPES, customers, documents

# An expression with a percent sign shows that it is not taken for a placeholder.
COLUMNS = {name: f"person.{name}" for name in TYPES} | {
    "orders": "person.orders % 1000",
}


def answers(rule, people):
    """The database's answers to the rule, in the order of the people."""
    sql = compile_sql(rule, COLUMNS)
    row = ", ".join(f"%s::{TYPES[name]}" for name in TYPES)
    rows = ", ".join(f"(%s::integer, {row})" for _ in people)
    given_values = [
        value
        for place, person in enumerate(people)
        for value in (place, *(person[name] for name in TYPES))
    ]
    text = (
        f"select {sql.text} from (values {rows}) "  # noqa: S608 - the text is what is tested
        f"as person (place, {', '.join(TYPES)}) order by person.place"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, [*sql.parameters, *given_values])
        return [answer for (answer,) in cursor.fetchall()]


class TestAgreement(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(documents, st.lists(customers, min_size=1, max_size=8))
    def test_the_database_answers_as_python_does(self, document, people):
        rule = parse(document, REGISTRY)
        assert answers(rule, people) == [evaluate(rule, person) for person in people]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("found", "wanted"),
    [("Große STRASSE", "strasse"), ("ΟΔΥΣΣΕΥΣ", "σευς"), ("100 % Merlot_x", "% m"), ("a'b", "'")],
)
def test_texts_are_found_without_regard_to_case_and_without_patterns(found, wanted):
    document = {"field": "product", "operator": "contains", "value": wanted}
    person = {**dict.fromkeys(TYPES), "code": "A", "product": found}
    rule = parse(document, REGISTRY)
    assert answers(rule, [person]) == [True] == [evaluate(rule, person)]


@given(documents)
def test_nothing_that_was_typed_gets_into_the_text(document):
    rule = parse(document, REGISTRY)
    sql = compile_sql(rule, COLUMNS)
    left = sql.text.replace("person.orders %% 1000", "").replace('"pg_unicode_fast"', "")
    assert left.count("%s") == len(sql.parameters) == left.count("%")
    assert not set(left) & set("'\";{}\\")
    assert {field.name for field in fields_of(rule)} <= set(TYPES)


def test_a_field_without_a_column_is_a_mistake_of_the_caller():
    rule = parse({"field": "orders", "operator": "is", "value": 1}, REGISTRY)
    with pytest.raises(MissingColumnError, match="orders"):
        compile_sql(rule, {})
