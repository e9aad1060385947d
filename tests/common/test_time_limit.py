"""Statements with a limit: stopped in time, told apart from other stops, with nothing left."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction

from crm_project.common.selectors.time_limit import TooSlowError, time_limit

pytestmark = pytest.mark.django_db


def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def test_a_statement_that_takes_too_long_is_stopped_and_told_in_words():
    with pytest.raises(TooSlowError, match=r"0\.05 seconds"), time_limit(timedelta(seconds=0.05)):
        ask("select pg_sleep(5)")


def test_what_comes_after_has_the_limit_that_was_before():
    before = ask("select current_setting('statement_timeout')")

    with transaction.atomic():
        with time_limit(timedelta(seconds=9)):
            assert ask("select current_setting('statement_timeout')") == "9s"
        assert ask("select current_setting('statement_timeout')") == before
        with pytest.raises(TooSlowError), time_limit(timedelta(seconds=0.05)):
            ask("select pg_sleep(5)")
        assert ask("select current_setting('statement_timeout')") == before


def test_a_statement_that_somebody_else_cancelled_was_not_too_slow():
    with pytest.raises(OperationalError), time_limit(timedelta(seconds=60)):
        ask("select pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")
