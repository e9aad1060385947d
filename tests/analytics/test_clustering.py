"""Groups of customers: found where they are, repeatable, numbered like the run before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.scoring.agreement import adjusted_rand_index, contingency
from analytics.scoring.blocks import TASTE_SHARES, fit_scaling, rfm_features
from analytics.scoring.clustering import TooFewCustomersError, choose_k, cluster, match_numbers
from analytics.scoring.stability import (
    best_jaccards,
    bootstrap_jaccard,
    neighbour_purity,
    sample_rows,
    silhouette,
)

QUICK = {"ks": (3, 4, 5), "trial_resamples": 4, "resamples": 5}


def made(seed=7, customers=400):
    """Four habits and, independent of them, three tastes."""
    source = np.random.default_rng(seed)
    habit, taste = source.integers(0, 4, customers), source.integers(0, 3, customers)
    middles = np.array([[3, 30, 3000], [40, 8, 400], [200, 2, 90], [700, 1, 20]])
    values = middles[habit] * np.exp(source.normal(0, 0.1, (customers, 3)))
    vectors = np.eye(3, 16)[taste] + source.normal(0, 0.02, (customers, 16))
    return habit, taste, rfm_features(*values.T), vectors.astype(np.float32)


def agreement(left, right):
    return adjusted_rand_index(contingency(left, right))


@pytest.mark.parametrize("kind", ["rfm", "taste"])
def test_each_block_alone_finds_its_own_groups(kind):
    habit, taste, rfm, vectors = made()
    found = cluster(rfm, vectors, taste_share=TASTE_SHARES[kind], seed=1, **QUICK)
    assert agreement(found.numbers, habit if kind == "rfm" else taste) > 0.95
    assert found.choice.k == (4 if kind == "rfm" else 3)
    assert {group.word for group in found.stability.groups} == {"stable"}


def test_both_blocks_together_find_the_twelve_combinations():
    habit, taste, rfm, vectors = made(customers=900)
    options = QUICK | {"ks": (3, 12)}
    found = cluster(rfm, vectors, taste_share=TASTE_SHARES["both"], seed=1, **options)
    assert found.choice.k == 12
    assert agreement(found.numbers, habit * 3 + taste) > 0.95


def test_the_same_customers_and_seed_give_the_same_groups():
    _, _, rfm, vectors = made()
    once, again = (cluster(rfm, vectors, taste_share=0.5, seed=3, **QUICK) for _ in range(2))
    assert np.array_equal(once.numbers, again.numbers)
    assert once.choice == again.choice
    assert once.stability == again.stability


def test_groups_are_numbered_from_the_largest():
    _, _, rfm, vectors = made()
    sizes = list(cluster(rfm, vectors, taste_share=0.0, seed=1, **QUICK).sizes.values())
    assert sizes == sorted(sizes, reverse=True)


@given(st.floats(0.01, 0.99), st.integers(0, 99), st.floats(0.01, 100))
def test_blocks_share_the_variance_as_asked_whatever_their_units(share, seed, unit):
    _, _, rfm, vectors = made(seed, customers=60)
    points = fit_scaling(rfm, vectors * unit, taste_share=share).points(rfm, vectors * unit)
    assert points[:, :3].var(axis=0).sum() == pytest.approx(1 - share, abs=1e-4)
    assert points[:, 3:].var(axis=0).sum() == pytest.approx(share, abs=1e-4)


def test_a_column_without_variance_says_nothing():
    rfm = np.column_stack((np.ones(5), np.arange(5.0), np.arange(5.0)))
    points = fit_scaling(rfm, np.zeros((5, 2)), taste_share=0.5).points(rfm, np.zeros((5, 2)))
    assert points.shape == (5, 3)
    assert not points[:, 0].any()
    assert points[:, 1:].all(axis=1).sum() == 4


@pytest.mark.parametrize(("share", "columns"), [(0.0, 3), (0.5, 19), (1.0, 16)])
def test_a_block_without_a_share_costs_no_columns(share, columns):
    _, _, rfm, vectors = made(customers=60)
    points = fit_scaling(rfm, vectors, taste_share=share).points(rfm, vectors)
    assert points.shape == (60, columns)
    assert points.var(axis=0).sum() == pytest.approx(1, abs=1e-4)


def test_customers_who_are_all_alike_are_all_at_the_same_place():
    alike, nothing = np.ones((4, 3)), np.zeros((4, 2))
    assert not fit_scaling(alike, nothing, taste_share=0.5).points(alike, nothing).any()


def test_a_missing_value_is_refused():
    with pytest.raises(ValueError, match="missing"):
        fit_scaling(np.array([[np.nan]]), np.zeros((1, 1)), taste_share=0.5)


@pytest.mark.parametrize("customers", [0, 3, 30])
def test_too_few_different_customers_are_told(customers):
    same = np.arange(customers)[:, None] % 3 * np.ones((1, 3))
    with pytest.raises(TooFewCustomersError):
        cluster(same, np.zeros((customers, 2)), taste_share=0.0, seed=1, **QUICK)


def test_without_structure_no_number_of_groups_is_called_stable():
    noise = np.random.default_rng(5).normal(size=(300, 8)).astype(np.float32)
    choice = choose_k(noise, seed=1, ks=(5, 6), resamples=5)
    assert "none of 2 tried is stable" in choice.words
    assert "hardly stand apart" in choice.words


@given(st.lists(st.integers(1, 5), min_size=1, max_size=50), st.permutations(range(1, 6)))
def test_numbers_of_the_run_before_come_back_however_they_were_shuffled(labels, names):
    previous = np.array(labels)
    current = np.array([names[label - 1] for label in labels])
    mapping = match_numbers(previous, current)
    assert [mapping[number] for number in current.tolist()] == labels


def test_a_group_that_resembles_none_gets_a_number_never_used_before():
    previous = np.repeat([1, 2], [90, 10])
    current = np.concatenate((np.repeat([1, 2], [80, 10]), np.repeat(3, 10)))
    assert match_numbers(previous, current) == {1: 1, 2: 3, 3: 2}
    assert match_numbers(previous, current, last_used=7) == {1: 1, 2: 8, 3: 2}


def test_the_first_run_and_groups_of_new_customers_only_are_numbered_too():
    nobody = np.array([], dtype=np.int64)
    assert match_numbers(nobody, nobody) == {}
    assert match_numbers(nobody, nobody, numbers=[1, 2]) == {1: 1, 2: 2}
    assert match_numbers(np.array([4]), np.array([1]), numbers=[1, 2]) == {1: 4, 2: 5}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.permutations(range(5)))
def test_renamed_groups_are_fully_alike(labels, names):
    renamed = np.array([names[label] for label in labels])
    assert set(best_jaccards(np.array(labels), renamed).values()) == {1.0}


def test_groups_drawn_at_random_are_unstable():
    source = np.random.default_rng(2)
    found = bootstrap_jaccard(
        source.integers(0, 4, 400),
        lambda rows, seed: np.random.default_rng(seed).integers(0, 4, len(rows)),
        seed=1,
        resamples=10,
    )
    assert {group.word for group in found.groups} == {"unstable"}
    assert found.sample == found.customers == 400


def test_large_shops_are_sampled_and_the_sample_is_stated():
    labels = np.arange(9000) % 3
    points = labels[:, None] + np.random.default_rng(1).normal(0, 0.01, (9000, 2))
    found = silhouette(points, labels, seed=1, limit=300)
    assert (found.sample, found.customers) == (300, 9000)
    assert found.value == pytest.approx(1, abs=0.05)
    purity = neighbour_purity(points, labels, seed=1, limit=50, pool_limit=600)
    assert (purity.value, purity.sample, purity.pool) == (1.0, 50, 600)
    assert purity.chance == pytest.approx(1 / 3, abs=0.05)


def test_neighbours_at_the_same_place_are_counted_without_oneself():
    purity = neighbour_purity(np.zeros((40, 2)), np.ones(40), seed=1)
    assert purity.value == 1.0


def test_a_single_group_has_no_silhouette_and_few_customers_no_purity():
    assert silhouette(np.zeros((5, 1)), np.ones(5), seed=1).value is None
    assert neighbour_purity(np.zeros((5, 1)), np.ones(5), seed=1) is None


@given(st.integers(0, 500), st.integers(1, 100), st.integers(0, 9))
def test_a_sample_holds_nobody_twice_and_never_too_many(customers, limit, seed):
    rows = sample_rows(customers, limit, seed)
    assert len(set(rows.tolist())) == len(rows) == min(customers, limit)
