"""Fixtures used everywhere."""

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
import structlog
from django.conf import settings
from django.db import connection

from tests import as_role, database_template
from tests.api import Api
from tests.factories import UserFactory

# How long an example takes says more about what else the machine does.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

CHANGES = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-9a-f]", re.IGNORECASE)


def pytest_make_parametrize_id(val, argname):
    """Name a test by its argument where the value may be another one in each worker.

    Keys that are made anew, and packed bytes, which hold the time, would give each worker a test
    that no other one has.
    """
    if isinstance(val, bytes) and not val.isascii():
        return argname
    return argname if isinstance(val, str) and CHANGES.search(val) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin the tests that commit with the slow ones: many short ones at the end fill all workers.

    The order of pytest-django stays: first tests that roll back, then those that commit, which may
    leave something behind, then those without a database. Workers get tests in this order.
    """
    if as_role.ROLE:
        skipped = pytest.mark.skip(reason=f"needs the owner of the database, not {as_role.ROLE}")
        for item in items:
            if item.get_closest_marker("owner"):
                item.add_marker(skipped)
    first = next((place for place, item in enumerate(items) if commits(item)), len(items))
    items[first:] = sorted(items[first:], key=lambda item: not item.get_closest_marker("slow"))


def commits(item):
    marker = item.get_closest_marker("django_db")
    asks = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(asks) or bool(marker and marker.kwargs.get("transaction"))


@pytest.fixture(scope="session", autouse=True)
def _loggers_that_listen():
    """Let tests capture what is logged by modules that have logged before, too."""
    structlog.configure(cache_logger_on_first_use=False)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix, django_test_environment, django_db_blocker
):
    """Copy the tests' database from a migrated one. A given server is not left one behind."""
    if settings.EMBEDDED_POSTGRES:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = database_template.ready()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Log in as another database role than the owner, if asked to (tests/as_role.py)."""
    with contextlib.ExitStack() as until_the_end:
        if as_role.ROLE:
            with django_db_blocker.unblock():
                until_the_end.enter_context(as_role.logged_in())
        yield


@pytest.fixture
def staff_user(db):
    """A member of staff without any permission."""
    return UserFactory(staff=True)


@pytest.fixture
def admin_user(db):
    """A member of staff who may do everything; pytest-django's `admin_client` logs in as them."""
    return UserFactory(admin=True, username="admin")


@pytest.fixture
def uploads(settings, tmp_path):
    """Let what is imported be stored where only this test looks."""
    settings.CRM_UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def api(db):
    """A caller of the API whose token has every scope; ``api.with_scopes(...)`` gives others."""
    return Api()


@pytest.fixture
def in_thread():
    """Run a function in a thread with a database connection of its own.

    ``finish = in_thread(function, **arguments)``; ``finish()`` waits and returns its value.
    """
    with ThreadPoolExecutor() as pool:

        def start(function, *args, **kwargs):
            def work():
                try:
                    return function(*args, **kwargs)
                finally:
                    connection.close()

            future = pool.submit(work)
            return lambda: future.result(timeout=60)

        yield start
