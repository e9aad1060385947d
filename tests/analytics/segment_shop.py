"""A small shop of which everything is known about somebody, and nothing about others."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from analytics.models import (
    CustomerProfile,
    MetricsRun,
    Segmentation,
    SegmentationCluster,
    SignalScore,
)
from analytics.services.rfm import score_rfm
from customers.models import Customer
from tests.factories import ContactEventFactory, CustomerFactory, OrderFactory, ProductFactory

COUNTRIES = ("France", "Großbritannien", "", "O'Brien %s", "France")


def fill():
    """Write ten customers; each source of fields knows some of them."""
    now = timezone.now()
    product = ProductFactory(family="Riesling 100 %", grape="it's")
    people = [
        CustomerFactory(
            code=f"c{place}",
            country=COUNTRIES[place % 5],
            language="de" if place % 3 else "",
            email="" if place % 4 == 0 else f"c{place}@example.org",
            phone="+441234567890" if place % 4 == 1 else "",
            registered_at=now - timedelta(days=place) if place % 2 else None,
            is_optout=place == 3,
            is_test=place == 8,
            status="merged" if place == 9 else "active",
        )
        for place in range(10)
    ]
    for place, customer in enumerate(people[:6]):
        for _ in range(place + 1):
            OrderFactory(customer=customer, ordered_at=now - timedelta(days=10 * place), items=1)
        ContactEventFactory(
            customer=customer,
            occurred_at=now - timedelta(days=place),
            direction="inbound" if place == 5 else "outbound",
        )
        SignalScore.objects.create(
            customer=customer, score=f"0.{place}", intent="0.5", signals_90d=place,
            last_signal_at=now - timedelta(days=place), as_of=now,
        )  # fmt: skip
    score_rfm()
    _profiles(people, product)
    _metrics(people)
    _clusters(people)


def _shares(*values):
    return [{"value": value, "share": 0.5, "revenue": 1.0} for value in values]


def _profiles(people, product):
    today = timezone.localdate()
    full = {
        "returns_share": "0.25", "median_gap_days": 7.5, "first_product": product,
        "last_product": product, "preferred_hour": 13, "preferred_weekday": 2,
        "preferred_season": "winter", "channels": _shares("web", "50 % off"),
        "families": _shares("Riesling 100 %"), "grapes": _shares("it's"),
        "sugar_levels": _shares("dry"), "price_bands": _shares("low", "high"),
        "aromas": {
            axis: {"score": 0.123456, "confidence": 1, "level": "low"}
            for axis in ("fruity", "floral", "spicy", "woody", "mineral", "herbal", "earthy")
        },
    }  # fmt: skip
    CustomerProfile.objects.bulk_create(
        CustomerProfile(customer=customer, orders=1, average_order_value="12.34",
                        as_of=today, **extra)
        for customer, extra in zip(
            people, (full, {}, {"families": [], "aromas": {}}, full), strict=False)
    )  # fmt: skip


def _metrics(people):
    run = MetricsRun.objects.create(
        as_of=timezone.localdate(), time_zone="UTC", status="succeeded", is_current=True
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"create table analytics_customermetrics_{run.pk}"
            f" partition of analytics_customermetrics for values in ({run.pk})"
        )
        cursor.executemany(
            "insert into analytics_customermetrics values"
            " (%s, %s, %s, %s, .3, 1.25, 100, %s, 10, 12.5, 'low', 'bg', %s)",
            [
                (person.pk, run.pk, place / 7, place / 9, place or None,
                 "ok" if place else "one_order")
                for place, person in enumerate(people[:5])
            ],
        )  # fmt: skip


def _clusters(people):
    for kind in ("rfm", "taste", "both"):
        found = Segmentation.objects.create(
            kind=kind, as_of=timezone.localdate(), time_zone="UTC", k=2, seed=1,
            status="succeeded", is_current=True,
        )  # fmt: skip
        for number in (1, 2):
            SegmentationCluster.objects.create(
                segmentation=found, number=number, name=f"Group {number}", size=2,
                automatic_name="x",
            )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                f"create table analytics_segmentationmember_{found.pk}"
                f" partition of analytics_segmentationmember for values in ({found.pk})"
            )
            cursor.executemany(
                "insert into analytics_segmentationmember values (%s, %s, %s)",
                [(person.pk, found.pk, 1 + place % 2) for place, person in enumerate(people[:4])],
            )


def eligible():
    """The customers who may be in a segment, by id."""
    found = Customer.objects.filter(status="active", is_test=False)
    return set(found.values_list("pk", flat=True))
