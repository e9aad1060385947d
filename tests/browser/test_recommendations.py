"""Staff recommend, read why, approve and export, in a real browser; only what may leave leaves."""

import csv
from datetime import timedelta

import pytest
from django.utils import timezone

from customers.models import Channel, Customer
from customers.services.blocks import block
from recommendations.models import Assignment, RecoExport, RecoItem, RecoRun
from tests.factories import CampaignFactory, ContactEventFactory
from tests.recommendations.checker import broken_exports
from tests.recommendations.run_shop import everybody_may_be_contacted, small_shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

WAIT = 60_000


@pytest.fixture
def shop(transactional_db):
    """One of many wants no mail, one was written to 134 days ago and one 135 days ago."""
    newest = timezone.localdate() - timedelta(days=15)
    people, _ = small_shop(45, 30, newest=newest, tastes=5)
    everybody_may_be_contacted()
    block(customer_id=people[10].pk, kind="optout", reason="UNSUBSCRIBED", channel=Channel.EMAIL)
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    for person, days in ((people[11], 134), (people[12], 135)):
        ContactEventFactory(customer=person, occurred_at=noon - timedelta(days=days))
    CampaignFactory(code="autumn", name="Autumn letter", holdout_share="0.200")
    return people


def test_recommend_read_why_approve_and_export(signed_in, live_server, shop, worker, shot):
    page = signed_in
    _recommend(page, live_server, shot)
    run = RecoRun.objects.get()
    _read_why(page, live_server, shot, shop[20])
    _approve(page, live_server, shot, run)
    rows = _export(page, live_server, shot, run)

    made = RecoExport.objects.get()
    assert broken_exports(made) == []
    left = {row["customer"] for row in rows}
    assert {shop[10].code, shop[11].code} & left == set()
    control = Assignment.objects.filter(arm="control").values_list("customer__code", flat=True)
    assert control
    assert not set(control) & left
    assert len(rows) == made.rows
    gone = RecoItem.objects.filter(run=run, pk__in=[row["item"] for row in rows])
    assert set(gone.values_list("status", flat=True)) == {"approved"}
    assert Customer.objects.filter(code__in=left, email="").count() == 0


def _recommend(page, live_server, shot):
    page.goto(f"{live_server.url}/admin/recommendations/recorun/")
    assert "Nothing has been recommended yet" in page.inner_text("body")
    page.click("text=Recommend now")
    page.wait_for_selector("#modal-content button[type=submit]")
    page.click("#modal-content button[type=submit]")
    page.wait_for_selector("#job-progress:has-text('succeeded')", timeout=WAIT)
    shot("job")


def _read_why(page, live_server, shot, person):
    page.goto(f"{live_server.url}/admin/customers/customer/{person.pk}/change/#dataset-recoitem")
    page.wait_for_selector(".crm-reco >> visible=true")
    first = page.locator(".crm-reco").first
    first.locator("summary").first.click()
    assert "points" in first.inner_text()
    assert first.locator("a[href*='/admin/orders/']").count()
    shot("reasons")


def _approve(page, live_server, shot, run):
    """Nothing can be approved before the audit."""
    page.goto(f"{live_server.url}/admin/recommendations/recorun/{run.pk}/change/")
    page.click("#content a:text-is('Audit')")
    shot("before-the-audit")
    page.click("button:has-text('Audit now')")
    page.wait_for_selector("#job-progress:has-text('succeeded')", timeout=WAIT)
    page.click("text=Open the result")
    page.wait_for_selector("text=Audit again")
    shot("audit")
    page.click("#content a:has-text('Approve …')")
    shot("approve")
    page.click("text=Approve lists that passed")
    page.wait_for_url("**/recommendations/**")
    assert RecoItem.objects.filter(run=run, status="approved").count() > 20
    shot("approved")


def _export(page, live_server, shot, run):
    page.goto(f"{live_server.url}/admin/recommendations/recorun/{run.pk}/export/")
    page.select_option("#id_campaign", "autumn")
    page.click("#choose button:text-is('Preview')")
    page.wait_for_selector("#preview")
    assert not RecoExport.objects.exists(), "a preview lets nothing leave"
    shot("preview")
    page.click("#preview button[type=submit]")
    page.wait_for_selector("#job-progress:has-text('succeeded')", timeout=WAIT)
    page.click("text=Open the result")
    shot("export")
    with page.expect_download() as download:
        page.click("text=Download the file")
    with download.value.path().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
