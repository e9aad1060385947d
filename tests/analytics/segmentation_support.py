"""A small shop with habits and tastes, and segmentations of it that take little time."""

from datetime import date, datetime, timedelta

import numpy as np

from analytics.models import Segmentation
from analytics.selectors.segmentation_taste import Taste
from analytics.services.segmentation_groups import Effort
from analytics.services.segmentations import Built, build
from customers.models import Customer
from orders.models import Order
from tests.analytics.support import at

DAY = date(2011, 9, 1)
QUICK = Effort(ks=(3, 4), trial_resamples=3, resamples=4)

HABITS = (
    # orders, days between them, days since the last one, money of each
    (12, 9, 3, 300),
    (4, 40, 30, 90),
    (1, 1, 250, 25),
)
GRAPES = ("riesling", "merlot", "port")


def shop(customers=150, *, seed=3):
    """Customers of three habits; the next 90 days follow the habit."""
    source = np.random.default_rng(seed)
    people = Customer.objects.bulk_create(
        [Customer(code=f"S{number:04}") for number in range(customers)]
    )
    orders = []
    for place, person in enumerate(people):
        count, gap, last, money = HABITS[place % 3]
        for number in range(count):
            age = last + number * gap + int(source.integers(0, 3))
            orders.append(
                order(person, DAY - timedelta(days=age), money * source.uniform(0.8, 1.2))
            )
    Order.objects.bulk_create(orders)
    return people


def order(person, day: date, money: float, clock="12:00", kind="sale") -> Order:
    number = order.count = getattr(order, "count", 0) + 1
    moment: datetime = at(day, clock)
    amount = round(float(money), 2)
    return Order(
        source="made", number=f"M{number}", customer=person, ordered_at=moment, currency="GBP",
        net_amount=amount, gross_amount=amount, kind=kind,
    )  # fmt: skip


def buy_later(people, *, seed=5):
    """Orders in the 90 days after DAY: of habit 0 many, of habit 1 some, of habit 2 none."""
    source = np.random.default_rng(seed)
    Order.objects.bulk_create(
        order(person, DAY + timedelta(days=int(source.integers(1, 90))), HABITS[place % 3][3])
        for place, person in enumerate(people)
        for _ in range((5, 2, 0)[place % 3])
    )


def tastes(people, *, leave_out=0, seed=9) -> Taste:
    """Three tastes, independent of the habits."""
    source = np.random.default_rng(seed)
    known = people[leave_out:]
    ids = np.array([person.pk for person in known], dtype=np.int64)
    which = (np.arange(len(people))[leave_out:] // 3) % 3
    vectors = np.eye(3, 8)[which] + source.normal(0, 0.03, (len(known), 8))
    return Taste(ids=ids, vectors=vectors.astype(np.float32), made_by="made for tests")


def give_taste(monkeypatch, people, **options):
    """Let the shop's customers have these tastes, whatever has been embedded."""
    given = tastes(people, **options)
    place = {person.pk: number for number, person in enumerate(people)}
    monkeypatch.setattr("analytics.services.segmentation_known.taste", lambda day: given)
    monkeypatch.setattr(
        "analytics.services.segmentations.terms_of",
        lambda day, ids: [(key, {GRAPES[place[key] // 3 % 3]: 0.9, "dry": 0.1}) for key in ids],
    )
    return given


def membership(segmentation) -> dict[int, int]:
    return dict(segmentation.members.values_list("customer_id", "number"))


def built(kind="rfm", **options) -> Segmentation:
    """Build one kind, and return its segmentation."""
    return build(**{"as_of": DAY, "kinds": [kind], "effort": QUICK, **options}).made[0]


def by_kind(result: Built) -> dict[str, Segmentation]:
    return {segmentation.kind: segmentation for segmentation in result.made}
