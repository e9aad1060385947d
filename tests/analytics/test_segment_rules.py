"""Rules of saved segments: what is accepted, what is refused, and the one form of a rule."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scoring import segment_rules as rules
from analytics.scoring.segment_answers import evaluate, explain, matches
from analytics.scoring.segment_catalogue import CATALOGUE
from analytics.scoring.segment_rules import RuleError, parse, parse_text
from analytics.scoring.segment_words import describe
from tests.analytics.segment_rules_support import REGISTRY, customers, documents

inner_text = st.text(max_size=5)
anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(),
        st.text(st.characters()),
        st.sampled_from([*REGISTRY, "and", "is", "between", "one_of", "9" * 400, "2011-02-30"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["and", "or", "not", "field", "operator", "value"]), inner_text
            ),
            inner,
            max_size=4,
        ),
        st.fixed_dictionaries(
            {
                "field": st.sampled_from(list(REGISTRY)),
                "operator": st.sampled_from(list(rules.Operator)),
                "value": inner,
            }
        ),
    ),
    max_leaves=25,
)


def ask(field, operator, *value):
    return {"field": field, "operator": operator, **({"value": value[0]} if value else {})}


def read(document):
    return parse(document, REGISTRY)


def refused(document):
    with pytest.raises(RuleError) as caught:
        read(document)
    return [(problem.path, problem.code) for problem in caught.value.problems]


def nested(levels):
    document = ask("orders", "is", 1)
    for _ in range(levels - 1):
        document = {"not": document}
    return document


class TestParsing:
    @given(documents)
    def test_what_was_read_is_written_the_same_way(self, document):
        rule = read(document)
        assert read(rules.as_json(rule)) == rule

    @given(anything)
    def test_whatever_comes_in_it_is_a_rule_or_a_list_of_problems(self, document):
        problems = ()
        try:
            rule = read(document)
        except RuleError as error:
            problems = error.problems
        else:
            assert describe(rule).encode()
            assert rules.rule_hash(rule)
            return
        assert problems
        for problem in problems:
            assert problem.words.isprintable()
            assert json.dumps([problem.path, problem.code, problem.words]).encode()

    @given(st.text(st.characters()))
    def test_whatever_text_comes_in_it_is_a_rule_or_a_list_of_problems(self, text):
        with pytest.raises(RuleError):
            parse_text(text, REGISTRY)

    @pytest.mark.parametrize(
        "text",
        [
            "[" * 100_000,
            '{"and":' * 30_000,
            "9" * 5_000,
            '{"field": "orders", "operator": "is", "value": NaN}',
            '{"field": "orders", "field": "money", "operator": "is", "value": 1}',
            " " * (rules.MAX_JSON + 1),
            "",
        ],
    )
    def test_text_that_is_no_rule_is_refused(self, text):
        with pytest.raises(RuleError):
            parse_text(text, REGISTRY)

    def test_every_problem_is_found_at_once_with_its_place(self):
        assert refused(
            {
                "and": [
                    ask("nothing", "is", 1),
                    {"or": [ask("orders", "contains", 1), ask("orders", "is", "many")]},
                    {"not": ask("families", "has_any", ["red", ""])},
                    {"or": []},
                    ask("since", "between", ["2011-02-01", "2011-01-01"]),
                ]
            }
        ) == [
            ("/and/0/field", "unknown_field"),
            ("/and/1/or/0/operator", "bad_operator"),
            ("/and/1/or/1/value", "not_a_number"),
            ("/and/2/not/value/1", "empty"),
            ("/and/3/or", "empty"),
            ("/and/4/value", "reversed"),
        ]

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            (None, ("", "not_a_rule")),
            ([], ("", "not_a_rule")),
            ({"and": {}}, ("/and", "not_a_list")),
            ({"and": [ask("orders", "is", 1)], "or": []}, ("", "mixed")),
            ({**ask("orders", "is", 1), "sql": "1"}, ("", "unknown_key")),
            (ask("orders", "is_known", 1), ("/value", "no_value")),
            (ask("code", "is_unknown"), ("/operator", "bad_operator")),
            (ask("orders", "is", True), ("/value", "not_a_number")),
            (ask("orders", "is", 1.5), ("/value", "too_precise")),
            (ask("orders", "is", -1), ("/value", "out_of_range")),
            (ask("orders", "is", 10**400), ("/value", "out_of_range")),
            (ask("orders", "is", float("inf")), ("/value", "not_a_number")),
            (ask("money", "is", "1.005"), ("/value", "too_precise")),
            (ask("last", "at_most", 40_000), ("/value", "out_of_range")),
            (ask("since", "is", "2011-02-30"), ("/value", "not_a_date")),
            (ask("since", "is", "0001-01-01"), ("/value", "out_of_range")),
            (ask("segment", "is", "best"), ("/value", "unknown_choice")),
            (ask("product", "is", "a\0b"), ("/value", "bad_character")),
            (ask("product", "is", "\ud800"), ("/value", "bad_character")),
            (ask("product", "is", "x" * 201), ("/value", "too_long")),
            (ask("product", "is", 5), ("/value", "not_a_text")),
            (ask("contactable", "is", "yes"), ("/value", "not_a_flag")),
            (ask("country", "one_of", []), ("/value", "not_a_list")),
            (ask("country", "one_of", ["x"] * 201), ("/value", "too_many")),
            (ask("orders", "between", [1]), ("/value", "not_a_list")),
            ({"and": [ask("orders", "is", 1)] * 200}, ("/and/199", "too_large")),
            (nested(9), ("/not" * 8, "too_deep")),
        ],
    )
    def test_each_mistake_has_its_own_code(self, document, problem):
        assert refused(document) == [problem]

    def test_as_much_as_is_allowed_is_accepted(self):
        read({"and": [ask("orders", "is", 1)] * 199})
        read(nested(8))

    def test_numbers_may_come_as_text_as_forms_send_them(self):
        assert read(ask("money", "is", " 12.50 ")) == read(ask("money", "is", 12.5))

    def test_texts_are_trimmed_and_composed(self):
        assert read(ask("product", "is", " Rose\u0301 ")) == read(ask("product", "is", "Rosé"))


class TestOneForm:
    @given(documents)
    def test_the_canonical_text_reads_as_the_normal_rule_and_stays_what_it_is(self, document):
        rule = rules.normalised(read(document))
        text = rules.canonical_json(rule)
        assert parse_text(text, REGISTRY) == rule
        assert rules.canonical_json(parse_text(text, REGISTRY)) == text

    @given(documents, st.lists(customers, min_size=1, max_size=5))
    def test_the_normal_rule_has_the_same_answers(self, document, people):
        rule = read(document)
        for person in people:
            assert evaluate(rules.normalised(rule), person) is evaluate(rule, person)

    def test_rules_that_differ_in_writing_only_have_one_hash(self):
        first, second = ask("orders", "is", 1), ask("country", "one_of", ["b", "a", "b"])
        one = read({"and": [first, {"and": [second]}, first]})
        other = read({"not": {"not": {"and": [ask("country", "one_of", ["a", "b"]), first]}}})
        assert rules.rule_hash(one) == rules.rule_hash(other)
        assert rules.rule_hash(one) != rules.rule_hash(read(first))

    def test_the_written_form_keeps_its_order(self):
        document = {"and": [ask("orders", "is", 1), ask("country", "is", "a")]}
        assert rules.as_json(read(document)) == document


class TestUnknown:
    NOBODY_KNOWN = dict.fromkeys(REGISTRY)

    @given(documents)
    def test_a_condition_and_its_opposite_never_both_hold_and_unknown_holds_for_neither(
        self, document
    ):
        rule = read(document)
        assert not (
            matches(rule, self.NOBODY_KNOWN) and matches(rules.Not(rule), self.NOBODY_KNOWN)
        )

    @pytest.mark.parametrize(
        "condition",
        [
            ask("orders", "is_not", 1),
            ask("country", "none_of", ["a"]),
            ask("families", "has_none", ["red"]),
            ask("contactable", "is", False),
        ],
    )
    def test_what_is_not_known_is_no_match_also_under_not(self, condition):
        rule = read(condition)
        assert evaluate(rule, {}) is None
        assert not matches(rule, {})
        assert not matches(rules.Not(rule), {})

    def test_one_true_part_is_enough_for_or_and_one_false_part_for_and(self):
        yes, no = ask("orders", "is", 1), ask("orders", "is", 2)
        unknown = ask("country", "is", "a")
        answers = [
            evaluate(read(document), {"orders": 1})
            for document in (
                {"or": [unknown, yes]},
                {"or": [unknown, no]},
                {"and": [unknown, yes]},
                {"and": [unknown, no]},
            )
        ]
        assert answers == [True, None, None, False]

    def test_asking_whether_it_is_known_always_has_an_answer(self):
        assert matches(read(ask("country", "is_unknown")), {})
        assert matches(read({"not": ask("country", "is_known")}), {})

    def test_an_empty_list_is_known(self):
        assert matches(read(ask("families", "has_none", ["red"])), {"families": []})


class TestWords:
    @pytest.mark.parametrize(
        ("document", "words"),
        [
            (ask("segment", "is", "champions"), "whose RFM segment is Champions"),
            (ask("segment", "none_of", ["lost"]), "whose RFM segment is not Lost"),
            (
                ask("country", "one_of", list("abcdefgh")),
                "whose country is a, b, c, d, e, f or 2 others",
            ),
            (ask("last", "at_most", 1), "whose last order was at most 1 day ago"),
            (ask("last", "between", [3, 30]), "whose last order was between 3 and 30 days ago"),
            (ask("share", "more_than", 0.125), "whose share of returns is more than 12.5 %"),
            (ask("money", "at_least", 1500), "whose money spent is at least 1,500.00"),
            (ask("orders", "is", 100), "whose number of orders is 100"),
            (
                ask("since", "less_than", "2011-12-01"),
                "whose day of registration is before 1 December 2011",
            ),
            (ask("contactable", "is", True), "who may be contacted"),
            (ask("contactable", "is", False), "who may not be contacted"),
            (ask("product", "contains", "rosé"), "whose first product contains “rosé”"),
            (
                ask("families", "has_all", ["a", "b"]),
                "whose main product families include a and b",
            ),
            (ask("families", "is_unknown"), "whose main product families are not known"),
        ],
    )
    def test_a_condition_reads_as_english(self, document, words):
        assert describe(read(document)) == f"Customers {words}."

    def test_groups_within_groups_have_one_meaning(self):
        rule = {
            "and": [
                ask("segment", "is", "champions"),
                {"or": [ask("orders", "more_than", 9), ask("last", "at_most", 30)]},
                {"not": ask("country", "is", "FR")},
            ]
        }
        assert describe(read(rule)) == (
            "Customers whose RFM segment is Champions and (whose number of orders is more than 9 "
            "or whose last order was at most 30 days ago) and not (whose country is FR)."
        )

    def test_an_explanation_says_what_held_and_with_which_value(self):
        rule = read({"or": [ask("money", "at_least", 100), {"not": ask("country", "is", "FR")}]})
        told = explain(rule, {"money": Decimal("1250.5")})
        assert told.answer is True
        money, country = told.parts
        assert (money.answer, money.found) == (True, "1,250.50")
        assert (country.answer, country.parts[0].found) == (None, "not known")

    @given(documents, customers)
    def test_an_explanation_has_the_answer_of_the_rule(self, document, person):
        rule = read(document)
        assert explain(rule, person).answer is evaluate(rule, person)

    @pytest.mark.parametrize("field", CATALOGUE.values(), ids=str)
    def test_every_field_reads_well_enough_to_stand_in_a_sentence(self, field):
        assert field.label
        assert not field.label.endswith(".")
        if field.kind == "flag":
            assert field.denied


def test_a_value_of_another_type_than_its_field_is_a_mistake_of_the_caller():
    for value in ("many", True, ["x"]):
        with pytest.raises(TypeError, match="orders cannot be"):
            evaluate(read(ask("orders", "is", 1)), {"orders": value})


def test_fields_that_cannot_be_read_are_not_offered():
    assert list(REGISTRY.only(["money", "orders"])) == ["orders", "money"]
