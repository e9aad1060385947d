"""Rules about the house that no linter holds."""

import subprocess
import sys
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
