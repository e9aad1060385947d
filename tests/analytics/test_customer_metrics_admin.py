"""What the customer page says of what we expect: numbers with their day, or why there are none."""

from datetime import date

import pytest
from django.db import connection
from django.urls import reverse

from tests.analytics.admin_pages import allow
from tests.analytics.pages_data import metrics_run
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db

COLUMNS = (
    "customer_id, run_id, historic_value, ltv, churn_probability, churn_band,"
    " purchase_probability_30d, purchase_probability_90d, expected_orders_90d,"
    " expected_order_value, expected_value, model, quality_flag"
)
KNOWN = (250, 480.5, 0.62, "high", 0.2, 0.38, 0.5, 90, 45, "mbg", "ok")
UNKNOWN = (250, None, None, "", None, None, None, None, None, "", "none")


@pytest.fixture
def customer(db):
    return CustomerFactory()


def predicted(run, customer, values):
    """Write one row of a run's partition, as its service does it in sets."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"create table metrics_of_{run.pk} partition of analytics_customermetrics"
            f" for values in ({run.pk})"
        )
        marks = ", ".join(["%s"] * (len(values) + 2))
        cursor.execute(
            f"insert into analytics_customermetrics ({COLUMNS}) values ({marks})",  # noqa: S608
            [customer.pk, run.pk, *values],
        )


def page_of(client, customer):
    return client.get(
        reverse("admin:customers_customer_change", args=[customer.pk]), {"tabs": "all"}
    )


def figures(page):
    return {kpi.label: (kpi.value, kpi.note) for kpi in page.context["kpis"]}


@pytest.mark.owner
def test_it_shows_the_numbers_of_the_current_run_and_their_day(admin_client, customer):
    predicted(metrics_run(), customer, KNOWN)

    page = page_of(admin_client, customer)

    found = figures(page)
    assert found["Next 12 months"] == ("£480.50", "as of 9 Dec 2011")
    assert found["Churn"] == ("62.0 %", "high for this shop, as of 9 Dec 2011")
    text = page.content.decode()
    assert "What we expect" in text
    assert "Money of one purchase day" in text


@pytest.mark.owner
def test_where_nothing_can_be_said_it_says_why_and_never_zero(admin_client, customer):
    predicted(metrics_run(quality="none"), customer, UNKNOWN)

    page = page_of(admin_client, customer)

    value, note = figures(page)["Next 12 months"]
    assert value == "\N{EN DASH}"
    assert "Too little data" in note
    assert "Too little data" in page.content.decode()


@pytest.mark.owner
def test_the_chances_are_drawn_from_run_to_run(admin_client, customer):
    predicted(metrics_run(as_of=date(2011, 11, 9), is_current=False), customer, KNOWN)
    predicted(metrics_run(), customer, KNOWN)

    text = page_of(admin_client, customer).content.decode()

    assert "churn, 9 Nov 2011: 62.0 %" in text
    assert "churn, 9 Dec 2011: 62.0 %" in text


def test_a_prospect_has_no_numbers(admin_client, customer):
    metrics_run()

    page = page_of(admin_client, customer)

    assert "Churn" not in figures(page)
    assert "without a sale there is nothing to go by" in page.content.decode()


@pytest.mark.owner
def test_it_needs_the_right_to_see_predictions(client, staff_user, customer):
    predicted(metrics_run(), customer, KNOWN)
    allow(staff_user, "view_customer")
    client.force_login(staff_user)

    page = page_of(client, customer)

    assert "Churn" not in figures(page)
    assert "What we expect" not in page.content.decode()
