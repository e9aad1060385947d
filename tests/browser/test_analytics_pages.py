"""Pages with charts at two widths and in both themes: nothing sticks out, nothing complains."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from analytics.services.rfm import score_rfm
from analytics.services.segmentations import build
from tests.analytics import segmentation_support as made
from tests.analytics.pages_data import comparison, metrics_run, segmentation

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WIDTHS = (1280, 390)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN = """Array.from(document.querySelectorAll(".crm-fig svg"))
    .every(drawing => drawing.getBoundingClientRect().width > 20)"""


@pytest.fixture
def pages(transactional_db):
    """One of everything, and the addresses of its pages by name."""
    metrics_run(as_of=date(2011, 11, 9), is_current=False)
    run = metrics_run()
    left, right = segmentation("rfm_map"), segmentation("taste")
    comparison(left, right)
    customers = made.shop(120)
    made.buy_later(customers)
    days = made.DAY, made.DAY + timedelta(days=60)
    for day in days:
        score_rfm(as_of=day)
        build(as_of=day, kinds=("rfm",), effort=made.QUICK)
    movement = reverse("admin:analytics_movement")
    return {
        "metrics-list": reverse("admin:analytics_metricsrun_changelist"),
        "metrics-run": reverse("admin:analytics_metricsrun_change", args=[run.pk]),
        "segmentations": reverse("admin:analytics_segmentation_changelist"),
        "segmentation": reverse("admin:analytics_segmentation_change", args=[right.pk]),
        "compare": reverse("admin:analytics_segmentation_compare"),
        "movement-segments": movement,
        "movement-groups": f"{movement}?kind=rfm",
    }


def themed(page, theme):
    page.evaluate("theme => localStorage.setItem('_x_adminTheme', JSON.stringify(theme))", theme)
    page.emulate_media(color_scheme=theme)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_fit_every_width_and_theme(signed_in, live_server, pages, shot, theme):
    page, complaints = signed_in, []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    themed(page, theme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name, address in pages.items():
            page.goto(f"{live_server.url}{address}")
            page.wait_for_selector(".crm-note, .crm-card")
            shot(f"{name}-{theme}-{width}")

            assert ("dark" in page.get_attribute("html", "class")) == (theme == "dark")
            assert page.evaluate(OVERFLOW) <= 0, (name, width)
            assert page.evaluate(DRAWN), (name, width)
    assert complaints == []


@pytest.mark.timeout(180)
def test_a_chart_can_be_read_as_a_table_and_a_group_renamed(signed_in, live_server, pages):
    page = signed_in
    page.goto(f"{live_server.url}{pages['segmentation']}")

    page.locator(".crm-chart-data summary").first.click()
    page.wait_for_selector(".crm-chart-data[open] td >> text=Riesling")
    page.locator(".crm-rename summary").first.click()
    page.fill(".crm-rename[open] input[name=name]", "Riesling lovers")
    page.keyboard.press("Enter")

    page.wait_for_selector("h2 >> text=Riesling lovers")
