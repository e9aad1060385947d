"""Agreement of two groupings: the laws, and the numbers of scikit-learn and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats.contingency import association
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from analytics.scoring.agreement import (
    adjusted_rand_index,
    contingency,
    cramers_v,
    normalised_mutual_information,
)

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def sides(rows):
    return [left for left, _ in rows], [right for _, right in rows]


@given(pairs)
def test_the_adjusted_rand_index_is_that_of_scikit_learn(rows):
    left, right = sides(rows)
    found = adjusted_rand_index(contingency(left, right))
    assert found == pytest.approx(adjusted_rand_score(left, right))


@given(pairs)
def test_the_mutual_information_is_that_of_scikit_learn(rows):
    left, right = sides(rows)
    found = normalised_mutual_information(contingency(left, right))
    assert found == pytest.approx(normalized_mutual_info_score(left, right), abs=1e-9)


@given(pairs)
def test_cramers_v_is_that_of_scipy(rows):
    table = contingency(*sides(rows))
    found = cramers_v(table)
    if found is None:
        assert min(len(table.left), len(table.right)) == 1
    else:
        assert found == pytest.approx(association(np.array(table.counts)), abs=1e-7)


@given(pairs, st.permutations(range(5)))
def test_renaming_groups_changes_nothing(rows, names):
    left, right = sides(rows)
    table, renamed = contingency(left, right), contingency(left, [names[one] for one in right])
    for measure in (adjusted_rand_index, normalised_mutual_information, cramers_v):
        assert measure(renamed) == pytest.approx(measure(table), abs=1e-12)


@given(pairs)
def test_left_and_right_may_be_exchanged(rows):
    left, right = sides(rows)
    assert adjusted_rand_index(contingency(left, right)) == adjusted_rand_index(
        contingency(right, left)
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_a_grouping_agrees_with_itself_completely(labels):
    table = contingency(labels, [f"group {label}" for label in labels])
    assert adjusted_rand_index(table) == 1
    assert normalised_mutual_information(table) == pytest.approx(1)
    assert cramers_v(table) in (None, pytest.approx(1))


@given(st.integers(0, 1000))
def test_independent_groupings_agree_hardly_more_than_chance(seed):
    source = np.random.default_rng(seed)
    table = contingency(source.integers(0, 5, 4000), source.integers(0, 5, 4000))
    assert abs(adjusted_rand_index(table)) < 0.01
    assert normalised_mutual_information(table) < 0.02


def test_a_million_customers_do_not_overflow():
    labels = np.repeat([1, 2], 500_000)
    assert adjusted_rand_index(contingency(labels, labels)) == 1


def test_shares_of_rows_and_columns_add_up():
    table = contingency(["a", "a", "b"], [1, 2, 2])
    assert table.row_shares == ((0.5, 0.5), (0.0, 1.0))
    assert table.column_shares == ((1.0, 0.5), (0.0, 0.5))
    assert table.total == 3


@pytest.mark.parametrize(("left", "right"), [([], []), ([1], [1, 2])])
def test_unequal_or_empty_sides_are_refused(left, right):
    with pytest.raises(ValueError, match="customers"):
        contingency(left, right)
