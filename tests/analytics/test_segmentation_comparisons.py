"""Comparing segmentations: agreement, later revenue, and a verdict in words with its numbers."""

from datetime import date, timedelta

import pytest
from django.db import transaction

from analytics.models import Segmentation, SegmentationComparison
from analytics.scoring.agreement import adjusted_rand_index, contingency
from analytics.selectors.segmentation_values import later_outcomes, members
from analytics.selectors.segmentations import (
    clusters_of,
    current_segmentations,
    customers_in_cluster,
    moved_customers,
    newest_comparisons,
    previous_segmentation,
    segmentation_movement,
)
from analytics.services import segmentation_comparisons as service
from analytics.services.segmentation_comparisons import compare
from analytics.services.segmentation_verdicts import compare_newest
from analytics.services.segmentations import build, thin_segmentations
from crm_project.common.exceptions import ConflictError, CrmError, NotReadyError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Order
from tests.analytics.segmentation_support import (
    DAY,
    QUICK,
    built,
    buy_later,
    by_kind,
    give_taste,
    membership,
    order,
    shop,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(monkeypatch):
    """A shop of which all orders up to 120 days after DAY are known."""
    people = shop(240)
    give_taste(monkeypatch, people)
    buy_later(people)
    order(people[0], DAY + timedelta(days=120), 10).save()
    return people


@pytest.fixture
def made(people):
    return by_kind(build(as_of=DAY, effort=QUICK))


def compared(made, left="rfm_map", right="taste", **options):
    return compare(left_id=made[left].pk, right_id=made[right].pk, effort=QUICK, **options)


class TestResults:
    def test_the_table_counts_everybody_who_is_in_both(self, made):
        results = compared(made).results
        table = results["contingency"]
        assert sum(map(sum, table["counts"])) == results["customers"] == 240
        left, right = membership(made["rfm_map"]), membership(made["taste"])
        first, second = table["rows"][0]["number"], table["columns"][0]["number"]
        both = [key for key in left if left[key] == first and right[key] == second]
        assert table["counts"][0][0] == len(both)
        assert {row["name"] for row in table["columns"]} == {"Riesling", "Merlot", "Port"}
        assert all(sum(row) == pytest.approx(1) for row in table["row_shares"])

    def test_agreement_is_that_of_the_members(self, made):
        results = compared(made, right="rfm").results
        left, right = membership(made["rfm_map"]), membership(made["rfm"])
        pairs = [(left[key], right[key]) for key in sorted(left)]
        wanted = adjusted_rand_index(contingency(*map(list, zip(*pairs, strict=True))))
        assert results["agreement"]["adjusted_rand"] == pytest.approx(wanted)
        assert wanted > 0.3

    def test_behaviour_explains_later_revenue_and_taste_does_not(self, made):
        found = compared(made)
        revenue, conversion = found.results["later"]["outcomes"]
        assert (revenue["key"], conversion["key"]) == ("revenue", "conversion")
        assert revenue["left"]["value"] > 0.5
        assert abs(revenue["right"]["value"]) < 0.1
        assert revenue["difference"]["high"] < 0
        assert found.later_judged
        assert (found.later_since, found.later_until) == (
            DAY + timedelta(days=1), DAY + timedelta(days=90)
        )  # fmt: skip
        assert "RFM map and Taste clustering agree little" in found.verdict
        assert "RFM map explains more" in found.verdict
        assert "in the 90 days after 2011-09-01" in found.verdict

    def test_both_sides_are_measured_in_the_space_of_behaviour(self, made):
        results = compared(made, right="both").results
        assert results["left"]["rfm_silhouette"]["value"] is not None
        assert results["right"]["rfm_silhouette"]["value"] is not None
        assert results["right"]["own_silhouette"] == made["both"].quality["silhouette"]
        assert results["right"]["stability"]["mean"] == made["both"].quality["stability"]["mean"]
        assert {"number", "name", "size", "jaccard", "word"} == set(
            results["right"]["stability"]["groups"][0]
        )
        assert results["purity"]["pool"] == 240

    def test_comparing_again_replaces_the_row_and_changes_no_number(self, made):
        once, again = compared(made), compared(made)
        assert once.pk == again.pk
        assert (once.results, once.verdict) == (again.results, again.verdict)
        assert RefreshState.objects.filter(name="comparison", error="").count() == 2

    def test_customers_in_one_side_only_are_counted(self, monkeypatch, people):
        give_taste(monkeypatch, people, leave_out=10)
        made = by_kind(build(as_of=DAY, effort=QUICK))
        results = compared(made).results
        assert (results["customers"], results["left_only"], results["right_only"]) == (230, 10, 0)


class TestLaterWindow:
    def test_its_borders_are_the_ends_of_local_days(self, people):
        segmentation = built()
        Order.objects.filter(ordered_at__date__gt=DAY).delete()
        last = DAY + timedelta(days=90)
        order(people[0], DAY, 1, clock="23:59").save()
        order(people[0], DAY + timedelta(days=1), 20, clock="00:00").save()
        order(people[0], last, 300, clock="23:59").save()
        order(people[0], last + timedelta(days=1), 4000, clock="00:00").save()
        order(people[1], last, 50).save()
        order(people[1], last, 80, kind="return").save()
        order(people[2], last, 7, kind="return").save()

        ids, _ = members(segmentation.pk)
        revenue, bought = later_outcomes(ids, as_of=DAY, days=90)

        assert revenue[:4].tolist() == [320.0, -30.0, -7.0, 0.0]
        assert bought[:4].tolist() == [1.0, 1.0, 0.0, 0.0]

    def test_a_window_that_is_not_over_is_said_and_not_judged(self, made):
        found = compared(made, later_days=121)
        assert not found.later_judged
        assert "not over" in found.results["later"]["reason"]
        assert "cannot be said yet" in found.verdict

    def test_thin_data_has_a_reason_and_no_number(self, monkeypatch):
        people = shop(90)
        give_taste(monkeypatch, people)
        order(people[0], DAY + timedelta(days=120), 10).save()
        made = by_kind(build(as_of=DAY, effort=QUICK))
        outcome = compared(made).results["later"]["outcomes"][0]
        assert (outcome["left"], outcome["right"], outcome["difference"]) == (None, None, None)
        assert outcome["reason"] == "90 customers are fewer than 100"


class TestRefused:
    def test_the_same_one_twice(self, made):
        with pytest.raises(CrmError, match="with itself"):
            compared(made, right="rfm_map")

    def test_different_days(self, made):
        other = built(as_of=DAY - timedelta(days=9))
        with pytest.raises(CrmError, match="different days"):
            compare(left_id=made["rfm_map"].pk, right_id=other.pk)

    def test_one_whose_members_are_gone(self, made):
        build(as_of=date(2011, 9, 2), effort=QUICK)
        assert made["rfm"].pk in thin_segmentations(today=date(2012, 9, 1))
        with pytest.raises(CrmError, match="with members"):
            compared(made, left="rfm")

    @pytest.mark.parametrize("days", [0, -1, 367])
    def test_a_window_without_sense(self, made, days):
        with pytest.raises(CrmError, match="366 days"):
            compared(made, later_days=days)

    @pytest.mark.django_db(transaction=True)
    def test_a_second_comparison_at_the_same_time(self, made, in_thread):
        with transaction.atomic():
            assert service._lock()
            with pytest.raises(ConflictError, match="already"):
                in_thread(compared, made)()
        assert not SegmentationComparison.objects.exists()


class TestNewest:
    def test_a_day_whose_window_is_over_is_judged_itself(self, made):
        found = compare_newest(effort=QUICK)
        assert [c.right.kind for c in found.comparisons] == ["rfm", "taste", "both"]
        assert all(c.later_judged for c in found.comparisons)
        assert found.judged == ()
        assert newest_comparisons() == list(found.comparisons)

    def test_an_open_window_quotes_the_latest_day_that_can_be_judged(self, people):
        today = DAY + timedelta(days=100)
        build(as_of=today, effort=QUICK)

        found = compare_newest(effort=QUICK)

        judged_day = DAY + timedelta(days=30)
        assert {c.as_of for c in found.judged} == {judged_day}
        assert all(c.later_judged for c in found.judged)
        assert not any(c.later_judged for c in found.comparisons)
        assert found.comparisons[0].judged == found.judged[0]
        assert f"As of {judged_day}: Of revenue" in found.comparisons[0].verdict
        assert {row.as_of for row in current_segmentations().values()} == {today}

    def test_a_recent_judgement_is_used_again(self, people):
        build(as_of=DAY + timedelta(days=100), effort=QUICK)
        once = compare_newest(effort=QUICK)
        order(people[0], DAY + timedelta(days=124), 10).save()
        count = Segmentation.objects.count()

        again = compare_newest(effort=QUICK)

        assert again.judged == once.judged
        assert Segmentation.objects.count() == count

    def test_nothing_later_changes_the_comparison_of_a_day(self, people):
        build(as_of=DAY, effort=QUICK)
        before = compare_newest(effort=QUICK).comparisons
        for person in people[:40]:
            order(person, DAY + timedelta(days=91), 99_999, clock="00:00").save()
        after = compare_newest(effort=QUICK).comparisons
        assert [c.results for c in after] == [c.results for c in before]

    def test_a_shop_too_young_to_be_judged_says_so(self, monkeypatch):
        people = Customer.objects.bulk_create([Customer(code=f"Y{n}") for n in range(80)])
        Order.objects.bulk_create(
            order(person, DAY + timedelta(days=n % 40), 10 + n) for n, person in enumerate(people)
        )
        build(as_of=DAY + timedelta(days=40), effort=QUICK)
        found = compare_newest(effort=QUICK)
        assert found.judged == ()
        assert "could be grouped" in found.reason

    def test_before_the_first_segmentation_it_says_what_to_do(self):
        with pytest.raises(NotReadyError, match="segment_customers"):
            compare_newest()


class TestMovement:
    def test_each_cell_counts_who_went_from_where_to_where(self, people):
        older = built()
        newer = built(as_of=DAY + timedelta(days=100))
        was, now = membership(older), membership(newer)

        found = segmentation_movement(older=older, newer=newer)

        assert {(c.from_number, c.to_number): c.customers for c in found.cells} == {
            pair: sum((was.get(p.pk), now.get(p.pk)) == pair for p in people)
            for pair in {(was.get(p.pk), now.get(p.pk)) for p in people}
        }
        assert found.stayed + found.moved + found.came + found.left == 240
        cell = found.cells[0]
        behind = moved_customers(
            older=older, newer=newer, from_number=cell.from_number, to_number=cell.to_number
        )
        assert behind.count() == cell.customers
        assert previous_segmentation(newer) == older

    def test_who_came_is_not_grouped_before(self, people):
        older = built()
        new = Customer.objects.create(code="NEW")
        order(new, DAY + timedelta(days=1), 10).save()
        newer = built(as_of=DAY + timedelta(days=1))
        found = segmentation_movement(older=older, newer=newer)
        assert (found.came, found.left) == (1, 0)
        behind = moved_customers(
            older=older, newer=newer, from_number=None, to_number=membership(newer)[new.pk]
        )
        assert [person.code for person in behind] == ["NEW"]

    def test_two_kinds_have_no_movement(self, made):
        with pytest.raises(CrmError, match="of one kind"):
            segmentation_movement(older=made["rfm"], newer=made["taste"])

    def test_the_matrix_is_one_query_besides_the_names(self, made, django_assert_num_queries):
        with django_assert_num_queries(2):
            segmentation_movement(older=made["rfm"], newer=made["rfm"])


def test_a_customers_groups_come_with_names_and_days(made, people, django_assert_num_queries):
    with django_assert_num_queries(1):
        rows = clusters_of(people[0].pk)
        told = [(row.kind, row.cluster.name, row.segmentation.as_of) for row in rows]
    assert [kind for kind, *_ in told] == ["rfm_map", "rfm", "taste", "both"]
    assert told[2][1:] == ("Riesling", DAY)
    number = rows[2].number
    found = customers_in_cluster(segmentation=made["taste"], number=number)
    assert found.count() == made["taste"].clusters.get(number=number).size
