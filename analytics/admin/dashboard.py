"""The first page: revenue, segments, the R by F map, movement, freshness. Each number is a link."""

import json
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from analytics.admin.matrix import customers_link
from analytics.admin.queue_shown import shown
from analytics.selectors.movement import Movement
from analytics.selectors.outlook import outlook, verdicts
from analytics.selectors.revenue import MonthRevenue, revenue_by_month
from analytics.selectors.rfm import (
    HeatMap,
    Summary,
    current_run,
    heat_map,
    movement,
    previous_run,
    segment_summary,
)
from analytics.selectors.signal_queue import queue_stats
from crm_project.common import formats
from crm_project.common.admin.refresh import shown as fresh_shown
from crm_project.common.selectors.freshness import report

MONTHS = 24
TOP_MOVES = 8
OTHERS = 200
"""Numbers from this position on stand on the dashboard only when something is wrong with them."""
_CHART_OPTIONS = {
    "maintainAspectRatio": False,
    "animation": False,
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {"grid": {"display": False}, "ticks": {"color": "#9ca3af"}},
        "y": {"beginAtZero": True, "ticks": {"color": "#9ca3af", "maxTicksLimit": 6}},
    },
}
# A square this hot gets white digits.
_DARK = 70


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the user may see to the context of the first page."""
    user = request.user
    context["title"] = "Dashboard"
    if user.has_perm("orders.view_order"):
        context["revenue"] = _revenue()
    if user.has_perm("analytics.view_rfmrun"):
        run = current_run()
        context["scoring"] = {
            "run": run,
            "summary": _summary(segment_summary(run=run)) if run else None,
            "heat": _heat(heat_map(run=run)) if run else None,
            "movement": _movement() if run else None,
            "may_score": user.has_perm("analytics.add_rfmrun"),
        }
    if user.has_perm("analytics.view_signal"):
        context["signals"] = _signals()
    if user.has_perm("common.view_refreshstate"):
        context["fresh"] = _freshness(request)
    if user.has_perm("analytics.view_metricsrun"):
        context["outlook"] = {"found": outlook()}
    if user.has_perm("analytics.view_segmentation"):
        context["verdicts"] = verdicts()
    context["may_import"] = user.has_perm("customers.add_importbatch")
    return context


def _freshness(request: HttpRequest) -> list[dict[str, Any]]:
    """How fresh the nightly numbers are, and whatever else failed or is late."""
    return [
        fresh_shown(row, request)
        for row in report()
        if row.number.position < OTHERS or row.state in {"failing", "stale"}
    ]


def _signals() -> dict[str, Any]:
    """How signals come in: the tile leads to the live page."""
    stats = queue_stats()
    return {
        "queue": shown(stats),
        "accepted": sum(row.accepted for row in stats.history),
        "stored": sum(row.stored for row in stats.history),
    }


def _revenue() -> dict[str, Any]:
    found = revenue_by_month(months=MONTHS)
    months = found.months
    chart = {
        "labels": [f"{row.month:%b %Y}" for row in months],
        "datasets": [
            {
                "label": f"Net revenue, {found.currency}",
                "data": [float(row.net_total) for row in months],
                "backgroundColor": "var(--color-primary-600)",
                "maxBarThickness": 28,
                "borderRadius": 3,
            }
        ],
    }
    return {
        "as_of": found.as_of,
        "currency": found.currency,
        "months": [(row, _orders_link(row)) for row in reversed(months)],
        "chart": json.dumps(chart),
        "options": json.dumps(_CHART_OPTIONS),
        "total": sum((row.net_total for row in months), start=0),
    }


def _orders_link(row: MonthRevenue) -> str:
    following = date(row.month.year + row.month.month // 12, row.month.month % 12 + 1, 1)
    query = urlencode({"ordered_at__gte": row.month, "ordered_at__lt": following})
    return f"{reverse('admin:orders_order_changelist')}?{query}"


def _summary(summary: Summary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    most = max((row.customer_share for row in summary.rows), default=0) or 1
    customers = reverse("admin:customers_customer_changelist")
    return {
        "as_of": summary.as_of,
        "customers": summary.customers,
        "net_total": summary.net_total,
        "rows": [
            {
                "row": row,
                "customer_percent": round(100 * row.customer_share, 1),
                "money_percent": round(100 * row.net_share, 1),
                "width": round(100 * row.customer_share / most),
                "href": f"{customers}?segment={row.segment.code}",
            }
            for row in summary.rows
        ],
    }


def _heat(heat: HeatMap | None) -> dict[str, Any] | None:
    if heat is None:
        return None
    most = max((cell.customers for cell in heat.cells), default=0) or 1
    customers = reverse("admin:customers_customer_changelist")
    squares = [
        {
            "cell": cell,
            "heat": round(100 * cell.customers / most),
            "dark": 100 * cell.customers / most > _DARK,
            "money": formats.short_money(cell.net_total),
            "href": f"{customers}?rfm={cell.r}{cell.f}",
        }
        for cell in heat.cells
    ]
    rows = [(5 - line, squares[5 * line : 5 * line + 5]) for line in range(5)]
    return {"as_of": heat.as_of, "rows": rows}


def _movement() -> dict[str, Any] | None:
    newer = current_run()
    older = previous_run(newer) if newer else None
    if newer is None or older is None:
        return None
    found: Movement = movement(older=older, newer=newer)
    moves = sorted(
        (cell for cell in found.cells if not cell.stayed),
        key=lambda cell: cell.customers,
        reverse=True,
    )
    return {
        "found": found,
        "reasons": [
            ("bought", found.purchase, customers_link(older, newer, reason="purchase")),
            ("grew older", found.ageing, customers_link(older, newer, reason="ageing")),
            (
                "were overtaken",
                found.threshold_drift,
                customers_link(older, newer, reason="threshold_drift"),
            ),
        ],
        "moves": [
            (cell, customers_link(older, newer, cell.from_segment.code, cell.to_segment.code))
            for cell in moves[:TOP_MOVES]
        ],
    }
