"""Names that say what sets a group apart, from terms, medians and size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scoring.cluster_names import (
    Medians,
    class_tf_idf,
    medians,
    name_clusters,
    quintiles,
    value_words,
)

SHOP = np.array([[float(n), float(n), float(n)] for n in range(1, 101)])
CUTS = quintiles(SHOP)
GOOD, BAD, PLAIN = Medians(5, 95, 95), Medians(95, 5, 5), Medians(50, 50, 50)
counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), max_size=6)
groups = st.dictionaries(st.integers(1, 6), counts, min_size=1)


def test_a_name_holds_the_telling_terms_and_the_values_that_stand_out():
    terms = {1: {"Riesling": 60, "Silvaner": 40}, 2: {"Merlot": 100}}
    found = name_clusters({1: 30, 2: 10}, {1: GOOD, 2: BAD}, CUTS, terms)
    assert found[1].name == "Riesling and Silvaner: just bought, very often, very high spend"
    assert found[2].name == "Merlot: very long ago, very seldom, very low spend"
    assert (found[1].size, found[1].share) == (30, 0.75)
    assert found[1].terms[0].text == "Riesling"


def test_a_term_that_leads_everywhere_is_in_no_name():
    terms = {n: {"wine": 90, own: 10} for n, own in enumerate(["Riesling", "Merlot"], 1)}
    found = name_clusters({1: 5, 2: 5}, {1: GOOD, 2: BAD}, CUTS, terms)
    assert all("wine" not in one.name.lower() for one in found.values())
    assert "Riesling" in found[1].name


def test_a_rare_term_names_nobody():
    terms = {1: {"oddity": 1, "Riesling": 99}, 2: {"Merlot": 100}}
    assert "oddity" not in name_clusters({1: 5, 2: 5}, {1: GOOD, 2: BAD}, CUTS, terms)[1].name


def test_values_or_terms_alone_may_be_spoken_of():
    terms = {1: {"Riesling": 9}, 2: {"Merlot": 9}}
    sizes, typical = {1: 5, 2: 5}, {1: GOOD, 2: PLAIN}
    taste = name_clusters(sizes, typical, CUTS, terms, speak_of_values=False)
    assert [one.name for one in taste.values()] == ["Riesling", "Merlot"]
    values = name_clusters(sizes, typical, CUTS, terms, speak_of_terms=False)
    assert values[1].name == "Just bought, very often, very high spend"
    assert values[2].name == "Middling in everything"


def test_groups_without_terms_are_named_all_the_same():
    found = name_clusters({1: 5, 2: 5}, {1: PLAIN, 2: PLAIN}, CUTS, {})
    assert [one.name for one in found.values()] == [
        "Middling in everything (1)",
        "Middling in everything (2)",
    ]


@given(groups)
def test_no_two_names_are_the_same(terms):
    sizes = dict.fromkeys(terms, 3)
    found = name_clusters(sizes, dict.fromkeys(terms, PLAIN), CUTS, terms)
    assert len({one.name for one in found.values()}) == len(terms)


@given(groups, st.permutations(range(1, 7)))
def test_weights_do_not_depend_on_numbers_or_order_of_groups(terms, names):
    renamed = {names[number - 1]: terms[number] for number in reversed(list(terms))}
    before, after = class_tf_idf(terms), class_tf_idf(renamed)
    for number, found in before.items():
        assert [term.weight for term in after[names[number - 1]]] == pytest.approx(
            [term.weight for term in found]
        )


@given(groups)
def test_shares_are_shares_and_weights_are_never_negative(terms):
    for found in class_tf_idf(terms, keep=99).values():
        assert all(term.weight >= 0 and 0 < term.share <= 1 for term in found)
        assert not found or sum(term.share for term in found) == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "word"),
    [(1, "just bought"), (20, "just bought"), (21, "bought lately"), (81, "very long ago")],
)
def test_words_follow_the_quintiles_and_a_value_on_a_cut_stays_below(value, word):
    assert value_words(Medians(value, 50, 50), CUTS)[0] == word


def test_medians_are_typical_of_the_group():
    assert medians(SHOP[:3]) == Medians(2, 2, 2)
