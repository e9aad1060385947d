"""Reading predictions."""

from analytics.models import CurrentCustomerMetrics, MetricsRun


def current_metrics_run() -> MetricsRun | None:
    """Return the run that everybody sees; None while nothing was predicted."""
    return MetricsRun.objects.filter(is_current=True).first()


def metrics_of(*, customer_id: int) -> CurrentCustomerMetrics | None:
    """Return one customer's current metrics with their run; None for a prospect."""
    rows = CurrentCustomerMetrics.objects.select_related("run", "customer")
    return rows.filter(customer_id=customer_id).first()
