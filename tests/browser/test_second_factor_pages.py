"""The second factor in a browser, and no page that the content security policy stops."""

import re

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.browser.conftest import PASSWORD
from tests.factories import CustomerFactory, OrderFactory
from tests.security.test_second_factor import code_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VISITED = [
    *("/admin/", "/admin/customers/customer/", "/admin/customers/customer/add/"),
    *("/admin/analytics/savedsegment/add/", "/admin/analytics/signal/queue/"),
    *("/admin/customers/importbatch/add/", "/admin/analytics/segment/map/"),
    *("/admin/common/user/add/", "/admin/recommendations/recorun/audit/", "/api/docs/"),
]


def test_a_person_sets_it_up_and_signs_in_with_it(page, live_server, admin_user, settings, shot):
    settings.CRM_SECOND_FACTOR = True
    page.goto(f"{live_server.url}/admin/customers/customer/")
    page.fill("#id_username", admin_user.username)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_selector(".crm-qr svg")
    shot("set-up")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shot("set-up-phone-dark")

    page.fill("#id_code", "123")
    page.press("#id_code", "Enter")
    page.wait_for_selector("text=This code is not right")
    shot("wrong-phone-dark")
    TOTPDevice.objects.get(user=admin_user).throttle_reset()
    page.fill("#id_code", code_of(admin_user))
    page.press("#id_code", "Enter")
    page.wait_for_selector(".crm-codes")
    shot("codes-phone-dark")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    shot("codes")
    page.click("text=I have kept them")
    page.wait_for_url(re.compile("/admin/customers/customer/$"))

    page.context.clear_cookies()
    page.goto(f"{live_server.url}/admin/")
    page.fill("#id_username", admin_user.username)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_selector("#second-factor-form")
    shot("asked")
    page.fill("#id_code", code_of(admin_user, 1))
    page.press("#id_code", "Enter")
    page.wait_for_selector("#nav-sidebar-apps")


def test_no_page_needs_what_the_policy_forbids(signed_in, live_server):
    OrderFactory(customer=CustomerFactory(code="C1"))
    said = []
    signed_in.on("console", lambda message: said.append(message.text))
    signed_in.on("pageerror", lambda error: said.append(str(error)))

    for path in VISITED:
        signed_in.goto(f"{live_server.url}{path}")
        signed_in.wait_for_load_state("networkidle")

    assert [text for text in said if "Content Security Policy" in text or "Error" in text] == []
