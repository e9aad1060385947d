"""A shop that every step of the pipeline has something to say about, and all that they say of it.

``numbers(day)`` reads every result for one day: what runs of that day stored, and what is computed
for a day without storing. ``shown()`` reads what people see now.
"""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from django.db.models import Max

from analytics.models import (
    CurrentCluster,
    CurrentCustomerMetrics,
    CurrentRfmScore,
    CustomerEmbedding,
    CustomerMetrics,
    CustomerProfile,
    MetricsRun,
    ProductEmbedding,
    RfmMovement,
    RfmRun,
    RfmScore,
    SavedSegmentMember,
    Segmentation,
    SegmentationCluster,
    SegmentationComparison,
    SegmentationMember,
)
from analytics.selectors.embeddings import taste_vectors
from analytics.selectors.profiles import profile_rows
from analytics.services.saved_segments import create_saved_segment
from customers.models import Customer
from orders.models import CustomerTotals, Order, OrderItem, Product
from recommendations.models import RecoExclusion, RecoItem, RecoRun
from tests.analytics.saved_segments import asks
from tests.analytics.segmentation_support import QUICK
from tests.analytics.support import at

DAY = date(2011, 9, 1)
"""The newest day of the shop."""

TASTES = (
    ("Red wine", "Merlot", "dry"),
    ("White wine", "Riesling", "sweet"),
    ("Port", "Touriga", "sweet"),
)
HABITS = ((10, 20, 3), (4, 60, 40), (2, 90, 200))
"""Orders, days between them, days since the last one."""


def hurry(monkeypatch):
    """Let segmentations be sought with little effort: what they say holds for any."""
    for module in ("segmentations", "segmentation_comparisons"):
        monkeypatch.setattr(f"analytics.services.{module}.Effort", lambda: QUICK)


def whole_shop(customers=120):
    """Customers of three habits and three tastes, with lines, up to the noon of ``DAY``."""
    source = np.random.default_rng(11)
    goods = Product.objects.bulk_create(
        Product(
            key=f"P{place}",
            label=f"{family} {place}",
            family=family,
            grape=grape,
            sugar_level=sugar,
            price_band="10 to 20",
            aroma_woody=1 + place % 5,
        )
        for place, (family, grape, sugar) in enumerate(TASTES * 2)
    )
    people = Customer.objects.bulk_create(
        Customer(code=f"W{place:03}", registered_at=at("2010-01-01")) for place in range(customers)
    )
    for place, person in enumerate(people):
        count, gap, last = HABITS[place % 3]
        for number in range(count):
            age = last + number * gap + int(source.integers(0, 9))
            product = goods[place // 3 % 3 + 3 * (number % 2)]
            amount = Decimal(int(source.integers(1000, 9000))) / 100
            buy(person, product, DAY - timedelta(days=age), amount)
    create_saved_segment(
        slug="often",
        values={
            "name": "Often",
            "rule": asks("rfm.frequency", "at_least", 4),
        },
    )
    return people, goods


def buy(person, product, day, amount, *, kind="sale", clock="12:00"):
    """Write one order of one line."""
    order = Order.objects.create(
        source="whole",
        number=f"N{Order.objects.count()}",
        customer=person,
        ordered_at=at(day, clock),
        net_amount=amount,
        gross_amount=amount,
        currency="GBP",
        kind=kind,
    )
    OrderItem.objects.create(order=order, ordinal=1, product=product, quantity=1, unit_price=amount)
    return order


def rows(queryset, *fields):
    return sorted(map(repr, queryset.values_list(*fields)))


SCORE = ("customer_id", "recency_days", "frequency", "monetary", "r", "f", "m", "segment_id")
METRICS = [
    field.name
    for field in CustomerMetrics._meta.get_fields()
    if field.concrete and field.name not in {"pk", "run"}
]
PROFILE = [
    field.name
    for field in CustomerProfile._meta.get_fields()
    if field.concrete and field.name != "refreshed_at"
]
MOVE = ("from_segment", "to_segment", "customers", "purchase", "ageing", "threshold_drift")
OFFER = ("customer_id", "rank", "product_id", "scenario", "slot", "score", "price", "reasons")
NO_OFFER = ("customer_id", "stage", "code", "details")
CLUSTER = ("number", "name", "size", "evidence")


def numbers(day):
    """Every number that describes this day, by what it is of."""
    found = {
        "profiles of the day": [repr(row) for row in profile_rows(as_of=day)],
        "taste": _taste(day),
    }
    run = RfmRun.objects.filter(as_of=day, status="succeeded").order_by("-pk").first()
    if run:
        found["rfm"] = rows(RfmScore.objects.filter(run=run), *SCORE)
        found["rfm run"] = (run.scored, run.prospects, run.left_out, run.cuts, run.segment_counts)
        moves = RfmMovement.objects.filter(newer__as_of=day)
        newest = moves.aggregate(Max("newer"))["newer__max"]
        found["movement"] = rows(moves.filter(newer=newest), "older__as_of", *MOVE)
    metrics = MetricsRun.objects.filter(as_of=day, status="succeeded").order_by("-pk").first()
    if metrics:
        found["metrics"] = rows(CustomerMetrics.objects.filter(run=metrics), *METRICS)
        found["metrics run"] = (metrics.params, metrics.back_test, metrics.calibration)
        found["metrics run"] += (metrics.words, metrics.scored, metrics.predicted, metrics.left_out)
    for kind in Segmentation.Kind.values:
        made = Segmentation.objects.filter(as_of=day, kind=kind, status="succeeded")
        one = made.order_by("-pk").first()
        if one:
            found[f"groups {kind}"] = _groups(one)
    offers = RecoRun.objects.filter(as_of=day, status="succeeded").order_by("-pk").first()
    if offers:
        found["offers"] = rows(RecoItem.objects.filter(run=offers), *OFFER)
        found["no offers"] = rows(RecoExclusion.objects.filter(run=offers), *NO_OFFER)
        found["offers run"] = (offers.result_hash, offers.counts, offers.words, offers.mode)
    return found


def _taste(day):
    vectors = taste_vectors(as_of=day)
    return vectors.customer_ids.tolist(), np.round(vectors.matrix, 5).tolist()


def _groups(one):
    compared = SegmentationComparison.objects.filter(right__kind=one.kind, as_of=one.as_of)
    comparison = compared.order_by("-pk").first()
    results = dict(comparison.results) if comparison else {}
    # What happened afterwards is of a later day by intent; ``later_until`` says which.
    results.pop("later", None)
    return (
        rows(SegmentationMember.objects.filter(segmentation=one), "customer_id", "number"),
        rows(SegmentationCluster.objects.filter(segmentation=one), *CLUSTER),
        (one.k, one.customers, one.left_out, one.quality),
        results,
    )


def shown():
    """What people see now, whatever run it came from."""
    return {
        "rfm": rows(CurrentRfmScore.objects.all(), *SCORE, "run__as_of"),
        "metrics": rows(CurrentCustomerMetrics.objects.all(), *METRICS, "run__as_of"),
        "profiles": rows(CustomerProfile.objects.all(), *PROFILE),
        "vectors": _vectors(CustomerEmbedding) + _vectors(ProductEmbedding),
        "groups": rows(CurrentCluster.objects.all(), "customer_id", "kind", "number"),
        "names": rows(
            SegmentationCluster.objects.filter(segmentation__is_current=True),
            "segmentation__kind",
            *CLUSTER,
        ),
        "saved": rows(SavedSegmentMember.objects.all(), "segment__slug", "customer_id"),
        "totals": rows(CustomerTotals.objects.all()),
        "offers": rows(RecoItem.objects.filter(run__is_current=True), *OFFER, "run__as_of"),
        "no offers": rows(RecoExclusion.objects.filter(run__is_current=True), *NO_OFFER),
    }


def _vectors(model):
    subject = "customer_id" if model is CustomerEmbedding else "product_id"
    done = model.objects.filter(model__is_current=True).order_by(subject)
    return [
        (row[0], row[1], row[2], None if row[3] is None else np.round(row[3], 5).tolist())
        for row in done.values_list(subject, "status", "text_sha256", "vector")
    ]


def differences(before, after):
    """Name what differs, so that a failure says where to look."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]
