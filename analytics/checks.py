"""Refuse a queue that forgets, with a number and a hint."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from analytics.services import signal_queue
from analytics.signal_stream import QueueError


@register("crm", deploy=True)
def queue_is_durable(**kwargs: Any) -> list[Error]:
    """In production, what the queue acknowledges must be on its disk."""
    wrong = queue_trouble()
    if not wrong:
        return []
    hint = "Set appendonly yes, appendfsync always and maxmemory-policy noeviction there."
    return [Error(wrong, hint=hint, id="crm.E007")]


def queue_trouble() -> str:
    """Return why production must not start with this queue; empty when it may.

    A queue that does not answer is no reason: until it does, events are refused one by one.
    """
    if not settings.PRODUCTION:
        return ""
    try:
        return signal_queue.durability()
    except QueueError:
        return ""
