"""What the rule builder of saved segments offers."""

import pytest

from analytics.scoring.segment_catalogue import CATALOGUE
from analytics.scoring.segment_fields import Choice, Field, Group, Kind, Operator, Registry
from analytics.scoring.segment_form import offers
from analytics.scoring.segment_rules import parse
from tests.analytics.segment_rules_support import REGISTRY

EXAMPLES = {
    Kind.NUMBER: 1,
    Kind.MONEY: 1,
    Kind.DATE: "2011-11-09",
    Kind.DAYS_AGO: 1,
    Kind.TEXT: "x",
    Kind.FLAG: True,
    Kind.LIST: "x",
    Kind.CHOICE: "x",
}


def offer(name):
    return next(each for group in offers(REGISTRY).values() for each in group if each.name == name)


def test_every_field_is_offered_once_under_its_group():
    names = [each.name for group in offers(CATALOGUE).values() for each in group]
    assert sorted(names) == sorted(CATALOGUE)
    assert list(offers(CATALOGUE)) == list(Group)


def test_every_question_that_is_offered_is_understood_with_as_many_values():
    for group in offers(CATALOGUE).values():
        for each in group:
            choices = CATALOGUE[each.name].choices
            value = choices[0].value if choices else EXAMPLES[each.kind]
            for question in each.questions:
                values = {0: None, 1: value, 2: [value, value], -1: [value]}[question.takes]
                document = {"field": each.name, "operator": question.operator.value}
                parse({**document, "value": values}, CATALOGUE)


@pytest.mark.parametrize(
    ("name", "operator", "words"),
    [
        ("last", Operator.BETWEEN, "was between … and … days ago"),
        ("country", Operator.ONE_OF, "is one of …"),
        ("country", Operator.NONE_OF, "is none of …"),
        ("families", Operator.HAS_NONE, "do not include any of …"),
        ("families", Operator.IS_UNKNOWN, "are not known"),
        ("contactable", Operator.IS, "is"),
    ],
)
def test_questions_are_in_words(name, operator, words):
    found = {question.operator: question.words for question in offer(name).questions}
    assert found[operator] == words


def test_a_flag_offers_yes_and_no_and_a_number_its_step():
    assert [choice.label for choice in offer("contactable").choices] == ["yes", "no"]
    assert (offer("orders").step, offer("money").step) == ("1", "0.01")
    assert "25 %" in offer("share").help


def test_todays_choices_take_the_place_of_none():
    country = Field(
        "country", "country", Kind.CHOICE, Group.CUSTOMER, choices=(Choice("FR", "France"),)
    )
    registry = REGISTRY.replaced(country)
    assert registry["country"].choices == (Choice("FR", "France"),)
    assert list(registry) == list(REGISTRY)


def test_two_fields_of_one_name_are_a_mistake():
    field = Field("x", "x", Kind.TEXT, Group.CUSTOMER)
    with pytest.raises(ValueError, match="two fields called x"):
        Registry((field, field))
