"""Swagger UI in a real browser: offline, under our security policy, with a staff session."""

import pytest

from customers.models import Customer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CREATE = "#operations-customers-customers_create"


@pytest.mark.timeout(180)
def test_staff_try_a_request_on_the_page_of_the_api(signed_in, live_server, shot):
    page, complaints, foreign = signed_in, [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: foreign.append(request.url))

    page.goto(f"{live_server.url}/api/docs/")
    page.wait_for_selector(CREATE, timeout=30_000)
    shot("page")
    page.locator(f"{CREATE} button.opblock-summary-control").click()
    page.locator(f"{CREATE} .try-out__btn").click()
    page.locator(f"{CREATE} textarea.body-param__text").fill('{"code": "SWAGGER"}')
    page.locator(f"{CREATE} .execute").click()
    page.wait_for_selector(f"{CREATE} .live-responses-table .response-col_status")
    shot("answer")

    assert Customer.objects.filter(code="SWAGGER").exists()
    assert complaints == []
    local = (live_server.url, "data:", "blob:")
    assert [url for url in foreign if not url.startswith(local)] == []
