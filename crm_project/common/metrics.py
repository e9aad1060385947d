"""What Prometheus should know about background work, read when it asks."""

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import Count, Max, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crm_project.common.models import Job, RefreshState


class JobMetrics(Collector):
    """Unfinished jobs, the longest wait, and the age of what was computed."""

    def describe(self) -> Iterator[Metric]:
        """Registering must not query: the tables may not exist yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            yield from (_jobs(), _oldest_wait(), _age())
        except DatabaseError:
            # The other metrics stay readable while the database is away; /readyz says that it is.
            return


def _jobs() -> Metric:
    metric = GaugeMetricFamily("crm_jobs", "Unfinished jobs.", labels=["status"])
    counts = dict.fromkeys((Job.Status.QUEUED, Job.Status.RUNNING), 0)
    found = Job.objects.unfinished().order_by().values_list("status").annotate(Count("pk"))
    for status, count in {**counts, **dict(found)}.items():
        metric.add_metric([str(status)], count)
    return metric


def _oldest_wait() -> Metric:
    queued = Job.objects.unfinished().filter(status=Job.Status.QUEUED)
    oldest = queued.aggregate(at=Min("created_at"))["at"]
    seconds = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    return GaugeMetricFamily(
        "crm_job_oldest_wait_seconds", "Age of the oldest queued job.", seconds
    )


def _age() -> Metric:
    metric = GaugeMetricFamily(
        "crm_refresh_age_seconds", "Time since a step last succeeded.", labels=["name"]
    )
    done = RefreshState.objects.filter(error="", finished_at__isnull=False).order_by()
    for name, at in done.values_list("name").annotate(Max("finished_at")):
        metric.add_metric([name], (timezone.now() - at).total_seconds())
    return metric
