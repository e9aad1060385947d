"""Counters beside the sidebar's entries of the customers app."""

from customers.models import ImportBatch


def previews_waiting() -> int:
    """Return how many imports wait for somebody to confirm or cancel them."""
    return ImportBatch.objects.filter(status=ImportBatch.Status.PREVIEWED).count()
