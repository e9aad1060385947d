"""Who moved between two runs, and why: purchase, ageing or the others' change."""

from datetime import date, timedelta

import pytest

from analytics.models import RfmMovement, RfmRun
from analytics.selectors import rfm as selectors
from analytics.services.dashboards import record_movement
from analytics.services.rfm import score_rfm
from customers.models import Customer
from orders.models import Order
from tests.analytics.support import at, shop

pytestmark = pytest.mark.django_db

OLD, NEW = date(2011, 6, 1), date(2011, 12, 1)


def two_runs(orders, **options):
    people = shop(orders)
    older = score_rfm(as_of=OLD, refresh_views=False, **options)
    newer = score_rfm(as_of=NEW, refresh_views=False, **options)
    return people, older, newer


def reasons_of(older, newer):
    return {
        customer.code: reason
        for reason in ("purchase", "ageing", "threshold_drift")
        for customer in selectors.movement_customers(older=older, newer=newer, reason=reason)
    }


class TestReasons:
    def test_a_new_order_is_a_purchase(self):
        orders = {"A": [("2011-01-01", "1"), ("2011-11-30", "900")]}
        _, older, newer = two_runs(orders, mode="fixed")
        assert reasons_of(older, newer) == {"A": "purchase"}

    def test_a_first_order_is_a_purchase_from_prospects(self):
        _, older, newer = two_runs({"A": [("2011-11-30", "9")], "B": [("2011-05-01", "9")]})
        (cell,) = [
            cell
            for cell in selectors.movement(older=older, newer=newer).cells
            if cell.from_segment.code == "prospects"
        ]
        assert (cell.customers, cell.purchase) == (1, 1)

    def test_time_alone_under_fixed_cuts_is_ageing(self):
        _, older, newer = two_runs({"A": [("2011-05-30", "900")]}, mode="fixed")
        assert reasons_of(older, newer) == {"A": "ageing"}

    def test_what_only_the_others_changed_is_threshold_drift(self):
        # A bought on the older day and nobody's time counts: recency is equal in both runs.
        people = shop({"A": [("2011-06-01", "50")], "B": [("2011-06-01", "60")]})
        older = score_rfm(as_of=OLD, refresh_views=False)
        Order.objects.bulk_create(
            Order(
                source="test",
                number=f"new-{n}",
                customer=Customer.objects.create(code=f"N{n}"),
                ordered_at=at(OLD),
                currency="GBP",
                net_amount=1,
                gross_amount=1,
            )
            for n in range(8)
        )
        newer = score_rfm(as_of=OLD, refresh_views=False)
        assert reasons_of(older, newer)["A"] == "threshold_drift"
        assert people["A"].rfm_scores.count() == 2

    def test_a_sale_that_left_the_window_is_ageing(self):
        _, older, newer = two_runs(
            {"A": [("2011-05-30", "9")], "B": [("2011-11-30", "9")]}, window_days=30
        )
        assert reasons_of(older, newer) == {"A": "ageing", "B": "purchase"}


class TestMatrix:
    ORDERS = {
        f"C{n}": [(OLD - timedelta(days=9 * n), 7 * n + 1)]
        + [(NEW - timedelta(days=n), 50)] * (n % 3 == 0)
        for n in range(40)
    }

    def orders(self):
        return {
            code: [(day.isoformat(), str(amount)) for day, amount in lines]
            for code, lines in self.ORDERS.items()
        }

    def test_each_cell_leads_to_its_customers(self):
        _, older, newer = two_runs(self.orders())
        movement = selectors.movement(older=older, newer=newer)
        for cell in movement.cells:
            found = selectors.movement_customers(
                older=older,
                newer=newer,
                from_segment=cell.from_segment.code,
                to_segment=cell.to_segment.code,
            )
            assert found.count() == cell.customers

    def test_everybody_is_in_it_once_and_every_move_has_one_reason(self):
        _, older, newer = two_runs(self.orders())
        movement = selectors.movement(older=older, newer=newer)
        assert movement.stayed + movement.moved == 40
        assert movement.purchase + movement.ageing + movement.threshold_drift == movement.moved
        assert (movement.since, movement.as_of) == (OLD, NEW)

    def test_what_is_stored_is_what_is_computed(self):
        _, older, newer = two_runs(self.orders())
        live = selectors.movement(older=older, newer=newer)

        record_movement(older=older, newer=newer)
        record_movement(older=older, newer=newer)

        assert RfmMovement.objects.count() == len(live.cells)
        assert selectors.movement(older=older, newer=newer) == live

    def test_a_run_stores_the_movement_since_the_run_before(self):
        shop(self.orders())
        older = score_rfm(as_of=OLD)
        newer = score_rfm(as_of=NEW)
        assert selectors.previous_run(newer) == older
        assert RfmMovement.objects.filter(older=older, newer=newer).exists()


class TestHistory:
    def test_it_names_the_segment_before_and_the_day_of_the_change(self):
        people = shop({"A": [("2010-12-01", "900"), ("2011-11-30", "900")]})
        for day in (date(2011, 5, 1), date(2011, 5, 2), date(2011, 12, 1), date(2011, 12, 2)):
            score_rfm(as_of=day, mode="fixed", refresh_views=False)

        history = selectors.customer_history(customer_id=people["A"].pk)

        assert [point.as_of.isoformat() for point in history.points] == [
            "2011-12-02",
            "2011-12-01",
            "2011-05-02",
            "2011-05-01",
        ]
        assert history.current != history.previous
        assert history.changed_at == date(2011, 12, 1)

    def test_before_their_first_order_they_were_a_prospect(self):
        people = shop({"A": [("2011-11-30", "900")], "B": [("2011-01-01", "1")]})
        score_rfm(as_of=OLD, refresh_views=False)
        score_rfm(as_of=NEW, refresh_views=False)
        history = selectors.customer_history(customer_id=people["A"].pk)
        assert history.previous.code == "prospects"
        assert history.points[-1].score is None

    def test_without_runs_there_is_none(self):
        people = shop({"A": []})
        assert selectors.customer_history(customer_id=people["A"].pk).points == ()
        assert not RfmRun.objects.exists()
