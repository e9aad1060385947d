"""Every page of the admin in a browser: nothing that the policy forbids, no error of a script."""

import pytest

from tests.browser import conftest as browser
from tests.browser.conftest import page, signed_in  # noqa: F401 - fixtures of the tests below
from tests.security import world
from tests.security.test_matrix import admin_addresses

pytestmark = [
    pytest.mark.slow_proof,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed."),
]

# What signs out, or answers with a file.
LEFT_OUT = ("/logout/", "/login/", ".csv", "/jsi18n/", "/autocomplete/")
BAD = ("Content Security Policy", "Error", "is not defined", "Refused to")


def test_no_page_of_the_admin_needs_what_the_policy_forbids(signed_in, live_server, settings):  # noqa: F811 - a fixture
    settings.CRM_SECOND_FACTOR = False
    world.fill()
    said, visited = [], []
    here = [""]
    signed_in.on("console", lambda message: said.append((here[0], message.text)))
    signed_in.on("pageerror", lambda error: said.append((here[0], f"Error: {error}")))

    addresses = [*admin_addresses()]
    # The tabs of a customer, too.
    addresses += [
        (f"{shown}?tabs=all", f"{address}?tabs=all")
        for shown, address in addresses
        if address.startswith("/admin/customers/customer/") and address.endswith("/change/")
    ]
    for shown, address in addresses:
        if shown.endswith(LEFT_OUT):
            continue
        here[0] = shown
        first = signed_in.request.get(f"{live_server.url}{address}", max_redirects=0)
        if first.status >= 500:
            said.append((shown, f"Error: {first.status}"))
        if first.status != 200 or "html" not in first.headers["content-type"]:
            continue
        answer = signed_in.goto(f"{live_server.url}{address}", wait_until="load")
        if "content-security-policy" not in answer.headers:
            said.append((shown, "Content Security Policy: none"))
        visited.append(shown)

    assert len(visited) > 150
    wrong = [
        one
        for one in said
        if any(word in one[1] for word in BAD)
        and "the server responded with a status" not in one[1]
    ]
    assert wrong == []
