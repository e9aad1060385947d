"""Tabs of a customer come when they are opened; people are told where one does not come."""

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.urls import reverse

from analytics.services.rfm import score_rfm
from tests.factories import OrderFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(transactional_db, live_server):
    order = OrderFactory()
    score_rfm()
    path = reverse("admin:customers_customer_change", args=[order.customer_id])
    return f"{live_server.url}{path}"


@pytest.fixture
def asked(signed_in):
    """The tabs that the browser asked for, in turn."""
    found = []
    signed_in.on("request", lambda one: found.append(one.url) if "?tab=" in one.url else None)
    return found


def open_tab(page, title):
    page.locator("a[href^='#dataset-']", has_text=title).first.click()


@pytest.mark.timeout(180)
def test_a_tab_is_fetched_once_and_only_when_it_is_looked_at(signed_in, asked, address, shot):
    page = signed_in
    page.goto(address)
    page.wait_for_selector("#kpis")
    assert asked == []

    open_tab(page, "Recommendations")
    page.wait_for_selector("text=Nothing was recommended")
    shot("recommendations")
    open_tab(page, "Timeline")
    page.wait_for_selector("text=Order ")
    shot("timeline")
    open_tab(page, "Recommendations")
    page.wait_for_selector("text=Nothing was recommended")

    assert [one.partition("?tab=")[2] for one in asked] == ["recoitem", "signal"]


@pytest.mark.timeout(180)
def test_an_address_with_a_tab_opens_it(signed_in, address):
    signed_in.goto(f"{address}#dataset-signal")
    signed_in.wait_for_selector("text=Order ")

    signed_in.goto("about:blank")
    signed_in.goto(f"{address}?tabs=all#dataset-customerevent")
    signed_in.wait_for_selector("text=Nobody has changed this")


@pytest.mark.timeout(180)
def test_what_does_not_come_says_so_and_leads_to_the_whole_page(signed_in, address, shot):
    page = signed_in
    page.goto(address)
    page.route("**/*tab=signal*", lambda route: route.fulfill(status=500, body="broken"))
    open_tab(page, "Timeline")
    page.wait_for_selector("text=This could not be loaded >> visible=true")
    shot("not-loaded")

    page.click("text=Try again with the whole page >> visible=true")

    page.wait_for_selector("text=Order ")


@pytest.mark.timeout(180)
def test_whoever_was_signed_out_meanwhile_is_asked_to_sign_in(signed_in, address):
    page = signed_in
    page.goto(address)
    page.wait_for_selector("#kpis")
    Session.objects.all().delete()
    cache.clear()

    open_tab(page, "Recommendations")

    page.wait_for_selector("text=This could not be loaded >> visible=true")
    page.click("text=Try again with the whole page >> visible=true")
    page.wait_for_selector("input[name=password]")
