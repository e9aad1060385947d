"""Lines of the log tell what failed, for which request, and quote nobody."""

import json
import logging
import sys

import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client
from structlog.testing import capture_logs

from crm_project.common import jobs as kinds
from crm_project.common.exceptions import CrmError
from crm_project.common.services.job_runs import run
from crm_project.common.services.jobs import create_job
from crm_project.log_words import exception_text, task_without_data, words_of
from crm_project.logs import configure
from tests.factories import CustomerFactory

NAME = "ada@example.com"


@pytest.fixture
def lines():
    """What is written as in production, as a list of objects."""
    found = []
    made = configure(level="INFO", as_json=True)["formatters"]["json"]
    formatter = made.pop("()")(**made)

    class Keep(logging.Handler):
        def emit(self, record):
            found.append(json.loads(formatter.format(record)))

    handler = Keep()
    logging.getLogger("django.request").addHandler(handler)
    logging.getLogger("celery.app.trace").addHandler(handler)
    yield found
    logging.getLogger("django.request").removeHandler(handler)
    logging.getLogger("celery.app.trace").removeHandler(handler)


def error_of(*statement):
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(*statement)
    return caught.value


@pytest.mark.django_db
class TestWords:
    def test_a_database_s_error_names_its_kind_and_no_value(self):
        CustomerFactory(code=NAME)
        unique = error_of(
            "create temporary table one_each on commit drop as select code from customers_customer;"
            "create unique index on one_each (code); insert into one_each table one_each"
        )
        number = error_of("select %s::int", [NAME])

        for error in (unique, number):
            assert NAME in str(error)
            assert NAME not in words_of(error)
            assert NAME not in exception_text((type(error), error, error.__traceback__))
        assert "code 23505, constraint one_each_code_idx, table one_each" in words_of(unique)
        assert words_of(number) == "django.db.utils.DataError: (words withheld; code 22P02)"

    def test_a_raised_exception_is_told_with_the_reason_first(self):
        try:
            try:
                raise KeyError("inner")
            except KeyError as error:
                raise RuntimeError("outer") from error
        except RuntimeError:
            text = exception_text(sys.exc_info())

        assert text.index("KeyError: 'inner'") < text.index("which led to:")
        assert text.index("which led to:") < text.index("RuntimeError: outer")
        assert "test_log_words.py" in text

    def test_that_a_server_is_away_is_said_in_its_words(self):
        assert words_of(OperationalError("connection refused")).endswith("connection refused")


def test_a_refusal_is_logged_with_the_id_of_its_request(lines, db):
    Client().get("/api/v1/customers", headers={"X-Request-ID": "asked-in-vain"})

    assert [(one["event"], one["request_id"]) for one in lines] == [
        ("Unauthorized: /api/v1/customers", "asked-in-vain")
    ]


@pytest.mark.django_db
def test_a_task_that_fails_quotes_nobody(lines):
    error = error_of("select %s::int", [NAME])
    args = {"name": "t", "id": "1", "exc": repr(error), "traceback": str(error)}
    caught = (type(error), error, error.__traceback__)

    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s] raised unexpected: %(exc)s", args, exc_info=caught
    )

    [line] = lines
    assert NAME not in json.dumps(line)
    assert line["event"].startswith("Task t[1] raised unexpected: django.db.utils.DataError")


@pytest.mark.django_db
def test_a_job_that_is_refused_keeps_its_words_to_itself(monkeypatch):
    """A file without a header begins with somebody's row, which the words quote."""

    def refuse(context):
        raise CrmError(f"The file lacks the column code. Its header says: {NAME}.")

    monkeypatch.setattr(kinds, "_kinds", {})
    kinds.register("refuse", refuse)
    job = create_job(kind="refuse", params={})

    with capture_logs() as written:
        done = run(job_id=job.pk)

    assert NAME in done.error
    assert [line["event"] for line in written] == ["job_started", "job_refused"]
    assert NAME not in str(written)


def test_other_lines_stay_as_they_are():
    assert task_without_data(None, "info", {"event": "said"}) == {"event": "said"}
    assert settings.LOGGING["loggers"]["axes"]["level"] == "ERROR"
