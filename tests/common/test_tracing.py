"""One id leads from a request over its tasks to the session of the database."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery.signals import before_task_publish
from django.db import connection, transaction
from django.db.utils import DataError, InternalError
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from crm_project.celery import app
from crm_project.common import jobs as kinds
from crm_project.common import tasks, tracing
from crm_project.common.services import jobs
from crm_project.common.services.job_runs import run
from tests.waiting import wait_until
from tests.worker_app import who_asks

ROOT = Path(__file__).parents[2]


def session():
    with connection.cursor() as cursor:
        cursor.execute("show application_name")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
class TestSessions:
    def test_the_database_knows_the_request(self):
        with bound_contextvars(request_id="r1"):
            assert session() == "crm web r1"
        with bound_contextvars(request_id="r2"):
            assert session() == "crm web r2"
        assert session() == "crm"

    def test_a_page_asks_under_the_id_that_it_sends_back(self, client, monkeypatch):
        seen = []
        usual = tracing.session_name
        monkeypatch.setattr(tracing, "session_name", lambda: seen.append(usual()) or seen[-1])

        form = {"username": "nobody", "password": "wrong"}
        answer = client.post("/admin/login/", form, headers={"X-Request-ID": "from-outside"})

        assert answer["X-Request-ID"] == "from-outside"
        assert "crm web from-outside" in seen
        assert session() == "crm"

    def test_a_task_is_named_with_its_request(self):
        with bound_contextvars(
            task="crm_project.common.tasks.run_job", task_id="t", request_id="r"
        ):
            assert session() == "crm run_job r"
        with bound_contextvars(task="crm_project.common.tasks.sweep_jobs", task_id="t"):
            assert session() == "crm sweep_jobs t"

    def test_a_rollback_takes_no_name_back(self):
        with bound_contextvars(request_id="first"):
            session()
        with bound_contextvars(request_id="second"):
            with transaction.atomic():
                assert session() == "crm web second"
                transaction.set_rollback(True)
            assert session() == "crm web second"

    def test_after_an_error_the_error_is_what_one_gets(self):
        with transaction.atomic(), connection.cursor() as cursor:
            with pytest.raises(DataError, match="division"):
                cursor.execute("select 1 / 0")
            with bound_contextvars(request_id="other"), pytest.raises(InternalError, match="abort"):
                cursor.execute("select 1")
            transaction.set_rollback(True)

    def test_a_new_connection_is_named_too(self):
        with bound_contextvars(request_id="again"):
            session()
            connection.close()
            assert session() == "crm web again"

    def test_further_statements_cost_nothing(self):
        with bound_contextvars(request_id="once"):
            session()
            before = statements()
            for _ in range(5):
                session()
            # Five times "show", and the question itself.
            assert statements() - before <= 6

    def test_a_long_name_is_cut_where_the_server_would(self):
        with bound_contextvars(request_id="x" * 64):
            assert session() == ("crm web " + "x" * 64)[:63]


def statements():
    with connection.cursor() as cursor:
        cursor.execute(
            "select sum(calls) from pg_stat_statements"
            " where userid = current_user::regrole and query ~ 'application_name'"
        )
        return cursor.fetchone()[0] or 0


def test_a_message_carries_the_id():
    headers = {}

    with bound_contextvars(request_id="r1"):
        before_task_publish.send(sender="t", body=None, headers=headers)

    assert headers == {tracing.HEADER: "r1"}


@pytest.mark.django_db(transaction=True)
def test_a_job_that_the_sweeper_sent_again_still_knows_who_asked(monkeypatch):
    """Its message carries no id: nobody's request sent it. The row does."""
    monkeypatch.setattr(kinds, "_kinds", {})
    kinds.register("who_asks", who_asks)
    with bound_contextvars(request_id="asked-for-this"):
        job = jobs.create_job(kind="who_asks", params={})

    message = {"task": "crm_project.common.tasks.run_job", "task_id": "t"}
    with bound_contextvars(**message), capture_logs([merge_contextvars]) as lines:
        done = run(job_id=job.pk)

    assert done.result == {"session": "crm run_job asked-for-this"}
    assert {line["request_id"] for line in lines} == {"asked-for-this"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_asks_for_whom_the_job_was_started(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "_kinds", {})
    kinds.register("who_asks", who_asks)
    app.control.purge()
    with bound_contextvars(request_id="started-by-this"):
        job = jobs.create_job(kind="who_asks", params={})
        tasks.enqueue(job)
    command = [sys.executable, "-m", "celery", "-A", "tests.worker_app", "worker", "-c", "1"]
    variables = {**os.environ, "CRM_TEST_DATABASE": connection.settings_dict["NAME"]}
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(command, env=variables, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_until(lambda: job.refresh_from_db() or job.finished, seconds=90)
    finally:
        worker.terminate()
        worker.wait(timeout=30)

    assert job.result == {"session": "crm run_job started-by-this"}
