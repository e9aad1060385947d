"""Gives the tests a PostgreSQL and a Valkey of their own, under ``.crm/test``.

Loaded with ``-p`` and not from ``conftest.py``: pytest-django reads the settings before any
conftest, and they must see the tests' ``CRM_HOME``. Each process that runs tests holds its own
share of the servers, so several may run at once.

Of several workers (``make test``) each has both servers to itself: tests kill them, change
their settings and make roles in them.
"""

import os
from pathlib import Path

import environ
import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_WORKERS = 4

# What the servers would otherwise set aside for a shop's data; and no test pulls the plug. Those
# that do have servers of their own (tests/proofs).
POSTGRES_SETTINGS = """\
fsync = off
shared_buffers = 128MB
max_wal_size = 512MB
min_wal_size = 80MB
autovacuum_naptime = 5min
"""

environ.Env.read_env(ROOT / ".env")
HOME = Path(os.environ.get("CRM_TEST_HOME") or ROOT / ".crm" / "test").expanduser()
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
os.environ["CRM_HOME"] = str(HOME / WORKER if WORKER else HOME)


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly or _only_distributes(session.config):
        return
    # Imported late: the package loads Celery, which must find CRM_HOME set.
    from crm_project import embedded  # noqa: PLC0415

    try:
        if embedded.needed()[0]:
            embedded.set_postgres(POSTGRES_SETTINGS)
        embedded.ensure_for_process()
    except embedded.EmbeddedError as error:
        pytest.exit(str(error), returncode=3)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop a worker's servers before it says that it has finished: then it may be killed."""
    if WORKER:
        from crm_project.embedded import services  # noqa: PLC0415

        services.leave()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """``-n auto``: a worker for each core; none with servers that all of them would share."""
    from crm_project import embedded  # noqa: PLC0415

    return min(len(os.sched_getaffinity(0)), MOST_WORKERS) if all(embedded.needed()) else 0


def _only_distributes(config: pytest.Config) -> bool:
    return not WORKER and bool(getattr(config.option, "numprocesses", None))
