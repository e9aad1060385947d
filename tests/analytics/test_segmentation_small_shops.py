"""Shops that no grouping was made for: empty, tiny, all alike, in debt, or selling nothing."""

from datetime import date

import pytest

from analytics.models import Segmentation
from analytics.services.segmentation_groups import Effort
from analytics.services.segmentation_verdicts import compare_newest
from analytics.services.segmentations import build
from crm_project.common.exceptions import CrmError, NotReadyError
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db

DAY = date(2011, 11, 9)
QUICK = Effort(ks=(3, 4), trial_resamples=3, resamples=5)

ALIKE = {f"C{n}": [("2011-05-01", "10")] for n in range(80)}
IN_DEBT = {
    f"C{n}": [
        (f"2011-05-{1 + n % 28:02d}", "10"),
        (f"2011-06-{1 + n % 28:02d}", str(20 + n), "return"),
    ]
    for n in range(80)
}
RETURNS = {f"C{n}": [("2011-05-01", "10", "return")] for n in range(80)}
FREE = {f"C{n}": [(f"2011-05-{1 + n % 28:02d}", "0")] for n in range(80)}


@pytest.mark.parametrize(
    "orders",
    [{}, {"A": [("2011-05-01", "10")]}, ALIKE, IN_DEBT, RETURNS, FREE],
    ids=["empty", "one customer", "all alike", "in debt", "returns only", "free"],
)
def test_every_kind_is_made_or_left_out_in_words(orders):
    shop(orders)

    found = build(as_of=DAY, effort=QUICK)

    made = {row.kind for row in found.made}
    assert made | found.left_out.keys() == set(Segmentation.Kind.values)
    assert all(words.endswith(".") for words in found.left_out.values())
    for row in found.made:
        assert row.customers == sum(row.clusters.values_list("size", flat=True))
    if len(made) < 2:
        with pytest.raises(NotReadyError, match=r"\.|manage\.py"):
            compare_newest(as_of=DAY, effort=QUICK)
    else:
        assert all(row.verdict for row in compare_newest(as_of=DAY, effort=QUICK).comparisons)


def test_a_day_before_the_first_order_has_no_groups_and_says_so():
    shop(IN_DEBT)
    found = build(as_of=date(2010, 1, 1), effort=QUICK)
    assert not found.made
    assert "Nobody has bought anything yet." in found.left_out.values()


@pytest.mark.parametrize("seed", [-1, 99_999_999_999_999])
def test_a_seed_that_cannot_be_drawn_with_is_refused_in_words(seed):
    with pytest.raises(CrmError, match="seed is a whole number"):
        build(as_of=DAY, seed=seed)


@pytest.mark.parametrize("days", [0, -5, 10**8])
def test_a_window_that_makes_no_sense_is_refused_before_any_work(days):
    with pytest.raises(CrmError, match="1 to 366 days"):
        compare_newest(later_days=days)
