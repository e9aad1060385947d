"""Building a rule in a browser: by keyboard alone, on a phone, and without any script."""

import json

import pytest
from django.urls import reverse

from analytics.models import SavedSegment
from analytics.services.rfm import score_rfm
from tests.analytics.saved_segments import asks, segment
from tests.factories import CustomerFactory, OrderFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.django_db(transaction=True),
]

PHONE = {"width": 390, "height": 844}
RULE = {
    "and": [
        asks("customer.country", "one_of", ["France"]),
        {"not": {"or": [asks("rfm.recency", "more_than", 90), asks("contact.last", "is_unknown")]}},
        asks("metrics.churn_probability", "at_least", 0.25),
    ]
}


@pytest.fixture
def shop():
    """Three customers of France, who ordered, and one of Spain, who did not."""
    for place in range(3):
        OrderFactory(customer__code=f"C{place}", customer__country="France")
    CustomerFactory(code="C9", country="Spain")
    score_rfm()


@pytest.fixture
def complaints(page):
    told = []
    page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    return told


def counted(page, number):
    page.wait_for_selector(f".crm-rule-count strong:text-is('{number}')", timeout=20_000)


def open_add(page, live_server, query=""):
    page.goto(f"{live_server.url}{reverse('admin:analytics_savedsegment_add')}{query}")
    page.wait_for_selector("[data-builder]:not([hidden])")


def press_until(page, key, label):
    """Press a key until the control with this label has the focus, as somebody without a mouse."""
    for _ in range(40):
        page.keyboard.press(key)
        focused = page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
        )
        if focused == label:
            return
    raise AssertionError(f"{label} cannot be reached with {key}")


def test_a_rule_is_built_by_keyboard_alone(signed_in, live_server, shop, complaints, shot):
    page, keys = signed_in, signed_in.keyboard
    open_add(page, live_server)
    page.focus("#id_name")
    keys.type("French regulars")

    press_until(page, "Tab", "What about the customer")
    keys.type("country")
    press_until(page, "Tab", "Value")
    keys.type("France")
    counted(page, 3)
    press_until(page, "Tab", "Add condition")
    keys.press("Enter")
    keys.type("number of orders")
    press_until(page, "Tab", "Question")
    keys.type("is at least")
    press_until(page, "Tab", "Value")
    keys.type("2")
    counted(page, 0)
    shot("two conditions")
    press_until(page, "Tab", "Remove this condition")
    keys.press("Enter")
    counted(page, 3)
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Remove this condition"
    page.focus("#id_name")
    keys.press("Enter")
    page.wait_for_url("**/savedsegment/**")

    page.wait_for_selector("text=French regulars")
    found = SavedSegment.objects.get()
    assert found.rule == {"and": [asks("customer.country", "is", "France")]}
    assert complaints == []


def test_on_a_phone_nothing_is_cut_off(signed_in, live_server, shop, complaints, shot):
    page = signed_in
    page.set_viewport_size(PHONE)
    open_add(page, live_server)
    page.fill("#id_name", "On the way")
    page.select_option("[aria-label='What about the customer']", "customer.country")
    page.select_option("[aria-label=Question]", "one_of")
    page.check("label:has-text('France') input")
    counted(page, 3)
    page.get_by_role("button", name="Add group").click()
    group = page.locator(".crm-rule-group .crm-rule-group")
    group.get_by_label("What about the customer").select_option("profile.returns_share")
    group.get_by_label("Question").select_option("between")
    page.wait_for_selector("text=one part is marked")
    assert "Give a number" in group.inner_text()
    group.get_by_label("From", exact=True).fill("12.5")
    group.get_by_label("To", exact=True).fill("50")
    counted(page, 0)
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert json.loads(page.input_value("textarea[name=rule]")) == {
        "and": [
            asks("customer.country", "one_of", ["France"]),
            {"or": [asks("profile.returns_share", "between", ["0.125", "0.5"])]},
        ]
    }
    shot("phone")
    buttons = [each.bounding_box() for each in page.locator(".crm-rule-button").all()]
    small = [box["height"] for box in buttons if box]
    assert min(small) >= 40
    assert complaints == []


def test_what_was_stored_is_shown_again_and_stays_the_same(
    signed_in, live_server, shop, complaints, shot
):
    found = segment("kept", RULE, built=True, name="Kept")
    page = signed_in
    address = f"{live_server.url}{reverse('admin:analytics_savedsegment_change', args=[found.pk])}"
    page.goto(address)
    counted(page, 0)
    assert page.locator(".crm-rule-condition").count() == 4
    shot("wide light")
    page.evaluate("document.documentElement.classList.add('dark')")
    shot("wide dark")
    page.set_viewport_size(PHONE)
    shot("phone dark")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.fill("#id_description", "Nothing of the rule was touched.")
    page.press("#id_name", "Enter")
    page.wait_for_selector("text=was changed successfully")

    before = found.rule_hash
    found.refresh_from_db()
    assert (found.description, found.rule_hash) == ("Nothing of the rule was touched.", before)
    assert complaints == []


def test_text_and_lists_show_the_same_rule(signed_in, live_server, shop):
    page = signed_in
    open_add(page, live_server, "?example=new-customers")
    page.click("text=As text (JSON)")
    page.fill("textarea[name=rule]", json.dumps(asks("customer.country", "is", "Spain")))
    page.press("textarea[name=rule]", "Tab")
    counted(page, 1)
    assert page.locator(".crm-rule-condition").count() == 1
    page.fill("textarea[name=rule]", "{")
    page.press("textarea[name=rule]", "Tab")
    page.wait_for_selector("text=This is not JSON")


def test_it_is_found_built_explained_and_listed(signed_in, live_server, shop, shot):
    page = signed_in
    page.goto(f"{live_server.url}{reverse('admin:analytics_savedsegment_changelist')}")
    shot("examples")
    found = segment("french", asks("customer.country", "is", "France"), built=True)
    page.reload()
    shot("list")
    page.click("a:text-is('French')")
    page.fill("#why-customer", "C9")
    page.press("#why-customer", "Enter")
    page.wait_for_selector("text=does not meet the rule now")
    page.wait_for_selector("text=here: Spain")
    shot("why")
    page.goto(
        f"{live_server.url}{reverse('admin:customers_customer_changelist')}?saved={found.slug}"
    )
    assert page.locator("#result_list tbody tr").count() == 3
    shot("customers")


def test_without_scripts_the_rule_is_text(signed_in, live_server, shop):
    context = signed_in.context.browser.new_context(java_script_enabled=False)
    context.add_cookies(signed_in.context.cookies())
    page = context.new_page()
    page.goto(f"{live_server.url}{reverse('admin:analytics_savedsegment_add')}")
    page.fill("#id_name", "Plain")
    page.fill("textarea[name=rule]", json.dumps(asks("gone", "is", 1)))
    page.press("#id_name", "Enter")
    assert "“gone” is not a field of a rule." in page.content()
    page.click("text=Fields and operators")
    assert page.locator("code:text-is('rfm.recency')").is_visible()
    page.fill("textarea[name=rule]", json.dumps(asks("customer.country", "is", "France")))
    page.press("#id_name", "Enter")
    page.wait_for_url("**/savedsegment/**")
    assert SavedSegment.objects.get().slug == "plain"
    context.close()
