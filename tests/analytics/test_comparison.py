"""What groupings explain of later revenue, and the verdict in words with its numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.scoring.comparison import Side, compare, explained_words
from analytics.scoring.explained import eta_squared, explained

seeds = st.integers(0, 10_000)


def made(seed=1, customers=2000):
    """Revenue follows the left grouping; the right one is independent of both."""
    source = np.random.default_rng(seed)
    left, right = source.integers(1, 5, customers), source.integers(1, 4, customers)
    return left, right, left * 10.0 + source.normal(0, 8, customers), source


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-99, 99)), min_size=2, max_size=40))
def test_eta_squared_is_between_over_total_sum_of_squares(rows):
    labels, values = np.array([one for one, _ in rows]), np.array([two for _, two in rows])
    total = ((values - values.mean()) ** 2).sum()
    between = sum(
        (labels == one).sum() * (values[labels == one].mean() - values.mean()) ** 2
        for one in set(labels.tolist())
    )
    wanted = between / total if total > 1e-9 else None
    if wanted is not None:
        assert eta_squared(labels, values) == pytest.approx(wanted, abs=1e-6)


@given(seeds, st.permutations(range(1, 5)))
@settings(max_examples=15)
def test_renaming_groups_changes_no_share(seed, names):
    left, right, values, _ = made(seed, 300)
    renamed = np.array([names[one - 1] for one in left])
    once = explained("revenue", left, right, values, seed=2, resamples=20)
    again = explained("revenue", renamed, right, values, seed=2, resamples=20)
    for part in ("value", "low", "high", "eta_squared"):
        assert getattr(again.left, part) == pytest.approx(getattr(once.left, part))
        assert getattr(again.difference, part) == pytest.approx(getattr(once.difference, part))


def test_the_grouping_that_revenue_follows_explains_more():
    left, right, values, _ = made()
    found = explained("revenue", left, right, values, seed=1)
    assert found.left.low < found.left.value < found.left.high
    assert found.left.value > 0.5
    assert found.right.value == pytest.approx(0, abs=0.01)
    assert found.difference.high < 0
    assert "A explains more" in explained_words("A", "B", found)


@given(seeds)
@settings(max_examples=10)
def test_many_meaningless_groups_are_not_rewarded(seed):
    source = np.random.default_rng(seed)
    few, many = source.integers(0, 2, 500), source.integers(0, 40, 500)
    found = explained("revenue", few, many, source.exponential(50, 500), seed=1, resamples=50)
    assert found.right.eta_squared > 0.02
    assert abs(found.right.value) < 0.09
    assert found.difference.high - found.difference.low > 0.05


def test_chance_is_seldom_taken_for_evidence():
    wrong = 0
    for seed in range(60):
        source = np.random.default_rng(seed)
        few, many = source.integers(0, 4, 600), source.integers(0, 11, 600)
        gap = explained("x", few, many, source.lognormal(3, 1, 600), seed=seed, resamples=80)
        wrong += not gap.difference.low <= 0 <= gap.difference.high
    assert wrong <= 9


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones(50), "50 customers are fewer than 100"),
        (np.r_[np.ones(9), np.zeros(191)], "9 customers with an outcome are fewer than 100"),
        (np.ones(200), "the outcome is the same for everybody"),
    ],
)
def test_thin_data_gives_no_number_but_a_reason(values, reason):
    labels = np.arange(len(values)) % 3
    found = explained("revenue", labels, labels, values, seed=1)
    assert (found.left, found.right, found.difference) == (None, None, None)
    assert found.reason == reason
    assert reason in explained_words("A", "B", found)


def test_different_customers_are_refused():
    with pytest.raises(ValueError, match="not the same customers"):
        explained("x", np.ones(2), np.ones(3), np.ones(3), seed=1)


def whole(seed=1):
    left, right, values, source = made(seed, 600)
    behaviour = np.column_stack((left * 5.0, source.normal(0, 0.3, 600)))
    taste = np.eye(3)[right - 1] + source.normal(0, 0.05, (600, 3))
    return compare(
        Side("RFM", left, behaviour, lambda rows, _: left[rows]),
        Side("Taste", right, taste, lambda rows, _: right[rows]),
        seed=1,
        rfm_space=behaviour,
        later={"the next 90 days' revenue": values},
        resamples=5,
    )


def test_the_verdict_says_every_finding_with_its_number():
    found = whole()
    assert "RFM and Taste agree little (adjusted Rand index" in found.verdict
    assert "RFM explains more" in found.verdict
    assert "Groups of RFM: 4 stable (mean Jaccard 1.00)." in found.verdict
    assert "Groups of Taste: 3 stable (mean Jaccard 1.00)." in found.verdict
    assert "hardly more than" in found.verdict
    assert found.customers == sum(map(sum, found.table.counts)) == 600


def test_each_side_is_measured_in_its_own_space_and_both_in_that_of_rfm():
    found = whole()
    assert found.right.own_silhouette.value > 0.7
    assert found.right.rfm_silhouette.value < 0.1
    assert found.left.own_silhouette == found.left.rfm_silhouette


def test_a_comparison_is_the_same_on_every_run():
    assert whole() == whole()


def test_a_segmentation_compared_with_itself_is_no_better_than_itself():
    left, _, values, _ = made(2, 500)
    found = compare(
        Side("Before", left), Side("After", left + 10), seed=1, later={"revenue": values}
    )
    assert (found.adjusted_rand, found.mutual_information, found.cramers_v) == (1, 1, 1)
    assert found.later[0].difference.value == 0
    assert "are almost the same" in found.verdict
    assert "no evidence that either is better" in found.verdict
    assert found.purity is found.left.stability is found.left.own_silhouette is None


def test_the_parts_are_announced_as_they_are_done():
    heard = []
    compare(Side("A", np.ones(3)), Side("B", np.ones(3)), seed=1, progress=heard.append)
    assert heard == ["agreement", "stability", "neighbours", "later outcomes"]
