"""A run with a customer who buys again, one who tries something new, and one without an offer."""

from datetime import timedelta
from types import SimpleNamespace

from django.utils import timezone

from orders.models import Order
from tests.factories import CustomerFactory, OrderFactory, OrderItemFactory, ProductFactory
from tests.recommendations.storage import items_of, make_run


def moment(days_ago):
    return timezone.now() - timedelta(days=days_ago)


def sale(customer, product, days_ago, **kwargs):
    order = OrderFactory(customer=customer, ordered_at=moment(days_ago), **kwargs)
    return OrderItemFactory(order=order, product=product, ordinal=1)


def repeat_reasons(**more):
    return {
        "scenario": "REBUY",
        "slot": "repeat",
        "components": {
            "repeat": {
                "value": 0.9, "weight": 3.0, "points": 42.0,
                "evidence": {"times": 3, "last_on": "2026-01-05", "lines": []},
            },
            "family": {
                "value": 1, "weight": 2.0, "points": 28.0,
                "evidence": {"value": "Lamps", "share": 0.62, "orders": 3},
            },
        },
        "missing": ["taste", "attr1"],
        "penalties": {
            "recency": {"value": 0.1, "weight": 1.0, "points": -1.5, "evidence": {"days": 90}}
        },
        "model": {"name": "repeat", "because_of": []},
        "eligibility": {"days_since_contact": None, "silence_window": 135},
        "config_hash": "0" * 64,
        **more,
    }  # fmt: skip


def explore_reasons(product, **more):
    return {
        **repeat_reasons(),
        "scenario": "CROSS_SELL",
        "slot": "explore",
        "components": {
            "explore": {"value": 1, "weight": 3.0, "points": 30.0, "evidence": {"share": 0.2}},
            "novelty": {"value": 1, "weight": 0.5, "points": 5.0, "evidence": {}},
        },
        "penalties": {},
        "model": {
            "name": "ease",
            "because_of": [{"product": product.pk, "contribution": 0.4, "buyers": 7}],
        },
        **more,
    }


def shop(**run):
    """Return customers, products and the current run with three items and two exclusions."""
    ann, bob, eve = (CustomerFactory(code=code) for code in ("ANN", "BOB", "EVE"))
    lamp = ProductFactory(key="LAMP", label="Hanging lamp", family="Lamps")
    wick = ProductFactory(key="WICK", label="Candle wick", family="Candles")
    vase = ProductFactory(key="VASE", label="Glass vase", family="Vases")
    for days in (300, 200, 90):
        sale(ann, lamp, days)
    sale(ann, wick, 10)
    sale(ann, lamp, 400, status=Order.Status.CANCELLED)
    sale(bob, lamp, 90)
    found = make_run(
        [
            (ann, lamp, 1, {"reasons": repeat_reasons(), "price": "12.50", "score": 70}),
            (ann, vase, 2, {"reasons": explore_reasons(lamp), "slot": "explore",
                            "scenario": "CROSS_SELL", "score": 35.5}),
            (bob, wick, 1, {"reasons": explore_reasons(lamp), "slot": "explore",
                            "scenario": "NURTURE", "score": 20}),
        ],
        exclusions=[
            (eve, "offer", "NO_ACTION", {"codes": ["NO_HISTORY"], "evidence": {
                "orders": 0, "scenarios": [{"scenario": "NURTURE", "code": "NO_PREFERENCE"}]}}),
            (bob, "contact", "SILENCE", {
                "codes": ["SILENCE"],
                "evidence": {"days_since_contact": 12, "silence_window": 135}}),
        ],
        as_of=run.pop("as_of", None) or timezone.localdate() - timedelta(days=1),
        counts={"customers": 3, "items": 3, "by_scenario": {"REBUY": 1, "CROSS_SELL": 1,
                "NURTURE": 1}, "by_exclusion": {"NO_ACTION": 1}, "by_contact": {"SILENCE": 1}},
        **run,
    )  # fmt: skip
    return SimpleNamespace(
        ann=ann, bob=bob, eve=eve, lamp=lamp, wick=wick, vase=vase, run=found, items=items_of(found)
    )


def earlier(found, days=30):
    """Return a run of an earlier day that offered ANN the wick, and nobody else anything."""
    return make_run(
        [(found.ann, found.wick, 1, {"reasons": explore_reasons(found.lamp), "slot": "explore"})],
        as_of=timezone.localdate() - timedelta(days=days),
        current=False,
    )
