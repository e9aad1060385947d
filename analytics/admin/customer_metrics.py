"""What the predictions add to the customer page: what we expect of this customer, since when."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest

from analytics.models import CurrentCustomerMetrics, CustomerMetrics
from crm_project.common import charts, formats
from crm_project.common.admin import TemplateTab
from crm_project.common.charts import Plot, Series, written
from crm_project.common.registry import Kpi, customer_page

PERMISSION = "analytics.view_currentcustomermetrics"
RUNS_SHOWN = 60
_LARGE = ("run__back_test", "run__params", "run__convergence", "run__fingerprint")
_TONES = {"high": "crm-hot"}


def _rows(request: HttpRequest, customer_id: int) -> list[CustomerMetrics]:
    """Read the runs once for a page, newest first, or a tab of it."""
    key = f"crm.metrics.{customer_id}"
    if key not in request.META:
        rows = CustomerMetrics.objects.filter(customer_id=customer_id, run__status="succeeded")
        rows = rows.select_related("run").order_by("-run__as_of", "-run_id")
        request.META[key] = list(rows.defer(*_LARGE)[:RUNS_SHOWN])
    found: list[CustomerMetrics] = request.META[key]
    return found


def kpis(request: HttpRequest, customer: Any) -> Iterator[Kpi]:
    """Yield what is expected; a dash with the reason where the data says too little."""
    found = next((row for row in _rows(request, customer.pk) if row.run.is_current), None)
    if found is None:
        return
    as_of = f"as of {found.run.as_of:%-d %b %Y}"
    why = found.reason or as_of
    link = "#dataset-currentcustomermetrics"
    band = f"{found.churn_band} for this shop, " if found.churn_band else ""
    yield Kpi("Next 12 months", formats.money(found.ltv), note=why, href=link)
    yield Kpi(
        "Buys within 30 days",
        written(found.purchase_probability_30d, "share"),
        note=as_of,
        href=link,
    )
    yield Kpi("Churn", written(found.churn_probability, "share"), note=f"{band}{as_of}",
              href=link, tone=_TONES.get(found.churn_band, ""))  # fmt: skip


class ExpectedTab(TemplateTab):
    """The predictions for one customer in every run that is kept."""

    model = CurrentCustomerMetrics
    title = "What we expect"
    template_name = "crm/expected_tab.html"

    def context(self) -> dict[str, Any]:
        key = str(self.object_id)
        if not key.isdecimal():
            return {}
        found = _rows(self.request, int(key))
        newest = next((row for row in found if row.run.is_current), found[0] if found else None)
        return {"newest": newest, "figures": _figures(newest), "chart": _chart(found)}


def _figures(row: CustomerMetrics | None) -> list[tuple[str, str, str]]:
    """Return what is expected, and what each number means."""
    if row is None:
        return []
    return [
        ("Money of the next 12 months", formats.money(row.ltv), "LTV: expected and discounted"),
        ("Money of the next 90 days", formats.money(row.expected_value), "expected, net"),
        ("Purchase days in 90 days", written(row.expected_orders_90d), "expected"),
        ("Money of one purchase day", formats.money(row.expected_order_value), "expected, net"),
        ("Buys within 30 days", written(row.purchase_probability_30d, "share"), "chance"),
        ("Buys within 90 days", written(row.purchase_probability_90d, "share"), "chance"),
        ("Churn", written(row.churn_probability, "share"),
         f"chance of nothing in 90 days{_band(row)}"),
        ("So far", formats.money(row.historic_value), "sales less returns; no prediction"),
    ]  # fmt: skip


def _band(row: CustomerMetrics) -> str:
    return f"; {row.churn_band} for this shop" if row.churn_band else ""


def _chart(rows: list[CustomerMetrics]) -> Plot:
    """Return the chances over the runs, one point a day: of the newest run of that day."""
    by_day = {row.run.as_of: row for row in reversed(rows)}
    names = (
        ("buys within 30 days", "purchase_probability_30d"),
        ("buys within 90 days", "purchase_probability_90d"),
        ("churn", "churn_probability"),
    )
    series = [
        Series(name, [(day, getattr(row, field)) for day, row in by_day.items()])
        for name, field in names
    ]
    return charts.lines("expected", "Chances from run to run", series, unit="share", high=1.0)


customer_page.add_kpis(kpis, position=20, permission=PERMISSION)
customer_page.add_tab(ExpectedTab, position=15, permission=PERMISSION)
