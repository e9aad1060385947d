"""Building segmentations: everybody in one group, repeatable, blind to the future."""

from datetime import date, timedelta

import pytest
from django.apps import apps
from django.db import InterfaceError, OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import (
    CurrentCluster,
    RfmRun,
    RfmScore,
    Segmentation,
    SegmentationMember,
)
from analytics.services import segmentation_store
from analytics.services.rfm import score_rfm
from analytics.services.segmentation_names import rename_cluster
from analytics.services.segmentations import KINDS, build, thin_segmentations
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Order
from tests.analytics.segmentation_support import (
    DAY,
    QUICK,
    give_taste,
    membership,
    order,
    shop,
)
from tests.analytics.support import at

pytestmark = pytest.mark.django_db


def built(kind="rfm", **options):
    """Build one kind, and return its segmentation."""
    return build(**{"as_of": DAY, "kinds": [kind], "effort": QUICK, **options}).made[0]


def by_kind(result):
    return {segmentation.kind: segmentation for segmentation in result.made}


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


class TestRepetition:
    def test_a_second_build_gives_the_same_groups_numbers_names_and_quality(self, monkeypatch):
        give_taste(monkeypatch, shop())
        once, again = (by_kind(build(as_of=DAY, effort=QUICK)) for _ in range(2))
        for kind in KINDS:
            assert membership(once[kind]) == membership(again[kind])
            assert once[kind].quality == again[kind].quality
            told = [
                list(one.clusters.values_list("number", "name", "size", "evidence"))
                for one in (once[kind], again[kind])
            ]
            assert told[0] == told[1]

    def test_numbers_come_back_when_the_sizes_turn_round(self):
        people = shop()
        before = membership(built())
        more = Customer.objects.bulk_create([Customer(code=f"N{n}") for n in range(120)])
        Order.objects.bulk_create(
            order(person, DAY - timedelta(days=250 + n % 3), 25) for n, person in enumerate(more)
        )
        now = membership(built(as_of=DAY, seed=4))
        assert {person.pk: now[person.pk] for person in people} == before

    def test_a_first_look_at_the_past_takes_the_numbers_of_today(self):
        people = shop()
        today = membership(built())
        past = built(as_of=DAY - timedelta(days=2), make_current=False, seed=5)
        assert not past.is_current
        assert membership(past)[people[0].pk] == today[people[0].pk]

    def test_a_day_before_the_current_one_becomes_current_only_when_asked(self):
        shop()
        today, day = built(), DAY - timedelta(days=2)
        assert not built(as_of=day).is_current
        assert Segmentation.objects.get(kind=today.kind, is_current=True) == today
        assert built(as_of=day, make_current=True).is_current

    def test_cut_points_of_a_later_day_do_not_group_an_earlier_one(self):
        shop()
        later = score_rfm(as_of=DAY)
        score_rfm(as_of=DAY, mode="fixed", cuts_from=later.pk)
        day = DAY - timedelta(days=30)
        # What a person may have looked at; it must not be taken up either.
        score_rfm(as_of=day, mode="fixed", cuts_from=later.pk, make_current=False)

        run = built("rfm_map", as_of=day).rfm_run

        assert (run.as_of, run.mode, run.cuts_from) == (day, "quantile", None)
        assert built("rfm_map", as_of=DAY).rfm_run.cuts_from == later


later_orders = st.lists(
    st.tuples(st.integers(0, 149), st.integers(1, 400), st.sampled_from(["sale", "return"])),
    min_size=1,
    max_size=12,
)


@given(later_orders)
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_after_the_day_changes_who_is_in_which_group(rows):
    def groups():
        with transaction.atomic():
            made = by_kind(build(as_of=DAY, kinds=["rfm_map", "rfm"], effort=QUICK))
            found = {kind: (membership(one), one.quality) for kind, one in made.items()}
            transaction.set_rollback(True)
        return found

    with transaction.atomic():
        people = shop()
        before = groups()
        Order.objects.bulk_create(
            order(people[who], DAY + timedelta(days=days), 9999, kind=kind)
            for who, days, kind in rows
        )
        # The very first moment of the next day.
        order(people[0], DAY + timedelta(days=1), 5000, clock="00:00").save()
        assert groups() == before
        transaction.set_rollback(True)


class TestNames:
    def test_a_persons_name_survives_the_next_build_and_its_history_is_kept(self, admin_user):
        shop()
        cluster = built().clusters.get(number=1)
        rename_cluster(cluster_id=cluster.pk, name="  Our   regulars ", user=admin_user)

        after = built(seed=11).clusters.get(number=1)

        assert (after.name, after.named_by_person) == ("Our regulars", True)
        assert after.automatic_name == cluster.automatic_name
        assert after.overlap == 1.0
        event = apps.get_model("analytics.SegmentationClusterEvent").objects.get(pgh_label="update")
        assert (event.name, event.pgh_context.metadata["user"]) == ("Our regulars", admin_user.pk)

    def test_a_name_is_marked_and_not_kept_when_the_customers_are_others(self, monkeypatch):
        shop()
        cluster = built().clusters.get(number=1)
        rename_cluster(cluster_id=cluster.pk, name="Mine")
        monkeypatch.setattr(segmentation_store, "KEEPS_NAME", 1.1)

        after = built().clusters.get(number=1)

        assert (after.name, after.named_by_person) == (cluster.automatic_name, False)
        assert (after.former_name, after.in_doubt) == ("Mine", True)
        again = built().clusters.get(number=1)
        assert again.former_name == "Mine"
        assert not rename_cluster(cluster_id=again.pk, name="Others").in_doubt

    def test_an_empty_name_brings_the_automatic_one_back(self):
        shop()
        cluster = built().clusters.get(number=2)
        rename_cluster(cluster_id=cluster.pk, name="Mine")
        cluster = rename_cluster(cluster_id=cluster.pk, name=" ")
        assert (cluster.name, cluster.named_by_person) == (cluster.automatic_name, False)

    def test_an_automatic_name_gives_way_to_the_same_one_of_a_person(self):
        shop()
        first, second, third = built().clusters.order_by("number")
        rename_cluster(cluster_id=first.pk, name="For a moment")
        rename_cluster(cluster_id=second.pk, name=first.automatic_name)
        rename_cluster(cluster_id=first.pk, name="")
        names = [cluster.name for cluster in built().clusters.order_by("number")]
        assert names[1] == first.automatic_name
        assert names[0] == f"{first.automatic_name} (1)"
        assert names[2] == third.name

    @pytest.mark.parametrize("name", ["a\x00b", "x" * 121, "zero\u200bwidth", "\ud800"])
    def test_a_name_that_cannot_be_used_is_refused(self, name):
        shop()
        with pytest.raises(CrmError):
            rename_cluster(cluster_id=built().clusters.get(number=1).pk, name=name)

    def test_two_groups_cannot_have_one_name(self):
        shop()
        first, second, _ = built().clusters.order_by("number")
        with pytest.raises(CrmError, match="Group 2 has this name already"):
            rename_cluster(cluster_id=first.pk, name=second.name.upper())

    def test_segments_of_the_map_are_named_elsewhere(self):
        shop()
        cluster = built("rfm_map").clusters.first()
        with pytest.raises(CrmError, match="under Segments"):
            rename_cluster(cluster_id=cluster.pk, name="Mine")


class TestFailure:
    def test_a_failure_leaves_what_was_and_says_why(self, monkeypatch):
        shop()
        before = built()

        def break_off(*_):
            raise CrmError("The disk is full.")

        monkeypatch.setattr(segmentation_store, "write_clusters", break_off)
        with pytest.raises(CrmError):
            built()

        assert Segmentation.objects.get(is_current=True) == before
        failed = Segmentation.objects.exclude(pk=before.pk).get()
        assert (failed.status, failed.error) == ("failed", "The disk is full.")
        assert not SegmentationMember.objects.filter(segmentation_id=failed.pk).exists()

    def test_one_that_died_is_closed_by_the_next(self):
        shop()
        died = Segmentation.objects.create(kind="rfm", as_of=DAY, seed=1, time_zone="UTC")
        built()
        died.refresh_from_db()
        assert died.status == "failed"
        assert "interrupted" in died.error


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    def test_the_second_of_two_builds_at_once_is_told_so(self, in_thread):
        shop()
        with transaction.atomic():
            assert segmentation_store.lock()
            second = in_thread(built)
            with pytest.raises(ConflictError, match="already"):
                second()
        assert not Segmentation.objects.exists()
        assert built().is_current

    def test_readers_see_the_former_groups_until_all_is_done(self, in_thread):
        people = shop()
        before = built()
        seen = []

        def read():
            with connection.cursor() as cursor:
                cursor.execute("set lock_timeout = '1s'")
                cursor.execute(
                    "select segmentation_id from analytics_currentcluster where customer_id = %s",
                    [people[0].pk],
                )
                return cursor.fetchall()

        def look(done, total, words):
            if words.startswith("Writing the behaviour"):  # the map's partition is attached
                seen.append(in_thread(read)())

        build(as_of=DAY, kinds=["rfm_map", "rfm"], effort=QUICK, progress=look)
        assert seen == [[(before.pk,)]]

    def test_one_whose_connection_is_cut_leaves_the_former_groups(self, in_thread):
        shop()
        before = built()

        def cut(done, total, words):
            if words.startswith("Writing"):
                with connection.cursor() as cursor:
                    cursor.execute("select pg_terminate_backend(pg_backend_pid())")

        with pytest.raises((OperationalError, InterfaceError)):
            in_thread(built, progress=cut)()

        assert Segmentation.objects.get(is_current=True) == before
        died = Segmentation.objects.exclude(pk=before.pk).get()
        assert not SegmentationMember.objects.filter(segmentation_id=died.pk).exists()
        assert built().is_current
        died.refresh_from_db()
        assert died.status == "failed"


def test_old_members_are_thinned_to_the_last_of_each_week_and_kind():
    shop()
    days = [date(2012, 1, day) for day in (9, 10, 18)]
    made = {day: built("rfm_map", as_of=day) for day in days}
    other = built("rfm", as_of=days[0], make_current=False)

    assert thin_segmentations(today=date(2012, 3, 1)) == [made[days[0]].pk]

    thinned = Segmentation.objects.get(pk=made[days[0]].pk)
    assert thinned.members_dropped_at is not None
    assert thinned.clusters.exists()
    assert not SegmentationMember.objects.filter(segmentation_id=thinned.pk).exists()
    assert membership(other)
    assert thin_segmentations(today=date(2012, 3, 1)) == []
