"""What one part of the tidying cannot do keeps no other from its work; failures are real ones."""

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection, transaction

from crm_project.common import tidying
from crm_project.common.models import RefreshState
from crm_project.common.services import tidying_parts
from crm_project.common.services.tidying import tidy
from crm_project.common.tidying import Chore
from tests.common.test_tidying import NOW, SECOND, removed, sessions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("uploads")]


@pytest.fixture
def beside(monkeypatch):
    """Let one part fail; sessions come after it."""
    monkeypatch.setattr(tidying, "_chores", {})
    sessions(2, NOW - SECOND)

    def fails(clear):
        tidying.register(Chore("Letters", clear), Chore("Sessions", tidying_parts.clear_sessions))

    return fails


def test_files_that_cannot_be_read(beside):
    def clear(**_):
        raise PermissionError(13, "Permission denied")

    beside(clear)
    with pytest.raises(CommandError, match="Letters could not be removed: Permission denied"):
        call_command("tidy")
    assert not Session.objects.exists()
    assert RefreshState.objects.get().error.startswith("Letters could not be removed:")


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_statement_that_takes_too_long(beside, dry_run):
    def clear(**_):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set local statement_timeout = 1")
            cursor.execute("select pg_sleep(60)")

    beside(clear)
    done = tidy(now=NOW, dry_run=dry_run)
    words = "Letters could not be removed: canceling statement due to statement timeout."
    assert done.troubles == (words,)
    assert removed(done) == {"Letters": 0, "Sessions": 2}
    assert Session.objects.count() == (2 if dry_run else 0)


def test_a_lost_connection_is_passed_on_when_the_rest_is_done(beside):
    def clear(**_):
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    beside(clear)
    with pytest.raises((OperationalError, InterfaceError), match="terminating connection"):
        tidy(now=NOW)
    assert not Session.objects.exists()
    state = RefreshState.objects.get()
    assert (state.rows, state.finished_at is None) == (2, False)
    assert "Letters could not be removed: terminating connection" in state.error
