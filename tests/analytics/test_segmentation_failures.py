"""What people see stays whole while a build fails, is cut off, or meets another one."""

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from analytics.models import Segmentation, SegmentationMember
from analytics.services import segmentation_store
from analytics.services.segmentations import build
from crm_project.common.exceptions import ConflictError, CrmError
from tests.analytics.segmentation_support import DAY, QUICK, built, shop

pytestmark = pytest.mark.django_db


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
