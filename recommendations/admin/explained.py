"""An explanation as pages show it: bars for its parts, and the order lines behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from crm_project.common import charts, formats
from crm_project.common.charts import Bar, Bars
from recommendations.models import Decided, RecoItem
from recommendations.selectors.explanations import Explanation, Part, explain
from recommendations.selectors.proofs import Line, proofs

_TONES = {
    Decided.APPROVED: "crm-good", Decided.REJECTED: "crm-bad", Decided.FLAGGED: "crm-warn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One item on a page. ``lines`` is None for who may not see orders.

    ``also``: parts without effect on the score; ``products``: whether they may be opened.
    """

    explanation: Explanation
    chart: Bars
    lines: list[tuple[Line, str]] | None
    href: str
    price: str
    tone: str
    moved: int
    also: list[Part]
    products: bool

    @property
    def item(self) -> RecoItem:
        return self.explanation.item

    @property
    def missing(self) -> str:
        return ", ".join(one.title for one in self.explanation.missing)


def shown(request: HttpRequest, items: Sequence[RecoItem]) -> list[Shown]:
    """Return items with bars on one common scale, so that lists can be compared by eye."""
    explained = explain(items)
    lines = proofs(explained) if request.user.has_perm("orders.view_order") else None
    high = max([1.0, *(part.points or 0.0 for one in explained for part in one.parts)])
    low = min([0.0, *(part.points or 0.0 for one in explained for part in one.penalties)])
    products = request.user.has_perm("orders.view_product")
    return [_shown(one, lines, low, high, products=products) for one in explained]


def _shown(
    one: Explanation,
    lines: dict[int, list[Line]] | None,
    low: float,
    high: float,
    *,
    products: bool,
) -> Shown:
    item = one.item
    bars = [_bar(part) for part in one.parts if part.weight != 0] + [
        _bar(part, less=True) for part in one.penalties
    ]
    title = f"What makes the score of {item.product.label}, in points of 100"
    moved = one.rank_change if isinstance(one.rank_change, int) else 0
    return Shown(
        explanation=one,
        chart=charts.bars(f"reasons-{item.pk}", title, bars, unit="points", low=low, high=high),
        lines=None if lines is None else [(line, _order(line)) for line in lines[item.pk]],
        href=reverse("admin:recommendations_recoitem_change", args=[item.pk]),
        price=formats.money(item.price) if item.price is not None else "",
        tone=_TONES.get(Decided(item.status), ""),
        moved=moved,
        also=[part for part in one.parts if part.weight == 0 and part.words],
        products=products,
    )


def _bar(part: Part, *, less: bool = False) -> Bar:
    points = part.points
    tone = "crm-tone-bad" if less else "" if points else "crm-tone-quiet"
    return Bar(part.title, points, note=part.words, tone=tone)


def _order(line: Line) -> str:
    return reverse("admin:orders_order_change", args=[line.order_id])


def named(item: RecoItem) -> dict[str, Any]:
    """Return what names an item in a title."""
    return {"customer": str(item.customer), "product": item.product.label, "rank": item.rank}
