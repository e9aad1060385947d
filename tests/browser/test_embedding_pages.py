"""Who is alike, and the models behind it, at two widths and in both themes."""

import pytest
from django.urls import reverse

from analytics.selectors.embeddings import current_model
from analytics.services.rfm import score_rfm
from customers.models import Customer
from tests.analytics.embedding_support import embedded_shop
from tests.browser.test_analytics_pages import OVERFLOW, WIDTHS, themed

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pages(transactional_db):
    embedded_shop()
    score_rfm()
    Customer.objects.filter(code="R1").update(name="Theodora Featherstone-Haughton of Cheltenham")
    customer = reverse("admin:customers_customer_change", args=[Customer.objects.get(code="R2").pk])
    return {
        "customer": customer,
        "similar": f"{customer}#dataset-customerembedding",
        "models": reverse("admin:analytics_embeddingmodel_changelist"),
        "model": reverse("admin:analytics_embeddingmodel_change", args=[current_model().pk]),
        "embeddings": reverse("admin:analytics_customerembedding_changelist"),
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_embeddings_fit_every_width_and_theme(signed_in, live_server, pages, shot, theme):
    page, complaints = signed_in, []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    themed(page, theme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name, address in pages.items():
            # Another address first: only the part after "#" may differ.
            page.goto("about:blank")
            page.goto(f"{live_server.url}{address}")
            page.wait_for_selector("#content")
            if name == "similar":
                page.wait_for_selector("text=In common")
            shot(f"{name}-{theme}-{width}")
            assert page.evaluate(OVERFLOW) <= 0, (name, width)
    assert complaints == []


@pytest.mark.timeout(180)
def test_from_one_customer_to_a_similar_one_with_the_keyboard(signed_in, live_server, pages):
    page = signed_in
    page.goto(f"{live_server.url}{pages['similar']}")
    page.wait_for_selector("text=In common")

    page.locator("a.crm-button:has-text('Same segment')").press("Enter")
    page.wait_for_selector("a.crm-button.primary:has-text('Same segment')")
    page.goto(f"{live_server.url}{pages['similar']}")
    link = page.locator("#dataset-customerembedding-group table a").first
    link.wait_for()
    link.press("Enter")

    here = pages["similar"].partition("#")[0]
    page.wait_for_url(lambda address: here not in address)
    # What she was looking at is open there too.
    page.locator("#dataset-customerembedding-group").wait_for()
