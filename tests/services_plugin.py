"""Gives the tests a PostgreSQL and a Valkey of their own, under ``.crm/test``.

Loaded with ``-p`` and not from ``conftest.py``: pytest-django reads the settings before any
conftest, and they must see the tests' ``CRM_HOME``. Each process that runs tests holds its own
share of the servers, so several may run at once.
"""

import os
from pathlib import Path

import environ
import pytest

ROOT = Path(__file__).resolve().parents[1]

environ.Env.read_env(ROOT / ".env")
os.environ["CRM_HOME"] = os.environ.get("CRM_TEST_HOME") or str(ROOT / ".crm" / "test")


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    # Imported late: the package loads Celery, which must find CRM_HOME set.
    from crm_project import embedded  # noqa: PLC0415

    try:
        embedded.ensure_for_process()
    except embedded.EmbeddedError as error:
        pytest.exit(str(error), returncode=3)
