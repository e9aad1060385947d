"""The demo's dates end near today, and its login does not exist in production."""

import lzma
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import Signal, SignalScore
from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from orders.models import Order
from recommendations.services import demo, demo_signals
from tests.factories import ImportBatchFactory, OrderFactory

DATA = Path(__file__).parents[2] / demo.DATA


@given(st.dates(min_value=date(2011, 11, 10), max_value=date(2100, 1, 1)))
def test_the_newest_order_is_one_to_seven_days_old_and_keeps_its_weekday(today):
    moved = demo.NEWEST + timedelta(days=demo.shift_days(today=today))

    assert 1 <= (today - moved).days <= 7
    assert moved.weekday() == demo.NEWEST.weekday()


def test_the_newest_day_is_that_of_the_file():
    with lzma.open(DATA, "rt", encoding="utf-8") as lines:
        next(lines)
        newest = max(line.rsplit(",", 4)[1][:10] for line in lines)

    assert newest == demo.NEWEST.isoformat()


@pytest.mark.django_db
class TestLogin:
    def test_it_is_made_once_and_its_password_is_not_reset(self):
        demo.ensure_login().set_password("another")

        assert demo.ensure_login() == User.objects.get()

    def test_it_is_refused_in_production(self, settings):
        settings.PRODUCTION = True

        with pytest.raises(CrmError, match="not for production"):
            demo.ensure_login()
        assert not User.objects.exists()


@pytest.mark.django_db
class TestSignals:
    """Of a small shop, whose newest order is of yesterday."""

    @pytest.fixture
    def data(self):
        for days in (1, 40, 200):
            OrderFactory(items=1, ordered_at=timezone.now() - timedelta(days=days))
        return demo.DemoData(ImportBatchFactory(options={"shift_days": 7}), True, 0)

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(demo_signals, "SIGNALS_A_DAY", 20)

    def test_they_reach_from_ninety_days_ago_until_now_and_fit_the_orders(self, data):
        made = demo_signals.load_signals(data=data)

        assert made.events == 90 * 20
        newest = Signal.objects.latest("occurred_at").occurred_at
        assert timezone.now() - timedelta(days=1) < newest <= timezone.now()
        orders = set(Signal.objects.purchases().values_list("signal_data__order", flat=True))
        recent = Order.objects.order_by("-ordered_at")[:2]
        assert orders == {order.number for order in recent}
        found = demo_signals.summary()
        assert found.signals == made.stored
        assert found.customers == 3
        assert SignalScore.objects.filter(score__gt=0).count() == 3
        assert found.strangers > 0

    def test_a_start_soon_afterwards_makes_no_more(self, data):
        demo_signals.load_signals(data=data)

        assert demo_signals.load_signals(data=data) is None

    def test_a_start_a_day_later_adds_that_day(self, data, monkeypatch):
        first = demo_signals.load_signals(data=data)
        tomorrow = timezone.now() + timedelta(days=1)
        monkeypatch.setattr(timezone, "now", lambda: tomorrow)

        more = demo_signals.load_signals(data=data)

        assert 18 <= more.events <= 22
        assert more.duplicate == more.repeated
        assert Signal.objects.count() == first.stored + more.stored
        assert more.first_at >= first.last_at - timedelta(days=1)

    def test_with_the_files_own_dates_they_end_with_the_file(self, data):
        data.batch.options = {}

        made = demo_signals.load_signals(data=data)

        assert made.last_at.date() <= demo.NEWEST
        assert made.last_at.date() >= demo.NEWEST - timedelta(days=1)
