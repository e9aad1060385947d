"""A person works through the queue of labels with the keyboard, also on a phone and in the dark."""

import re

import pytest
from django.urls import reverse

from orders.models import LabelSuggestion, ProductAlias
from tests.factories import ImportBatchFactory, LabelSuggestionFactory, ProductFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

WAIT = 30_000


@pytest.fixture
def queue(transactional_db):
    """Three labels: a misspelt one, one of two alike, and one that nothing is like."""
    riesling = ProductFactory(key="R1", label="Riesling dry, Hill", popularity=40)
    ProductFactory(key="R2", label="Riesling dry, Valley", popularity=3)
    double = ProductFactory(key="R9", label="RIESLING DRY HILLS", popularity=1)
    LabelSuggestionFactory(
        label="Rieslng dry hill 2019", product=riesling, similarity=0.72, seen=310, key="4711",
        source="shop", batch=ImportBatchFactory(),
    )  # fmt: skip
    LabelSuggestionFactory(
        label="RIESLING DRY HILLS", product=riesling, other=double, origin="scan",
        similarity=0.95, seen=0,
    )  # fmt: skip
    LabelSuggestionFactory(label="Crate, empty", product=None, similarity=None, seen=12)


def test_labels_are_decided_with_the_keyboard(signed_in, live_server, queue, shot):
    page = signed_in
    address = live_server.url + reverse("admin:orders_labelsuggestion_changelist")
    page.goto(address)
    assert page.locator("#result_list tbody tr").count() == 3
    shot("queue")

    page.focus("#result_list tbody tr:first-of-type th a")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Also alike")
    assert "R2: Riesling dry, Valley" in page.inner_text("#content")
    shot("label")
    _press(page, "Accept", shot)

    # The next one that waits is there by itself; it has no proposal.
    page.wait_for_selector("text=Crate, empty")
    assert ProductAlias.objects.get().label == "Rieslng dry hill 2019"
    assert "can be imported again" in page.inner_text("body")
    _press(page, "Reject")
    page.wait_for_selector("text=RIESLING DRY HILLS")
    assert LabelSuggestion.objects.get(label="Crate, empty").status == "rejected"

    page.goto(address)
    page.check("#result_list tbody input.action-select")
    page.select_option("select[name=action]", "accept_selected")
    page.click("button[name=index]")
    page.wait_for_selector("#label-confirm")
    shot("confirm")
    page.focus("#label-confirm button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=1 label is an alias now")
    assert not LabelSuggestion.objects.pending().exists()
    shot("nothing-waits")


def test_the_queue_fits_a_phone_and_the_dark(signed_in, live_server, queue, shot):
    page = signed_in
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    first = LabelSuggestion.objects.latest("seen")
    for name, args in (("changelist", []), ("change", [first.pk])):
        page.goto(live_server.url + reverse(f"admin:orders_labelsuggestion_{name}", args=args))
        page.wait_for_selector("#content")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
        shot(name)


def _press(page, name, shot=None):
    """Open a dialog by keyboard, and send it."""
    ends = re.compile(rf"\b{name}$")  # The name of an icon comes first.
    page.get_by_role("button", name=ends).or_(page.get_by_role("link", name=ends)).first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("form:has(input[name=_form_submitted])").first
    dialog.wait_for(timeout=WAIT)
    if shot:
        shot("dialog")
    dialog.locator("button[type=submit]").last.focus()
    page.keyboard.press("Enter")
