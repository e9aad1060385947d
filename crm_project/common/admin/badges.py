"""Counters beside the sidebar's entries: queues that wait for somebody."""

from django.http import HttpRequest

from crm_project.common.models import Job


def unfinished_jobs(request: HttpRequest) -> str:
    """Return how many jobs wait or run (a partial index holds exactly these)."""
    return str(Job.objects.unfinished().count())
