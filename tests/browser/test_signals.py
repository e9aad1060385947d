"""Staff read a customer's timeline, search signals, and decide about quarantine, in a browser."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from analytics.models import QuarantinedEvent, Signal
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import store
from tests.analytics.signals import envelope
from tests.factories import CustomerFactory, OrderFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WAIT = 60_000


@pytest.fixture
def complaints(page):
    """What the browser's console says against our pages."""
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else 0)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.fixture
def stored(transactional_db):
    """A customer with an order and 60 signals; a purchase of somebody whom nobody knows."""
    now = timezone.now()
    customer = CustomerFactory(code="C1", name="Ann Smith")
    OrderFactory(customer=customer, ordered_at=now - timedelta(days=70))
    types = ["view", "add_to_cart"]
    store([envelope(types[n % 2], "C1", at=now - timedelta(days=n + 1)) for n in range(60)])
    store([envelope("meeting_booked", "C1", at=now - timedelta(hours=2))])
    store([envelope("purchase", "stranger", at=now, signal_data={"note": "Gewürztraminer"})])
    return customer


@pytest.mark.timeout(180)
def test_from_the_list_to_the_customers_timeline(signed_in, live_server, stored, complaints, shot):
    page = signed_in
    page.click("#nav-sidebar-apps a:has-text('Signals')")
    page.wait_for_selector("#result_list")
    assert page.locator("#result_list tbody").count() == 50
    shot("list")
    page.click("a[rel=next]")
    page.wait_for_selector("a[rel=prev]")
    assert page.locator("#result_list tbody").count() == 12
    page.click("a[rel=prev]")

    page.goto(f"{live_server.url}/admin/analytics/signal/?type=meeting_booked")
    page.click("#result_list a:has-text('C1')")
    page.click("a.crm-kpi:has-text('Interest')")
    page.wait_for_selector(".crm-timeline >> text=Meeting booked")
    shot("timeline")
    assert page.locator(".crm-points").count() == 50
    page.click("a:has-text('Older')")
    page.wait_for_selector(f"text=Order {stored.orders.get().number}")
    assert page.locator(".crm-points").count() == 61
    assert complaints == []


@pytest.mark.timeout(180)
def test_the_palette_finds_a_signal_by_a_word_in_it(signed_in, stored, complaints, shot):
    page = signed_in
    page.keyboard.press("Control+k")
    page.wait_for_selector("#search-input-command", state="visible")
    page.type("#search-input-command", "gewurztraminer", delay=20)
    page.wait_for_selector("#command-results-list >> text=stranger")
    shot("palette")
    page.click("#command-results-list >> text=stranger")

    page.wait_for_selector("pre:has-text('Gewürztraminer')")
    shot("signal")
    assert complaints == []


@pytest.mark.timeout(180)
def test_quarantine_is_replayed_by_a_worker(signed_in, live_server, complaints, worker, shot):
    page = signed_in
    good, bad = envelope("view", "C1"), envelope("view", "C1", occurred_at="1999-01-01T00:00:00Z")
    quarantine(good, "unknown", "The reason has gone since.")
    quarantine(bad, "too_old", "It happened before 2000.")

    page.goto(f"{live_server.url}/admin/analytics/quarantinedevent/")
    shot("quarantine")
    page.click("#action-toggle")
    page.select_option("select[name=action]", "replay_selected")
    page.click("button[name=index]")
    page.wait_for_selector("#quarantine-confirm:has-text('2 events')")
    page.fill("[name=reason]", "the parser is mended")
    shot("confirm")
    page.click("button:has-text('Replay 2 events')")
    page.wait_for_selector("#job-progress:has-text('succeeded')", timeout=WAIT)
    shot("job")
    assert Signal.objects.get().pk == UUID(bytes=good.id)

    page.goto(f"{live_server.url}/admin/analytics/quarantinedevent/{UUID(bytes=bad.id)}/change/")
    page.click("a:has-text('Discard')")
    page.wait_for_selector("#modal-content button[type=submit]")
    page.click("#modal-content button[type=submit]")
    page.wait_for_selector("#dialog-form >> text=This field is required")
    shot("reason-wanted")
    page.fill("#modal-content [name=reason]", "a test of ours")
    page.click("#modal-content button[type=submit]")
    page.wait_for_selector("#job-progress:has-text('succeeded')", timeout=WAIT)
    assert not QuarantinedEvent.objects.open().exists()
    assert complaints == []
