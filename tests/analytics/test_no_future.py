"""Nothing after a day can change a number of that day: for every step, whatever is added."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.models import MetricsRun
from analytics.services.pipeline import run_pipeline
from analytics.services.signal_store import store
from customers.models import Customer
from orders.models import Product
from tests.analytics.signals import envelope
from tests.analytics.support import at
from tests.analytics.whole_shop import DAY, buy, differences, hurry, numbers, shown, whole_shop

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

PAST = date(2011, 7, 15)
EXAMPLES = 3
EVERY = {"rfm", "movement", "profiles of the day", "metrics", "taste"}
EVERY |= {"offers", "no offers", "offers run"}
EVERY |= {f"groups {kind}" for kind in ("rfm_map", "rfm", "taste", "both")}

LATER = st.integers(0, 40).map(lambda days: PAST + timedelta(days=1 + days))
ORDERS = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.integers(0, 140),
            "day": LATER,
            "clock": st.sampled_from(["00:00", "00:01", "23:59"]),
            "kind": st.sampled_from(["sale", "sale", "return"]),
            "pence": st.integers(1, 10_000_000),
            "new_product": st.booleans(),
        }
    ),
    min_size=1,
    max_size=25,
)


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Seek groups with little effort."""
    hurry(monkeypatch)


def add_future(people, goods, drawn):
    """Write what was drawn: orders, and customers, products and signals that come with them."""
    for place, one in enumerate(drawn):
        moment = at(one["day"], one["clock"])
        if one["who"] < len(people):
            person = people[one["who"]]
        else:
            code = f"F{one['who']}"
            person, _ = Customer.objects.get_or_create(
                code=code, defaults={"registered_at": moment}
            )
        product = goods[place % len(goods)]
        if one["new_product"]:
            product = Product.objects.create(
                key=f"N{place}", label=f"New {place}", family="Spirits", grape="", sugar_level="dry"
            )
        amount = Decimal(one["pence"]) / 100
        buy(person, product, one["day"], amount, kind=one["kind"], clock=one["clock"])
        store([envelope("page_view", person.code, at=moment)])


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(drawn=ORDERS)
def test_rows_after_a_day_change_no_number_of_it(drawn):
    with transaction.atomic():
        people, goods = whole_shop()
        assert run_pipeline(as_of=DAY).status == "succeeded"
        assert run_pipeline(as_of=PAST - timedelta(days=30), only=["rfm"]).status == "succeeded"
        seen = shown()
        first = run_pipeline(as_of=PAST)
        assert (first.status, first.make_current) == ("succeeded", False)
        before = numbers(PAST)
        assert set(before) >= EVERY
        assert MetricsRun.objects.get(as_of=PAST).predicted
        assert differences(seen, shown()) == []

        add_future(people, goods, drawn)
        assert run_pipeline(as_of=PAST).status == "succeeded"

        assert differences(before, numbers(PAST)) == []
        transaction.set_rollback(True)
