"""Doing a step again changes nothing, and a step that is killed midway leaves the old numbers."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection

from analytics.models import CurrentRfmScore, PipelineRun
from analytics.selectors import pipeline as selectors
from analytics.services import pipeline_registry as registry
from analytics.services.pipeline import resume_pipeline, run_pipeline
from tests.analytics.whole_shop import DAY, buy, differences, hurry, numbers, shown, whole_shop
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

KILLED = (
    "rfm",
    "profiles",
    "metrics",
    "embeddings",
    "segmentations",
    "saved segments",
    "recommendations",
)
"""Those that write what people see; the others have no middle."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Seek groups with little effort."""
    hurry(monkeypatch)


@pytest.mark.django_db
def test_doing_any_step_again_changes_nothing():
    whole_shop()
    run_pipeline(as_of=DAY - timedelta(days=31), only=["rfm"])
    assert run_pipeline(as_of=DAY).status == "succeeded"
    before = {**numbers(DAY), **{f"shown {name}": rows for name, rows in shown().items()}}
    assert all(before.values())

    for name in registry.names():
        again = run_pipeline(as_of=DAY, only=[name])

        assert again.status == "succeeded", name
        after = {**numbers(DAY), **{f"shown {key}": rows for key, rows in shown().items()}}
        assert (name, differences(before, after)) == (name, [])


@pytest.mark.django_db(transaction=True)
def test_a_step_killed_midway_leaves_what_people_see_and_is_resumed(tmp_path):
    people, goods = whole_shop()
    assert run_pipeline(as_of=DAY - timedelta(days=1)).status == "succeeded"
    for person in people[:20]:
        buy(person, goods[0], DAY, Decimal(500))

    for name in KILLED:
        before = shown()
        process = start_and_die_in(name, tmp_path)
        assert process.wait(timeout=120) == -signal.SIGKILL, (tmp_path / "log").read_text()

        # The server notices that its client is gone a moment later.
        wait_until(lambda: not selectors.somebody_is_at_work())
        run = PipelineRun.objects.latest("pk")
        assert selectors.shown_status(run) == "interrupted", name
        assert run.steps.get().status == "running"
        # Embedding commits each batch: what is done is done, and the rest waits.
        changed = differences(before, shown())
        assert (name, changed) == (name, ["vectors"] if name == "embeddings" and changed else [])

        resumed = resume_pipeline()
        assert (resumed.pk, resumed.status, resumed.attempts) == (run.pk, "succeeded", 2), name
        assert resumed.steps.get().attempts == 2

    assert set(CurrentRfmScore.objects.values_list("run__as_of", flat=True)) == {DAY}


def start_and_die_in(name, tmp_path):
    """Run ``manage.py score`` in a process that kills itself in the middle of this step."""
    environment = {
        **os.environ,
        "CRM_TEST_DATABASE": connection.settings_dict["NAME"],
        "PYTHONPATH": str(ROOT),
    }
    with (tmp_path / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "tests/pipeline_app.py", name, f"--as-of={DAY}", f"--steps={name}"],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
