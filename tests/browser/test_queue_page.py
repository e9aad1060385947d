"""The live page of the queue in a browser: it follows, rests, goes on, and needs no script."""

import uuid

import pytest

from analytics.signal_stream import client
from tests.analytics import queued

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queue(settings):
    """An empty signal queue of this test's own."""
    settings.CRM_QUEUE_PREFIX = f"test:signals:{uuid.uuid4().hex[:8]}"
    server = client()
    yield queued
    queued.remove_all(settings.CRM_QUEUE_PREFIX, server)


def waiting(page, number):
    page.wait_for_selector(f"[data-text=depth]:text-is('{number}')", timeout=30_000)


def address(live_server):
    return f"{live_server.url}/admin/analytics/signal/queue/"


@pytest.mark.timeout(180)
def test_the_page_follows_the_queue_until_somebody_pauses_it(signed_in, live_server, queue, shot):
    page, complaints = signed_in, []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address(live_server))
    waiting(page, 0)
    page.wait_for_selector("text=No worker is running")
    shot("empty")

    queue.send(*[queue.envelope() for _ in range(7)])
    waiting(page, 7)
    assert page.locator("[data-shape=accepted]").get_attribute("d")
    shot("waiting")
    page.locator("[data-minutes] rect", has_text="7 accepted").first.hover()
    page.wait_for_selector("[data-readout]:has-text('7 accepted')")

    page.click("[data-live-pause]")
    page.wait_for_selector("text=Paused")
    queue.send(queue.envelope())
    page.wait_for_selector("[data-text=depth]:text-is('7')")
    page.click("[data-live-pause]")
    waiting(page, 8)
    assert complaints == []


@pytest.mark.timeout(180)
def test_a_page_that_nobody_sees_asks_nothing(signed_in, live_server, queue):
    page = signed_in
    page.goto(address(live_server))
    waiting(page, 0)
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    page.wait_for_selector("text=Resting")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    queue.send(queue.envelope())
    page.wait_for_timeout(5_000)
    assert asked == []

    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    waiting(page, 1)


@pytest.mark.timeout(180)
def test_somebody_who_was_signed_out_is_told(signed_in, live_server, queue):
    page = signed_in
    page.goto(address(live_server))
    waiting(page, 0)

    page.context.clear_cookies()

    page.wait_for_selector("text=You are signed out", timeout=30_000)


@pytest.mark.timeout(180)
def test_without_scripts_the_page_says_everything_too(signed_in, live_server, queue):
    queue.send(*[queue.envelope() for _ in range(3)])
    cookies = signed_in.context.cookies()
    context = signed_in.context.browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()

    page.goto(address(live_server))

    assert page.inner_text("[data-text=depth]") == "3"
    assert page.locator("[data-minutes] rect").count() == 120
    assert page.locator("[data-live-pause]").is_hidden()
    assert page.inner_text("[data-live-state]") == "As of"
    context.close()
