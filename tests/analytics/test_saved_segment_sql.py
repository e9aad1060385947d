"""Every field of a rule on the real tables: SQL and Python give the same answers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import SignalScore
from analytics.scoring.segment_answers import evaluate
from analytics.scoring.segment_catalogue import CATALOGUE
from analytics.scoring.segment_fields import NO_VALUE, SEVERAL, Kind, Operator
from analytics.scoring.segment_rules import parse
from analytics.selectors.saved_segments import (
    asked_fields,
    count,
    known_values,
    preview,
    select,
    why,
)
from analytics.selectors.segment_choices import registry
from analytics.selectors.segment_columns import COLUMNS, source
from analytics.services.rfm import score_rfm
from customers.models import Customer
from tests.analytics.saved_segments import asks
from tests.analytics.segment_shop import eligible, fill
from tests.factories import CustomerFactory


def everything():
    """What is known of each customer, by id."""
    return known_values(
        list(registry().values()), list(Customer.objects.values_list("pk", flat=True))
    )


def found_by(rule):
    """The ids that the database finds."""
    sql = select(rule)
    with connection.cursor() as cursor:
        cursor.execute(sql.text, list(sql.parameters))
        return {pk for (pk,) in cursor.fetchall()}


def _plain(value):
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


OTHER = {
    Kind.NUMBER: [0, 1],
    Kind.MONEY: [0, "12.34", -5],
    Kind.DATE: ["2011-11-09"],
    Kind.DAYS_AGO: [0, 30],
    Kind.TEXT: ["c", "'; drop table x; --", "%s"],
    Kind.LIST: ["red", "%(x)s"],
    Kind.CHOICE: ["%s"],
    Kind.FLAG: [True, False],
}


def values_of(field, known):
    """Values to ask for: those that occur, the choices, and some that do not occur."""
    occurring = {each.get(field.name) for each in known.values() if field.kind is not Kind.LIST}
    inside = {v for each in known.values() if field.kind is Kind.LIST
              for v in each.get(field.name) or ()}  # fmt: skip
    choices = [choice.value for choice in field.choices]
    if choices:
        return choices
    found = [_plain(v) for v in sorted(occurring | inside, key=str)
             if v is not None and (not isinstance(v, str) or v.strip())]  # fmt: skip
    return found + [v for v in OTHER[field.kind] if not (field.maximum or field.minimum)]


@st.composite
def conditions(draw, known):
    offered = list(registry().values())
    field = draw(st.sampled_from(offered))
    operator = draw(st.sampled_from(field.operators))
    asked = {"field": field.name, "operator": operator.value}
    values = values_of(field, known)
    if operator in NO_VALUE or not values:
        operator = operator if operator in NO_VALUE else Operator.IS_KNOWN
        asked["operator"] = operator.value
        return asked if field.nullable else asks("customer.code", "contains", "C")
    one = st.sampled_from(values)
    if operator is Operator.BETWEEN:
        pair = draw(st.lists(one, min_size=2, max_size=2))
        pair.sort(key=lambda value: Decimal(value) if field.kind is not Kind.DATE else value)
        return {**asked, "value": pair}
    if operator in SEVERAL:
        return {**asked, "value": draw(st.lists(one, min_size=1, max_size=3))}
    return {**asked, "value": draw(one)}


def rules(known):
    return st.recursive(
        conditions(known),
        lambda parts: st.one_of(
            st.lists(parts, min_size=1, max_size=3).map(lambda some: {"and": some}),
            st.lists(parts, min_size=1, max_size=3).map(lambda some: {"or": some}),
            parts.map(lambda part: {"not": part}),
        ),
        max_leaves=6,
    ).filter(lambda rule: _depth(rule) <= 8)


def _depth(rule):
    parts = rule.get("and") or rule.get("or") or [rule.get("not")]
    return 1 + max(map(_depth, parts)) if parts != [None] else 1


class TestAgreement(TestCase):
    @classmethod
    def setUpTestData(cls):
        fill()
        cls.known = everything()
        cls.offered = registry(fresh=True)
        cls.eligible = eligible()

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    @pytest.mark.owner
    def test_the_database_finds_whom_python_finds(self, data):
        rule = parse(data.draw(rules(self.known)), self.offered)

        expected = {pk for pk in self.eligible if evaluate(rule, self.known[pk]) is True}

        assert found_by(rule) == expected
        assert count(rule) == len(expected)

    @pytest.mark.owner
    def test_every_field_is_known_of_somebody_and_has_its_type(self):
        for field in self.offered.values():
            rule = parse(
                asks(field.name, "is_known") if field.nullable
                else asks("customer.code", "contains", "c"),
                self.offered,
            )  # fmt: skip
            assert any(each[field.name] is not None for each in self.known.values()), field.name
            for values in self.known.values():
                evaluate(rule, values)
        assert set(self.offered) == set(COLUMNS) == set(CATALOGUE)

    @pytest.mark.owner
    def test_every_customer_is_asked_once(self):
        """No join doubles anybody, nor loses them."""
        rule = parse({"or": [asks(name, "is_unknown") for name in self.offered
                             if self.offered[name].nullable]
                            + [asks("customer.code", "contains", "c")]}, self.offered)  # fmt: skip
        assert count(rule) == len(self.eligible)


@pytest.mark.django_db
class TestFields:
    def test_nobody_is_a_prospect_before_the_first_scoring(self):
        CustomerFactory()
        rule = parse(asks("rfm.segment", "is", "prospects"), registry())

        assert count(rule) == 0
        score_rfm()
        assert count(rule) == 1

    def test_days_are_those_of_the_business(self, settings):
        settings.TIME_ZONE = "Pacific/Auckland"
        customer = CustomerFactory(registered_at=datetime(2011, 11, 9, 12, tzinfo=UTC))

        fields = [registry()["customer.registered_on"]]

        assert str(known_values(fields, [customer.pk])[customer.pk]["customer.registered_on"]) == (
            "2011-11-10"
        )

    def test_signals_yet_to_come_were_today(self):
        customer = CustomerFactory()
        SignalScore.objects.create(
            customer=customer, score="0.5", intent="0", signals_90d=1, as_of=timezone.now(),
            last_signal_at=timezone.now() + timedelta(days=3),
        )  # fmt: skip

        assert count(parse(asks("signals.last", "is", 0), registry())) == 1

    def test_only_tables_that_are_asked_for_are_read(self):
        rule = parse(asks("customer.code", "is", "x"), registry())

        assert " join analytics" not in select(rule).text
        assert source(["rfm.r", "rfm.f"]).count("join analytics") == 1

    def test_a_preview_shows_what_was_asked_about(self):
        CustomerFactory(code="C1", country="France", name="Ann")

        found = preview(parse(asks("customer.country", "is_known"), registry()), limit=5)

        assert [field.label for field in found.fields] == ["country"]
        assert [(s.code, s.name, s.values) for s in found.samples] == [("C1", "Ann", ("France",))]

    def test_why_asks_the_customer_alone(self, django_assert_max_num_queries):
        customer = CustomerFactory(country="France")
        rule = parse(asks("customer.country", "is", "France"), registry(fresh=True))

        with django_assert_max_num_queries(1):
            assert why(rule, customer=customer).matches
        assert [field.name for field in asked_fields(rule)] == ["customer.country"]
