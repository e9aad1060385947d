"""The rules of a profile in plain Python, customer by customer: slow, and easy to compare."""

from collections import Counter, defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import median, pstdev

from orders.models import Order
from orders.models.product import AROMA_AXES
from tests.analytics.support import LONDON, at

SEASONS = ("winter", "spring", "summer", "autumn")
COUNTED = ("paid", "fulfilled")


def reference(as_of):
    """Return ``{customer id: {name: value}}`` of everybody at the end of a local day."""
    until = at(as_of + timedelta(days=1), "00:00")
    orders = Order.objects.filter(
        status__in=COUNTED,
        ordered_at__lt=until,
        customer__status="active",
        customer__is_test=False,
    ).prefetch_related("items__product")
    by_customer = defaultdict(list)
    for order in sorted(orders, key=lambda order: (order.ordered_at, order.pk)):
        by_customer[order.customer_id].append(order)
    return {
        key: one(theirs)
        for key, theirs in by_customer.items()
        if any(order.kind == "sale" for order in theirs)
    }


def one(orders):
    """Return the profile of one customer from their counted orders, the oldest first."""
    sales = [order for order in orders if order.kind == "sale"]
    sold = sum(order.net_amount for order in sales)
    returned = sum(order.net_amount for order in orders if order.kind == "return")
    times = [order.ordered_at.astimezone(LONDON) for order in sales]
    days = sorted({time.date() for time in times})
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    timed = [time.hour for time in times if (time.hour, time.minute, time.second) != (0, 0, 0)]
    enough = len(sales) >= 3
    lines = [(order, item) for order in orders for item in order.items.all()]
    lines = [(order, item) for order, item in lines if item.product.kind == "product"]
    aromas, confidence = tastes(sales, lines)
    return {
        "orders": len(sales),
        "average_order_value": rounded(sold / len(sales), 2),
        "returns_share": min(Decimal(1), rounded(returned / sold, 4)) if sold else None,
        "median_gap_days": float(median(gaps)) if gaps else None,
        "first_product_id": end([line for line in lines if line[0].kind == "sale"], first=True),
        "last_product_id": end([line for line in lines if line[0].kind == "sale"], first=False),
        "preferred_hour": most(timed) if len(timed) >= 3 else None,
        "preferred_weekday": most([time.isoweekday() for time in times]) if enough else None,
        "preferred_season": SEASONS[most([time.month % 12 // 3 for time in times])]
        if enough
        else None,
        "channels": shares((order.channel, order.kind, order.net_amount) for order in orders),
        **{
            name: shares(
                (getattr(item.product, field), order.kind, item.net_amount) for order, item in lines
            )
            for name, field in [
                ("families", "family"),
                ("grapes", "grape"),
                ("sugar_levels", "sugar_level"),
                ("price_bands", "price_band"),
                ("products", "key"),
            ]
        },
        "aromas": aromas,
        "aroma_confidence": confidence,
    }


def most(values):
    """The most frequent value, the smallest of several."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def rounded(value, places):
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def shares(parts):
    worth = defaultdict(Decimal)
    for value, kind, net in parts:
        if value:
            worth[value] += net if kind == "sale" else -net
    kept = sorted(
        ((value, net) for value, net in worth.items() if net > 0), key=lambda x: (-x[1], x[0])
    )
    total = sum((net for _, net in kept), Decimal(0))
    return [
        {"value": value, "share": float(rounded(net / total, 4)), "revenue": float(rounded(net, 2))}
        for value, net in kept[:5]
    ] or None


def end(lines, *, first):
    """The dearest article of the first or last sale that has one."""
    if not lines:
        return None
    pick = min if first else max
    chosen = pick((order.ordered_at, order.pk) for order, _ in lines)
    items = [item for order, item in lines if (order.ordered_at, order.pk) == chosen]
    return min(items, key=lambda item: (-item.net_amount, item.ordinal)).product_id


def tastes(sales, lines):
    bought = defaultdict(Decimal)
    for order, item in lines:
        bought[item.product_id] += item.net_amount if order.kind == "sale" else -item.net_amount
    weight = {order.pk: 0.9**age for age, order in enumerate(reversed(sales))}
    found, spreads, counts = {}, [], []
    for axis in AROMA_AXES:
        per_order = defaultdict(lambda: [0.0, 0.0])
        for order, item in lines:
            level = getattr(item.product, f"aroma_{axis}")
            known = level is not None and order.kind == "sale" and item.net_amount > 0
            if known and bought[item.product_id] > 0:
                per_order[order.pk][0] += float(item.net_amount) * level
                per_order[order.pk][1] += float(item.net_amount)
        if len(per_order) < 2:
            continue
        top = sum(weight[key] * strength for key, (strength, _) in per_order.items())
        spread = pstdev(strength / spend for strength, spend in per_order.values())
        mean = top / sum(weight[key] * spend for key, (_, spend) in per_order.items())
        score = (mean - 1) / 4
        found[axis] = {
            "score": score,
            "confidence": min(1, len(per_order) / 6) * (1 - spread / 2),
        }
        spreads.append(spread)
        counts.append(len(per_order))
    if not found:
        return None, None
    return found, min(1, max(counts) / 6) * (1 - sum(spreads) / len(spreads) / 2)
