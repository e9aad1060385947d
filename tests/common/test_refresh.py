"""The ledger knows of every run of a step, also of those that failed."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from crm_project.common.exceptions import CrmError
from crm_project.common.models import RefreshState
from crm_project.common.services import refresh
from tests.factories import RefreshStateFactory

pytestmark = pytest.mark.django_db


def test_a_run_is_recorded_with_its_rows():
    with refresh.record("rfm") as state:
        state.rows = 5

    row = RefreshState.objects.get()
    assert (row.name, row.rows, row.succeeded) == ("rfm", 5, True)
    assert row.duration >= timedelta(0)


def test_a_failure_is_recorded_in_words_and_passed_on():
    with pytest.raises(CrmError), refresh.record("rfm"):
        raise CrmError("There are no orders.")

    assert RefreshState.objects.get().error == "There are no orders."


def test_an_unexpected_failure_hides_its_insides():
    with pytest.raises(ValueError, match="jane"), refresh.record("rfm"):
        raise ValueError("jane@example.org")

    row = RefreshState.objects.get()
    assert "ValueError" in row.error
    assert "jane" not in row.error


@pytest.mark.django_db(transaction=True)
def test_a_rollback_of_the_step_leaves_the_row():
    def step():
        with refresh.record("rfm"), transaction.atomic():
            RefreshStateFactory(name="inside")
            raise CrmError("No.")

    with pytest.raises(CrmError):
        step()

    assert list(RefreshState.objects.values_list("name", "error")) == [("rfm", "No.")]


def test_a_run_whose_process_was_killed_is_noted_by_the_next():
    killed = RefreshStateFactory(started_at=timezone.now() - timedelta(days=1))
    running = RefreshStateFactory(started_at=timezone.now() - timedelta(minutes=1))

    with refresh.record("rfm"):
        pass

    killed.refresh_from_db()
    running.refresh_from_db()
    assert killed.error
    assert not running.error
