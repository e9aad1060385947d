"""A person imports a file and sees the segments change, in a real browser."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.services.rfm import score_rfm
from customers.models import ImportBatch
from orders.models import Order
from tests.factories import CustomerFactory, OrderFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

CUSTOMERS = 30
WAIT = 60_000
HEADER = "order_number,ordered_at,customer_code,product_key,quantity,unit_price"


@pytest.fixture
def scored_shop(transactional_db):
    """Thirty customers with one old order each, scored as of yesterday."""
    for number in range(CUSTOMERS):
        customer = CustomerFactory(code=f"K{number:02}", name=f"Customer {number}")
        then = timezone.now() - timedelta(days=20 + 10 * number)
        OrderFactory(customer=customer, ordered_at=then)
    score_rfm(as_of=timezone.localdate() - timedelta(days=1))


@pytest.fixture
def new_orders(tmp_path):
    """A file: today the ten customers who were away the longest buy three times; one bad line."""
    now = timezone.localtime().isoformat(timespec="seconds")
    lines = [
        f"N{number}-{repeat},{now},K{number:02},P1,10,9.99"
        for number in range(CUSTOMERS - 10, CUSTOMERS)
        for repeat in range(3)
    ]
    path = tmp_path / "new-orders.csv"
    path.write_text("\n".join([HEADER, *lines, f"N99,{now},K01,P1,0,9.99"]), encoding="utf-8")
    return path


def test_import_and_see_the_segments_change(
    signed_in, live_server, scored_shop, new_orders, worker, shot
):
    page = signed_in
    page.reload()
    before = page.inner_text("#segments")
    assert "Movement needs the scores of two days" in page.inner_text("#movement")
    shot("dashboard-before")

    page.click("text=Import a file")
    page.select_option("#id_shape", "orders/generic")
    page.set_input_files("#id_file", new_orders)
    page.fill("#id_source", "shop")
    shot("upload")
    page.click("text=Upload and preview")

    page.wait_for_selector("#confirm", timeout=WAIT)
    assert page.inner_text("#count-new") == "30"
    assert page.inner_text("#count-refused") == "1"
    assert Order.objects.count() == CUSTOMERS, "a preview writes nothing"
    shot("preview")

    page.click("#confirm")
    page.wait_for_selector("text=The file is imported", timeout=WAIT)
    assert Order.objects.count() == CUSTOMERS + 30
    assert ImportBatch.objects.get().status == "committed"
    shot("result")
    page.click("text=Orders of this import")
    page.wait_for_selector("text=N29-0")
    shot("orders")

    page.click("text=RFM runs")
    page.click("text=Score now")
    page.wait_for_selector("#modal-content button[type=submit]")
    shot("score-now")
    page.click("#modal-content button[type=submit]")
    page.wait_for_selector("#job-progress:has-text('succeeded')", timeout=WAIT)
    shot("job")

    page.goto(f"{live_server.url}/admin/")
    after = page.inner_text("#segments")
    moved = re.search(r"(\d+) customers changed their segment", page.inner_text("#movement"))
    assert after != before
    assert moved
    assert int(moved[1]) >= 1
    shot("dashboard-after")


def test_without_a_worker_the_page_says_so(signed_in, live_server, new_orders, shot):
    """No worker runs in this test: the page must not wait in silence."""
    page = signed_in
    page.goto(f"{live_server.url}/admin/customers/importbatch/add/")
    page.set_input_files("#id_file", new_orders)
    page.click("text=Upload and preview")

    page.wait_for_selector("text=Is a worker running?", timeout=30_000)
    shot("no-worker")
    page.click("text=Cancel this import")
    page.wait_for_selector("text=This import was cancelled")
    shot("cancelled")
