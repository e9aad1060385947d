"""The system's Chromium, a real worker process, and a picture of every step."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections
from playwright.sync_api import sync_playwright

from crm_project.celery import app
from tests.factories import PASSWORD

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    """Say why nothing is driven where there is no browser."""
    for item in items:
        if item.get_closest_marker("browser") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="Chromium is not installed on this machine"))


@pytest.fixture
def page(transactional_db, monkeypatch):
    """A page of a browser of its own.

    Not the plugin's: while its library runs, this thread has an event loop, in which Django
    refuses its ORM. So it starts after the database is ready and ends with the test.
    """
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        browser.close()
        # Inside the loop Django opened another connection, which would keep the database in use.
        connections.close_all()


@pytest.fixture
def worker(transactional_db, tmp_path):
    """A real worker in a process of its own, on the tests' database."""
    app.control.purge()
    environment = {
        **os.environ,
        "CRM_TEST_DATABASE": connection.settings_dict["NAME"],
        "DJANGO_SETTINGS_MODULE": "crm_project.settings",
    }
    command = [
        *(sys.executable, "-m", "celery", "-A", "tests.worker_app", "worker"),
        *("--concurrency", "1", "--without-mingle", "--without-gossip", "--loglevel", "INFO"),
    ]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=settings.BASE_DIR,
            start_new_session=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=20)


@pytest.fixture
def shot(page, request):
    """Keep a picture of the page: ``shot("preview")``."""
    folder = settings.BASE_DIR / ".crm" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    taken = []

    def take(name):
        taken.append(name)
        path = folder / f"{request.function.__name__}-{len(taken)}-{name}.png"
        page.screenshot(path=path, full_page=True)

    return take


@pytest.fixture
def signed_in(page, live_server, admin_user):
    """The page of somebody who may do everything, and who came through the login form."""
    page.goto(f"{live_server.url}/admin/")
    page.fill("#id_username", admin_user.username)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_selector("#nav-sidebar-apps")
    return page


@pytest.fixture(autouse=True)
def _nothing_kept_from_another_test():
    """Choices of lists are kept for ten minutes; a page must offer those of its own test."""
    cache.clear()
