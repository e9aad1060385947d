"""Members of segmentations in the database: a partition each, the current ones in one view."""

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from analytics.models import CurrentCluster, Segmentation, SegmentationCluster, SegmentationMember
from analytics.services.segmentations import thin_segmentations
from crm_project.common.exceptions import ReadOnlyError
from tests.analytics.segmentation_support import built, membership, shop

pytestmark = pytest.mark.django_db

DAY = date(2011, 11, 9)


def call(function, *arguments):
    holes = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"select crm_private.{function}({holes})", arguments)
        return cursor.fetchone()[0]


def made(kind="rfm", numbers=None, *, current=True):
    """A segmentation with these members, written as the service does it."""
    row = Segmentation.objects.create(kind=kind, as_of=DAY, time_zone="Europe/London", seed=1)
    numbers = {10: 1, 11: 2, 12: 1} if numbers is None else numbers
    call("segmentation_make", row.pk)
    call("segmentation_fill", row.pk, list(numbers), list(numbers.values()))
    call("segmentation_seal", row.pk)
    for number in set(numbers.values()):
        SegmentationCluster.objects.create(
            segmentation=row, number=number, name=f"N{number}", automatic_name="A", size=1
        )
    Segmentation.objects.filter(kind=kind, is_current=True).update(is_current=False)
    Segmentation.objects.filter(pk=row.pk).update(status="succeeded", is_current=current)
    row.refresh_from_db()
    return row


def test_the_view_shows_the_current_one_of_each_kind_with_its_cluster():
    made("rfm", {10: 2})
    rfm, taste = made("rfm"), made("taste", {10: 7})
    rows = CurrentCluster.objects.filter(customer_id=10).select_related("cluster").order_by("kind")
    assert [(row.kind, row.segmentation_id, row.number, row.cluster.name) for row in rows] == [
        ("rfm", rfm.pk, 1, "N1"),
        ("taste", taste.pk, 7, "N7"),
    ]


def test_only_the_partition_of_the_current_one_is_read():
    for _ in range(3):
        made("rfm")
    with connection.cursor() as cursor:
        cursor.execute(
            "explain (analyze, costs off, timing off, summary off)"
            " select count(*) from analytics_currentcluster where kind = 'rfm'"
        )
        plan = [line for (line,) in cursor.fetchall()]
    read = [line for line in plan if "segmentationmember_" in line and "never executed" not in line]
    assert len(read) == 1


def test_members_are_never_changed():
    row = made()
    with pytest.raises(DatabaseError, match="its members stay"), transaction.atomic():
        call("segmentation_fill", row.pk, [99], [1])
    with pytest.raises(ReadOnlyError):
        SegmentationMember.objects.get(customer_id=10, segmentation_id=row.pk).save()


def test_nobody_is_in_two_groups_of_one_segmentation():
    row = Segmentation.objects.create(kind="rfm", as_of=DAY, time_zone="UTC", seed=1)
    call("segmentation_make", row.pk)
    call("segmentation_fill", row.pk, [5, 5], [1, 2])
    with pytest.raises(IntegrityError), transaction.atomic():
        call("segmentation_seal", row.pk)


def test_the_members_of_the_current_one_cannot_be_dropped_and_of_others_can():
    old, current = made(), made()
    assert call("segmentation_drop", old.pk)
    assert not SegmentationMember.objects.filter(segmentation_id=old.pk).exists()
    with pytest.raises(DatabaseError, match="is current"), transaction.atomic():
        call("segmentation_drop", current.pk)


def test_movement_names_the_number_before_and_after_and_none_where_not_grouped():
    older, newer = made(numbers={1: 1, 2: 1, 3: 2}), made(numbers={2: 1, 3: 3, 4: 2})
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from analytics_segmentation_movement(%s, %s) order by 1",
            [older.pk, newer.pk],
        )
        assert cursor.fetchall() == [(1, 1, None), (2, 1, 1), (3, 2, 3), (4, None, 2)]


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
