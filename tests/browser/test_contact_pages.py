"""Contact policy, blocks and the customer page: wide in the light, on a phone in the dark."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.models import ContactBlock, SilenceOverride
from tests.factories import (
    CampaignFactory,
    ConsentFactory,
    ContactBlockFactory,
    ContactEventFactory,
    CustomerFactory,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def customer(transactional_db):
    customer = CustomerFactory(phone="+441234567890")
    ContactEventFactory(customer=customer, occurred_at=timezone.now() - timedelta(days=40))
    ConsentFactory(customer=customer, channel="post", status="withdrawn")
    ContactBlockFactory(customer=customer, channel="sms", reason="COMPLAINT")
    SilenceOverride.objects.create(scenario="WINBACK", days=60)
    return customer


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_about_contact_fit_every_width_and_say_why(
    signed_in, live_server, customer, shot, theme, width
):
    page, complaints = signed_in, []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.evaluate("theme => localStorage.setItem('_x_adminTheme', JSON.stringify(theme))", theme)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    block, campaign = ContactBlock.objects.get(), CampaignFactory()
    add = reverse("admin:customers_contactblock_add")
    pages = {
        reverse("admin:customers_contactpolicy_changelist"): "Silence window",
        reverse("admin:customers_contactblock_changelist"): "complained about spam",
        reverse("admin:customers_contactblock_change", args=[block.pk]): "complained about spam",
        f"{add}?customer={customer.pk}": "Reason",
        reverse("admin:customers_campaign_change", args=[campaign.pk]): campaign.name,
        reverse("admin:customers_customer_change", args=[customer.pk])
        + "#dataset-contactblock": "the silence window is 135 days",
    }
    for place, (address, words) in enumerate(pages.items(), start=1):
        page.goto(f"{live_server.url}{address}")
        page.locator(f"text={words} >> visible=true").or_(
            page.locator(f"[value='{words}']")
        ).first.wait_for()
        assert page.evaluate(OVERFLOW) <= 0, address
        shot(f"{place}-{theme}")
    assert complaints == []
