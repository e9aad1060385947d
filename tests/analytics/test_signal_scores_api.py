from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.services.signal_reports import score_signals
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory
from tests.signals import a_signal

pytestmark = pytest.mark.django_db


@pytest.fixture
def scored():
    """Three customers: one bought a demonstration today, two looked at something once."""
    recent = timezone.now() - timedelta(hours=1)
    for code, event_type, score in (
        ("C1", "view", "0.10"),
        ("C2", "demo_completed", "0.90"),
        ("C3", "view", "0.10"),
    ):
        a_signal(CustomerFactory(code=code), event_type, score=score, occurred_at=recent)
    CustomerFactory(code="C4")
    score_signals()


def test_the_most_interested_come_first_page_by_page(api, scored):
    seen, path = [], "signal-scores?limit=1"
    while path:
        page = api.get(path).json()
        seen += [row["customer"] for row in page["results"]]
        path = (page["next"] or "").partition("/api/v1/")[2]

    assert seen == ["C2", "C1", "C3"]


def test_it_filters_in_one_query(api, scored, django_assert_num_queries):
    api.get("signal-scores")

    with django_assert_num_queries(2):  # token, scores with customers
        rows = api.get("signal-scores", {"intent_min": "0.5"}).json()["results"]

    assert [(row["customer"], row["intent"]) for row in rows] == [("C2", 0.9)]
    assert api.get("signal-scores", {"score_min": "0.95"}).json()["results"] == []
    assert "score_min" in errors(api.get("signal-scores", {"score_min": "high"}))
    assert "ordering" in errors(api.get("signal-scores", {"ordering": "score"}))


def test_one_customer_is_scored_as_of_now_with_reasons(api, scored):
    customer = CustomerAliasFactory(code="OLD", customer__code="C9").customer
    a_signal(customer, "email_sent", score="0.10")
    a_signal(customer, "meeting_booked", score="0.80")

    shown = api.get("signal-scores/OLD").json()

    assert (shown["customer"], shown["intent"], shown["strong_intent"]) == ("C9", 0.8, True)
    assert 0.79 < shown["score"] <= 0.8
    assert [reason["event_type"] for reason in shown["reasons"]] == ["meeting_booked"]


def test_without_signals_the_score_is_zero(api, scored):
    shown = api.get("signal-scores/C4").json()

    assert (shown["score"], shown["intent"], shown["last_signal_at"]) == (0, 0, None)
    assert api.get("signal-scores/nobody").status_code == 404


def test_it_needs_the_right_to_read_signals(api, scored):
    other = api.with_scopes("customers:read", "signals:write")

    assert other.get("signal-scores").status_code == 403
    assert other.get("signal-scores/C1").status_code == 403
