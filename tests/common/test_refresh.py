"""The ledger knows of every run of a step, also of those that failed."""

from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from structlog.testing import capture_logs

from crm_project.backup.errors import BackupError
from crm_project.common.exceptions import CrmError
from crm_project.common.models import BackupRun, RefreshState
from crm_project.common.services import refresh
from crm_project.common.services.operations import recorded
from tests.backup.shop import owners_server
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


@pytest.fixture
def end_session():
    """End Django's own session, as a server that begins anew does."""

    def end():
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            (pid,) = cursor.fetchone()
        with owners_server().connect(autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 10000)", [pid])

    yield end
    connection.close()


@pytest.mark.django_db(transaction=True)
class TestServerThatBeginsAnew:
    def test_a_backup_that_failed_meanwhile_says_why(self, end_session):
        run = BackupRun(started_at=timezone.now())

        def fails():
            with recorded(run, "backup"):
                end_session()
                raise BackupError("The dump failed: no.")

        with pytest.raises(CrmError, match="The dump failed: no"):
            fails()
        kept, state = BackupRun.objects.get(), RefreshState.objects.get()
        assert (kept.status, kept.error) == ("failed", "The dump failed: no.")
        assert (state.error, state.finished_at is None) == ("The dump failed: no.", False)

    def test_a_backup_that_was_made_meanwhile_is_good(self, end_session):
        with recorded(BackupRun(started_at=timezone.now(), rows=7), "backup"):
            end_session()

        assert BackupRun.objects.get().status == "succeeded"
        state = RefreshState.objects.get()
        assert (state.succeeded, state.rows) == (True, 7)

    def test_a_backup_is_good_though_the_server_stays_away(self, end_session, monkeypatch):
        with capture_logs() as logs:
            with recorded(BackupRun(started_at=timezone.now()), "backup"):
                end_session()
                monkeypatch.setitem(connection.settings_dict, "PORT", "1")
                monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            assert [(log["event"], log["what"]) for log in logs] == [
                ("end_not_recorded", "backup"),
                ("end_not_recorded", "backup"),
            ]

    def test_a_step_that_failed_meanwhile_fails_with_its_own_error(self, end_session):
        def fails():
            with refresh.record("rfm"):
                end_session()
                raise CrmError("There are no orders.")

        with pytest.raises(CrmError, match="There are no orders"):
            fails()

    def test_a_step_that_may_have_lost_its_lock_goes_no_further(self, end_session):
        def goes_on():
            with refresh.record("rfm"):
                end_session()

        with pytest.raises((OperationalError, InterfaceError)):
            goes_on()


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
