"""What Prometheus should know about background work, read when it asks."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Count, Max, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crm_project.common.models import Job, RefreshState
from crm_project.common.selectors.backups import log_archive, trust
from crm_project.common.selectors.freshness import report


class JobMetrics(Collector):
    """Unfinished jobs, the longest wait, and the age of what was computed."""

    def describe(self) -> Iterator[Metric]:
        """Registering must not query: the tables may not exist yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            yield from (_jobs(), _failed(), _oldest_wait(), _age(), *_freshness())
            yield from (*_backups(), *_log_archive())
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


def _failed() -> Metric:
    since = timezone.now() - timedelta(hours=1)
    failed = Job.objects.filter(status=Job.Status.FAILED, finished_at__gte=since)
    return GaugeMetricFamily(
        "crm_jobs_failed_last_hour", "Jobs that failed within an hour.", failed.count()
    )


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


def _freshness() -> Iterator[Metric]:
    """Of each number that is watched: is it too old, did its last attempt fail, how long it took.

    A number that was never computed has no age; ``crm_refresh_missing`` says so.
    """
    kinds = {
        name: GaugeMetricFamily(f"crm_refresh_{name}", words, labels=["name"])
        for name, words in (
            ("stale", "Whether a number is older than it may be."),
            ("failing", "Whether the last attempt of a step failed."),
            ("missing", "Whether a number was never computed."),
            ("seconds", "How long the newest run of a step took."),
        )
    }
    for row in report():
        name = [row.number.step]
        kinds["stale"].add_metric(name, int(row.stale))
        kinds["failing"].add_metric(name, int(row.failing))
        kinds["missing"].add_metric(name, int(row.missing))
        if row.newest and row.newest.duration is not None:
            kinds["seconds"].add_metric(name, row.newest.duration.total_seconds())
    yield from kinds.values()


def _backups() -> Iterator[Metric]:
    """Whether the data would survive the loss of the database. A time of 0 means: never."""
    now = trust()
    for name, words, promise in (
        ("crm_backup_last_success", "Moment of the newest backup.", now.backup),
        ("crm_backup_last_verified_restore", "When a new backup was last restored.", now.restore),
    ):
        moment = promise.at.timestamp() if promise.at else 0.0
        yield GaugeMetricFamily(f"{name}_timestamp_seconds", words, moment)
    yield GaugeMetricFamily(
        "crm_backup_failing", "Whether the last backup failed.", int(now.backup.failing)
    )
    yield GaugeMetricFamily(
        "crm_backup_drill_failing", "Whether the last drill failed.", int(now.restore.failing)
    )
    size = (now.newest.file_bytes if now.newest else None) or 0
    yield GaugeMetricFamily("crm_backup_last_size_bytes", "Size of the newest backup.", size)
    took = now.proof.duration.total_seconds() if now.proof and now.proof.duration else 0.0
    yield GaugeMetricFamily("crm_backup_drill_seconds", "How long the last good drill took.", took)


def _log_archive() -> Iterator[Metric]:
    """How far the database's log has been sent away, where it is."""
    found = log_archive()
    if found is None:
        return
    yield GaugeMetricFamily(
        "crm_wal_archive_last_timestamp_seconds",
        "When the last piece of the log was archived; 0: never.",
        found.at.timestamp() if found.at else 0.0,
    )
    yield GaugeMetricFamily(
        "crm_wal_archive_failing", "Whether archiving the log fails.", int(found.failing)
    )
    now = trust()
    yield GaugeMetricFamily(
        "crm_log_drill_last_success_timestamp_seconds",
        "When the archive of the log was last restored; 0: never.",
        now.log.at.timestamp() if now.log.at else 0.0,
    )
    yield GaugeMetricFamily(
        "crm_log_drill_failing", "Whether the last drill of it failed.", int(now.log.failing)
    )
    after = (now.log_proof.archived_seconds if now.log_proof else None) or 0.0
    yield GaugeMetricFamily(
        "crm_log_drill_archived_seconds", "How soon a change had left the server then.", after
    )
