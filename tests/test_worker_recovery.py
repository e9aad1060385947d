"""Kill what does the work, at any moment: every job is finished, once in effect.

Real Celery workers in processes of their own; the sweeper, which the scheduler starts in real
life, is called here.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from crm_project import embedded
from crm_project.celery import app
from crm_project.common import jobs as kinds
from crm_project.common import tasks
from crm_project.common.models import Job
from crm_project.common.services import jobs
from crm_project.embedded import valkey
from crm_project.embedded.layout import Layout
from customers.models import Customer
from tests.waiting import wait_until
from tests.worker_app import STEPS, make_customers

JOBS = 6
SILENT_SECONDS = 3

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def quickly(settings, monkeypatch):
    """Notice a dead worker soon, and know the test's kind of job here too."""
    settings.CRM_JOB_SILENT_SECONDS = SILENT_SECONDS
    monkeypatch.setattr(kinds, "_kinds", {})
    kinds.register("slow_test", make_customers)


@pytest.fixture
def start_worker(tmp_path):
    """Start worker processes; none is left behind."""
    workers = []
    environment = {
        **os.environ,
        "CRM_TEST_DATABASE": connection.settings_dict["NAME"],
        "CRM_JOB_SILENT_SECONDS": str(SILENT_SECONDS),
        "DJANGO_SETTINGS_MODULE": "crm_project.settings",
    }
    command = [
        *(sys.executable, "-m", "celery", "-A", "tests.worker_app", "worker"),
        *("--concurrency", "2", "--without-mingle", "--without-gossip", "--loglevel", "INFO"),
    ]

    def start():
        with (tmp_path / f"worker{len(workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                command,
                env=environment,
                cwd=Path(__file__).parents[1],
                start_new_session=True,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        workers.append(worker)
        return worker

    app.control.purge()
    yield start
    for worker in workers:
        kill(worker)


def kill(worker):
    """Kill -9 the worker with all its children, as a machine that dies would."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(timeout=20)


def create_jobs():
    made = [jobs.create_job(kind="slow_test", params={"name": f"j{n}"}) for n in range(JOBS)]
    # The last one's message never left, as when its sender dies after the commit.
    for job in made[:-1]:
        tasks.enqueue(job)


def statuses():
    return list(Job.objects.values_list("status", flat=True))


def some_run_and_some_wait():
    return "running" in statuses() and "queued" in statuses()


def all_succeeded():
    """Look as the scheduler does: call the sweeper, then see."""
    tasks.sweep_jobs()
    found = statuses()
    assert "failed" not in found, list(Job.objects.values_list("error", flat=True))
    return set(found) == {"succeeded"}


def assert_every_effect_once():
    assert Job.objects.count() == JOBS
    codes = set(Customer.objects.values_list("code", flat=True))
    assert codes == {f"j{n}-{step}" for n in range(JOBS) for step in range(STEPS)}


def make_messages_old():
    """The dead worker took messages along; do not wait for them to count as lost."""
    Job.objects.filter(status="queued").update(enqueued_at=None, created_at="2020-01-01T00:00Z")


def test_a_killed_worker_leaves_no_job_behind(start_worker):
    create_jobs()
    first = start_worker()
    wait_until(some_run_and_some_wait)

    kill(first)
    make_messages_old()
    start_worker()

    wait_until(all_succeeded)
    assert_every_effect_once()
    assert max(Job.objects.values_list("attempts", flat=True)) == 2


def test_a_killed_pool_process_is_replaced_and_its_job_done(start_worker):
    create_jobs()
    worker = start_worker()
    wait_until(some_run_and_some_wait)

    os.kill(pool_process_of(worker), signal.SIGKILL)

    wait_until(all_succeeded)
    assert_every_effect_once()
    assert worker.poll() is None


def pool_process_of(worker):
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return int(children[0])


def test_a_killed_queue_delays_jobs_and_loses_none(start_worker):
    create_jobs()
    start_worker()
    wait_until(some_run_and_some_wait)

    for pid in valkey.pids(Layout.of(embedded.crm_home())):
        os.kill(pid, signal.SIGKILL)
    embedded.ensure_services(postgres=False, valkey=True)
    make_messages_old()

    wait_until(all_succeeded)
    assert_every_effect_once()
