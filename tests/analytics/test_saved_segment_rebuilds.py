"""Rebuilding saved segments: who came, who left, and that a failure leaves everything as it was."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from analytics.models import SavedSegment, SavedSegmentMember
from analytics.selectors import segment_columns
from analytics.services import saved_segment_builds as builds
from analytics.services.saved_segment_builds import rebuild_saved_segment, rebuild_saved_segments
from analytics.services.saved_segment_lock import lock
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import RefreshState
from crm_project.common.services.job_runs import run
from crm_project.common.services.jobs import create_job
from customers.models import Customer
from tests.analytics.saved_segments import ANYBODY, asks, codes, segment
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db

FRENCH = asks("customer.country", "is", "France")


@pytest.fixture
def french():
    """Two customers in France, one elsewhere, and one French test account."""
    CustomerFactory(code="C1", country="France")
    CustomerFactory(code="C2", country="France")
    CustomerFactory(code="C3", country="Spain")
    CustomerFactory(code="C4", country="France", is_test=True)
    return segment("french", FRENCH, built=True)


def test_members_are_those_for_whom_the_rule_is_true(french):
    assert codes(french) == {"C1", "C2"}
    assert (french.member_count, french.added_count, french.removed_count) == (2, 2, 0)
    assert french.built_at is not None
    assert not french.is_stale


def test_only_what_changed_is_written(french):
    since = dict(french.members.values_list("customer__code", "since"))
    Customer.objects.filter(code="C1").update(country="Spain")
    CustomerFactory(code="C5", country="France")

    found = rebuild_saved_segment(segment_id=french.pk)

    assert (found.members, found.added, found.removed) == (2, 1, 1)
    assert codes(french) == {"C2", "C5"}
    assert french.members.get(customer__code="C2").since == since["C2"]


def test_rebuilding_twice_changes_nothing(french):
    before = list(french.members.values_list("customer_id", "since"))

    found = rebuild_saved_segment(segment_id=french.pk)

    assert (found.added, found.removed) == (0, 0)
    assert list(french.members.values_list("customer_id", "since")) == before


def test_merged_and_deleted_customers_leave(french):
    Customer.objects.filter(code="C1").update(status="merged")
    Customer.objects.filter(code="C2").update(status="deleted")

    assert rebuild_saved_segment(segment_id=french.pk).members == 0


def test_a_rule_that_takes_too_long_is_noted_and_the_members_stay(french, settings, monkeypatch):
    settings.CRM_SEGMENT_REBUILD_SECONDS = 0.05
    slow = "(select c.country from pg_sleep(5))"
    monkeypatch.setitem(segment_columns.EXPRESSIONS, "customer.country", slow)

    found = rebuild_saved_segment(segment_id=french.pk)

    french.refresh_from_db()
    assert "0.05 seconds" in found.error
    assert french.error == found.error
    assert french.failed_at is not None
    assert codes(french) == {"C1", "C2"}
    assert french.member_count == 2


def test_a_choice_that_disappeared_is_told_in_words_and_the_next_success_clears_it(french):
    SavedSegment.objects.filter(pk=french.pk).update(
        rule=asks("rfm.segment", "is", "no-such-segment")
    )

    found = rebuild_saved_segment(segment_id=french.pk)

    assert "“no-such-segment” is not one of the choices" in found.error
    assert codes(french) == {"C1", "C2"}
    SavedSegment.objects.filter(pk=french.pk).update(rule=FRENCH)
    rebuild_saved_segment(segment_id=french.pk)
    french.refresh_from_db()
    assert (french.error, french.failed_at) == ("", None)


def test_one_that_fails_stops_no_other(french):
    SavedSegment.objects.filter(pk=french.pk).update(rule={"field": "gone"})
    segment("others", ANYBODY)

    results = {result.slug: result for result in rebuild_saved_segments().segments}

    assert results["french"].error
    assert results["others"].members == 3
    state = RefreshState.objects.get(name="saved segments")
    assert "french: The rule can no longer be used." in state.error


def test_a_deadlock_is_one_segments_trouble(french, monkeypatch):
    other = segment("other", FRENCH)
    find = builds.select

    def unlucky(rule):
        with connection.cursor() as cursor:
            cursor.execute("do $$ begin raise sqlstate '40P01'; end $$")
        return find(rule)

    with monkeypatch.context() as patch:
        patch.setattr(builds, "select", unlucky)
        found = rebuild_saved_segments(slugs=["french", "other"])

    assert [each.error for each in found.segments] == [
        "The database refused it (OperationalError)."
    ] * 2
    assert codes(french) == {"C1", "C2"}
    assert rebuild_saved_segments(slugs=["other"]).error == ""
    assert codes(other) == {"C1", "C2"}


def test_archived_segments_are_left_out_and_unknown_ones_refused(french):
    SavedSegment.objects.update(is_archived=True)

    assert rebuild_saved_segments().segments == ()
    with pytest.raises(CrmError, match="french"):
        rebuild_saved_segments(slugs=["french"])
    with pytest.raises(CrmError):
        rebuild_saved_segment(segment_id=french.pk)


def test_a_rule_changed_since_the_rebuild_shows(french):
    SavedSegment.objects.filter(pk=french.pk).update(rule=ANYBODY, rule_hash="x")

    french.refresh_from_db()
    assert french.is_stale


class TestJob:
    def test_it_rebuilds_and_says_what_came_out(self, french):
        job = run(job_id=create_job(kind="rebuild_saved_segments", params={}).pk)

        assert job.status == "succeeded"
        assert job.result["segments"][0]["members"] == 2

    def test_it_fails_with_the_reason(self, french):
        SavedSegment.objects.update(rule={"field": "gone"})

        job = run(job_id=create_job(kind="rebuild_saved_segments", params={"slugs": None}).pk)

        assert job.status == "failed"
        assert "“gone” is not a field" in job.error


class TestCommand:
    def call(self, *args):
        out = StringIO()
        call_command("rebuild_segments", *args, stdout=out)
        return out.getvalue()

    def test_it_says_who_came_and_left(self, french):
        Customer.objects.filter(code="C1").update(country="Spain")

        assert self.call("french").startswith("french: 1 customers, 0 came, 1 left")

    def test_a_dry_run_writes_nothing(self, french):
        Customer.objects.filter(code="C1").update(country="Spain")
        RefreshState.objects.all().delete()

        assert "1 left" in self.call("--dry-run")
        assert codes(french) == {"C1", "C2"}
        assert not RefreshState.objects.exists()
        french.refresh_from_db()
        assert french.member_count == 2

    def test_it_prints_json(self, french):
        assert json.loads(self.call("--json"))["segments"][0]["slug"] == "french"

    def test_failures_and_unknown_names_end_with_an_error(self, french):
        with pytest.raises(CommandError, match="nobody"):
            self.call("nobody")
        SavedSegment.objects.update(rule={"field": "gone"})
        with pytest.raises(CommandError, match="gone"):
            self.call()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_the_second_is_turned_away_and_readers_are_not(self, french, in_thread):
        with transaction.atomic():
            assert lock(french.pk)
            with pytest.raises(ConflictError):
                in_thread(rebuild_saved_segment, segment_id=french.pk)()
            assert in_thread(SavedSegmentMember.objects.count)() == 2

    def test_killed_on_the_way_the_members_stay(self, french, in_thread, monkeypatch):
        """The backend is ended after the statement, before the commit."""
        CustomerFactory(code="C6", country="France")
        swap = (
            builds._SWAP.rstrip().removesuffix("now()") + "pg_terminate_backend(pg_backend_pid())"
        )
        monkeypatch.setattr(builds, "_SWAP", swap)

        with pytest.raises(Exception, match=r"terminating|closed|connection"):
            in_thread(rebuild_saved_segment, segment_id=french.pk)()

        monkeypatch.undo()
        french.refresh_from_db()
        assert codes(french) == {"C1", "C2"}
        assert french.member_count == 2
        assert rebuild_saved_segment(segment_id=french.pk).added == 1


def test_a_rebuild_asks_as_much_for_many_as_for_few(french, django_assert_max_num_queries):
    CustomerFactory.create_batch(40, country="France")
    with django_assert_max_num_queries(20):
        rebuild_saved_segment(segment_id=french.pk)
