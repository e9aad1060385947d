"""Counters beside the sidebar's entries: queues that wait for somebody."""

from crm_project.common.models import Job


def unfinished_jobs() -> int:
    """Return how many jobs wait or run (a partial index holds exactly these)."""
    return Job.objects.unfinished().count()
