"""What a run holds is counted once, and never shown old."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommendations.models import RecoItem, RecoRun
from recommendations.selectors import run_counts
from recommendations.services.approvals import decide_item, decide_list
from recommendations.services.audit import audit
from tests.factories import UserFactory
from tests.recommendations import explained

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    explained.shop()
    found = RecoRun.objects.get(is_current=True)
    audit(run=found)
    return RecoRun.objects.get(pk=found.pk)


def counts(run):
    return run_counts.statuses(run=run), run_counts.waiting(run=run)


def test_it_is_counted_once(run):
    first = counts(run)

    with CaptureQueriesContext(connection) as queries:
        assert counts(run) == first

    assert not [one for one in queries if "recommendations_recoitem" in one["sql"]]


def test_every_decision_counts_at_once(run):
    items = RecoItem.objects.filter(run_id=run.pk).order_by("pk")
    before, waiting = counts(run)
    first = items[0]

    decide_item(item_id=first.pk, decision="rejected", user=UserFactory(), comment="Odd")
    assert run_counts.statuses(run=run)["rejected"] == 1
    assert run_counts.waiting(run=run).items == waiting.items - 1
    decide_list(
        run=run, customer=first.customer, decision="flagged", user=UserFactory(), comment="Odd"
    )

    after = run_counts.statuses(run=run)
    of_list = items.filter(customer=first.customer).count()
    assert after == {"flagged": of_list, "pending": before["pending"] - of_list}


def test_another_audit_as_of_the_same_moment_counts(run):
    moment = timezone.now()
    audit(run=run, at=moment)
    run = RecoRun.objects.get(pk=run.pk)
    before = run_counts.list_scores(run=run)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from recommendations_recoaudit where run_id = %s", [run.pk])
        [lists] = cursor.fetchone()
    assert sum(before.values()) == lists
    first = run.checks["made_at"]

    audit(run=run, at=moment)

    run = RecoRun.objects.get(pk=run.pk)
    assert run.checks["audited_at"] == moment.isoformat()
    assert run.checks["made_at"] > first
    with CaptureQueriesContext(connection) as queries:
        run_counts.list_scores(run=run)
    assert [one for one in queries if "recommendations_recoaudit" in one["sql"]]


def test_it_is_counted_while_the_cache_is_away(run, settings):
    expected = counts(run)

    nobody = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": nobody}

    assert counts(run) == expected


def test_a_run_under_way_is_counted_every_time(run):
    run.finished_at = None
    run_counts.statuses(run=run)

    with CaptureQueriesContext(connection) as queries:
        run_counts.statuses(run=run)

    assert len(queries) == 1
