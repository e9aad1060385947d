"""Building segmentations: everybody in one group with evidence, or a reason why there is none."""

from datetime import date, timedelta

import pytest

from analytics.models import CurrentCluster, RfmRun, RfmScore, Segmentation, SegmentationMember
from analytics.services.rfm import score_rfm
from analytics.services.segmentations import KINDS, build
from crm_project.common.exceptions import CrmError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Order
from tests.analytics.segmentation_support import (
    DAY,
    QUICK,
    built,
    by_kind,
    give_taste,
    membership,
    order,
    shop,
)
from tests.analytics.support import at

pytestmark = pytest.mark.django_db


class TestBuild:
    def test_all_kinds_are_made_and_shown_together(self, monkeypatch):
        people = shop()
        give_taste(monkeypatch, people, leave_out=6)

        result = build(as_of=DAY, effort=QUICK)

        made = by_kind(result)
        assert tuple(made) == KINDS
        assert result.left_out == {}
        assert {kind: (one.customers, one.left_out) for kind, one in made.items()} == {
            "rfm_map": (150, 0), "rfm": (150, 0), "taste": (144, 6), "both": (144, 6)
        }  # fmt: skip
        assert CurrentCluster.objects.filter(customer_id=people[-1].pk).count() == 4
        assert all(one.is_current and one.status == "succeeded" for one in made.values())

    def test_groups_by_behaviour_are_the_habits_and_by_taste_the_tastes(self, monkeypatch):
        people = shop()
        give_taste(monkeypatch, people)

        made = by_kind(build(as_of=DAY, effort=QUICK))

        habits, grapes = membership(made["rfm"]), membership(made["taste"])
        for place in range(9):
            same_habit = {habits[person.pk] for person in people[place % 3 :: 3]}
            same_grape = {grapes[p.pk] for n, p in enumerate(people) if n // 3 % 3 == place // 3}
            assert (len(same_habit), len(same_grape)) == (1, 1)
        assert (made["rfm"].k, made["taste"].k) == (3, 3)

    def test_the_evidence_names_the_groups(self, monkeypatch):
        people = shop()
        give_taste(monkeypatch, people)

        made = by_kind(build(as_of=DAY, effort=QUICK))

        taste = {cluster.name for cluster in made["taste"].clusters.all()}
        assert taste == {"Riesling", "Merlot", "Port"}
        best = made["rfm"].clusters.get(number=membership(made["rfm"])[people[0].pk])
        assert "spend" in best.automatic_name
        assert best.evidence["medians"]["frequency"] == 12
        assert best.evidence["share"] == pytest.approx(1 / 3)
        champions = made["rfm_map"].clusters.get(name="Champions")
        assert champions.evidence["terms"][0]["text"] in {"riesling", "merlot", "port"}

    def test_quality_says_how_far_to_believe_it(self):
        shop()
        quality = built().quality
        assert quality["words"].startswith("3 groups: the best silhouette among")
        assert [tried["k"] for tried in quality["candidates"]] == [3, 4]
        assert quality["silhouette"]["value"] > 0.5
        assert {g["word"] for g in quality["stability"]["groups"]} == {"stable"}
        assert {g["number"] for g in quality["stability"]["groups"]} == {1, 2, 3}

    def test_the_segments_of_the_rfm_map_are_a_segmentation_too(self):
        shop()
        segmentation = built("rfm_map")
        scores = dict(RfmScore.objects.values_list("customer_id", "segment_id"))
        assert membership(segmentation) == scores
        names = dict(segmentation.clusters.values_list("number", "name"))
        assert names == {
            score.segment_id: score.segment.name
            for score in RfmScore.objects.select_related("segment")
        }
        assert segmentation.quality["candidates"] == []
        assert segmentation.quality["stability"]["mean"] > 0.3

    def test_the_recency_orders_and_money_are_those_of_the_days_run(self):
        shop()
        run = score_rfm(as_of=DAY)
        assert built().rfm_run == run
        earlier = built(as_of=DAY - timedelta(days=30))
        assert earlier.rfm_run.as_of == DAY - timedelta(days=30)
        assert RfmRun.objects.get(is_current=True) == run

    def test_a_run_made_before_its_day_was_over_is_not_used_for_that_day(self):
        shop()
        early = score_rfm(as_of=DAY)
        RfmRun.objects.filter(pk=early.pk).update(started_at=at(DAY, "02:00"))
        assert built().rfm_run != early

    def test_test_merged_and_deleted_customers_are_left_out(self):
        people = shop()
        Customer.objects.filter(pk=people[0].pk).update(is_test=True)
        Customer.objects.filter(pk=people[1].pk).update(status="deleted")
        assert {people[0].pk, people[1].pk}.isdisjoint(membership(built()))

    def test_it_is_recorded_in_the_ledger(self):
        shop()
        built()
        state = RefreshState.objects.get(name="segmentations")
        assert (state.rows, state.error) == (150, "")


class TestLeftOut:
    def test_a_shop_without_taste_has_a_reason_in_its_place(self):
        shop()
        for _ in range(2):
            result = build(as_of=DAY, effort=QUICK)
        assert set(result.left_out) == {"taste", "both"}
        assert set(by_kind(result)) == {"rfm_map", "rfm"}
        notes = Segmentation.objects.filter(status="left_out")
        assert sorted(notes.values_list("kind", flat=True)) == ["both", "taste"]
        assert all(note.error for note in notes)

    def test_few_customers_are_told_and_not_grouped(self):
        shop(30)
        result = build(as_of=DAY, effort=QUICK)
        assert result.left_out["rfm"] == ("30 customers could be grouped; at least 50 are needed.")
        assert "rfm_map" in by_kind(result)

    def test_customers_who_are_all_alike_are_told_and_not_grouped(self):
        people = Customer.objects.bulk_create([Customer(code=f"E{n}") for n in range(60)])
        Order.objects.bulk_create(order(person, DAY, 10) for person in people)
        assert "differ" in build(as_of=DAY, effort=QUICK).left_out["rfm"]

    def test_an_empty_shop_has_no_segmentation_and_no_error(self):
        result = build(effort=QUICK)
        assert (result.made, set(result.left_out)) == ((), set(KINDS))
        assert not SegmentationMember.objects.exists()

    def test_what_was_current_stays_when_its_kind_can_no_longer_be_made(self, monkeypatch):
        people = shop()
        give_taste(monkeypatch, people)
        before = by_kind(build(as_of=DAY, effort=QUICK))["taste"]
        monkeypatch.setattr("analytics.services.segmentation_known.taste", lambda day: "Gone.")
        assert build(as_of=DAY, effort=QUICK).left_out["taste"] == "Gone."
        before.refresh_from_db()
        assert before.is_current


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kinds": ["magic"]}, "There is no kind 'magic'"),
        ({"kinds": []}, "No kind was given"),
        ({"kinds": ["rfm'; drop table x"]}, "There is no kind"),
        ({"as_of": date(2999, 1, 1)}, "still to come"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_words(arguments, words):
    with pytest.raises(CrmError, match=words):
        build(**arguments)
    assert not Segmentation.objects.exists()
