"""Contact policy, blocks and the customer page at two widths and in both themes."""

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

WIDTHS = (1280, 390)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def customer(transactional_db):
    customer = CustomerFactory(phone="+441234567890")
    ContactEventFactory(customer=customer, occurred_at=timezone.now() - timedelta(days=40))
    ConsentFactory(customer=customer, channel="post", status="withdrawn")
    ContactBlockFactory(customer=customer, channel="sms", reason="COMPLAINT")
    SilenceOverride.objects.create(scenario="WINBACK", days=60)
    return customer


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_about_contact_fit_every_width_and_theme(
    signed_in, live_server, customer, shot, theme
):
    page, complaints = signed_in, []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.evaluate("theme => localStorage.setItem('_x_adminTheme', JSON.stringify(theme))", theme)
    page.emulate_media(color_scheme=theme)
    block, campaign = ContactBlock.objects.get(), CampaignFactory()
    of_customer = reverse("admin:customers_customer_change", args=[customer.pk])
    pages = {
        "policy": reverse("admin:customers_contactpolicy_changelist"),
        "blocks": reverse("admin:customers_contactblock_changelist"),
        "block": reverse("admin:customers_contactblock_change", args=[block.pk]),
        "block-add": reverse("admin:customers_contactblock_add") + f"?customer={customer.pk}",
        "campaign": reverse("admin:customers_campaign_change", args=[campaign.pk]),
        "customer": f"{of_customer}#dataset-contactblock",
    }
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name, address in pages.items():
            page.goto(f"{live_server.url}{address}")
            shot(f"{name}-{theme}-{width}")
            assert page.evaluate(OVERFLOW) <= 0, (name, width)
    text = page.locator("main, #main, body").first.inner_text()
    assert "the silence window is 135 days" in text
    assert complaints == []
