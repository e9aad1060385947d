"""Counters beside the sidebar's entries of the customers app."""

from django.http import HttpRequest

from customers.models import ImportBatch


def previews_waiting(request: HttpRequest) -> str:
    """Return how many imports wait for somebody to confirm or cancel them."""
    return str(ImportBatch.objects.filter(status=ImportBatch.Status.PREVIEWED).count())
