"""Rules about the house that no linter holds."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).parents[1]
SOURCES = ("crm_project", "customers", "orders", "analytics", "recommendations", "benchmarks")


def test_no_file_has_grown_past_what_can_be_read():
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_no_two_kinds_of_work_take_the_same_advisory_lock():
    """Each module calls its number one that nothing else uses; nobody else would notice."""
    number = re.compile(r"^(?:[A-Z]+_|_)?(?:LOCK|TURN)(?:: \w+)? = ([0-9_]+)$", re.MULTILINE)
    taken = defaultdict(list)
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            for found in number.findall(path.read_text(encoding="utf-8")):
                taken[int(found)].append(path.relative_to(ROOT).as_posix())
    assert len(taken) > 15
    assert {key: paths for key, paths in taken.items() if len(paths) > 1} == {}


@pytest.mark.django_db
def test_our_tables_lie_in_the_public_schema_also_for_a_user_named_like_another():
    with connection.cursor() as cursor:
        cursor.execute(
            "select schemaname || '.' || tablename from pg_tables where schemaname not in "
            "('public', 'pg_catalog', 'information_schema', 'crm_private')"
        )
        assert cursor.fetchall() == []


def test_imports_go_one_way():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_process_loads_what_only_scoring_needs_when_it_scores():
    """It takes longer than all the rest of a start: two seconds, in every process."""
    script = (
        "import sys, django; django.setup(); from django.urls import get_resolver;"
        "get_resolver().url_patterns; heavy = {'sklearn', 'scipy.special', 'scipy.optimize'};"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "crm_project.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
