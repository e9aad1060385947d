"""What the dashboard reads, with numbers worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest

from analytics.models import RfmGrid, SegmentSummary
from analytics.selectors import rfm as selectors
from analytics.selectors.revenue import revenue_by_month
from analytics.services.dashboards import refresh_dashboards
from analytics.services.rfm import score_rfm
from crm_project.common.models import RefreshState
from tests.analytics.support import at, shop
from tests.factories import OrderFactory

pytestmark = pytest.mark.django_db

DAY = date(2011, 11, 9)
SHOP = {
    "A": [("2011-11-09", "10"), ("2011-10-01", "30")],
    "B": [("2011-11-01", "20"), ("2011-11-02", "5", "return")],
    "C": [("2011-01-01", "40", "sale", "fulfilled")],
    "D": [],
}


def test_before_the_first_run_there_is_nothing():
    assert selectors.segment_summary() is None
    assert selectors.heat_map() is None
    assert selectors.top_customers() == []
    assert not selectors.customers_in_segment(segment="lost").exists()
    assert revenue_by_month().months == ()


def test_segments_add_up_to_everybody():
    shop(SHOP)
    run = score_rfm(as_of=DAY)
    summary = selectors.segment_summary()
    assert (summary.run, summary.as_of) == (run, DAY)
    assert summary.customers == 4
    assert summary.net_total == Decimal("95.00")
    assert sum(row.customer_share for row in summary.rows) == pytest.approx(1)
    prospects = summary.rows[-1]
    assert (prospects.segment.code, prospects.customers) == ("prospects", 1)
    assert prospects.median_monetary is None


def test_medians_are_those_of_the_segment():
    shop({f"C{n}": [("2011-11-09", str(n))] * 2 for n in (10, 20, 40)})
    score_rfm(as_of=DAY, mode="fixed")
    (row,) = [row for row in selectors.segment_summary().rows if row.customers]
    assert (row.median_recency_days, row.median_frequency) == (0, 2)
    assert row.median_monetary == Decimal("40.00")


def test_an_older_run_is_summed_up_from_its_own_scores():
    shop(SHOP)
    older = score_rfm(as_of=date(2011, 10, 31))
    score_rfm(as_of=DAY)
    assert selectors.segment_summary(run=older).net_total == Decimal("70.00")
    assert sum(cell.customers for cell in selectors.heat_map(run=older).cells) == 2


def test_the_view_and_the_scores_say_the_same():
    shop(SHOP)
    run = score_rfm(as_of=DAY)
    stored = (selectors.segment_summary(), selectors.heat_map())
    assert SegmentSummary.objects.exists()
    assert selectors._live_figures(run) == selectors._stored_figures(run)
    assert selectors._live_cells(run) == selectors._stored_cells(run)
    assert len(stored[1].cells) == 25
    assert sum(cell.customers for cell in stored[1].cells) == 3
    assert RfmGrid.objects.count() == 3


def test_months_are_those_of_the_business_and_returns_lower_them():
    shop(
        {
            # 00:30 on the 1st of July in London is still June in UTC.
            "A": [(at("2011-07-01", "00:30"), "10"), (at("2011-06-30", "23:30"), "7")],
            "B": [(at("2011-07-02"), "5"), (at("2011-07-03"), "2", "return")],
            "C": [(at("2011-07-02"), "99", "sale", "cancelled")],
        }
    )
    OrderFactory(customer=None, ordered_at=at("2011-07-05"), net_amount=3, gross_amount=3)
    OrderFactory(currency="EUR", ordered_at=at("2011-07-05"))
    refresh_dashboards()

    revenue = revenue_by_month()

    assert [(m.month, m.orders, m.customers, m.net_total) for m in revenue.months] == [
        (date(2011, 6, 1), 1, 1, Decimal("7.00")),
        (date(2011, 7, 1), 3, 2, Decimal("16.00")),
    ]
    assert revenue.months[1].returns_total == Decimal("2.00")
    assert revenue.currency == "GBP"
    assert revenue.as_of is not None


def test_each_refresh_is_recorded_with_its_rows():
    shop(SHOP)
    score_rfm(as_of=DAY)
    refresh_dashboards()  # the second time: concurrently
    states = RefreshState.objects.filter(name="revenue by month")
    assert [(state.rows, state.error) for state in states] == [(3, ""), (3, "")]


def test_the_best_customers_come_first():
    shop(SHOP)
    score_rfm(as_of=DAY)
    assert [score.customer.code for score in selectors.top_customers(limit=2)] == ["A", "C"]
