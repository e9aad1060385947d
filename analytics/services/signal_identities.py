"""What identify and alias events say about customers, applied to them."""

from collections.abc import Sequence

from analytics.ingest.envelope import Envelope
from analytics.ingest.event import Event


def apply(events: Sequence[tuple[Envelope, Event]]) -> int:
    """Create and change the customers that identify and alias events speak of.

    Returns how many customers and aliases were written.
    """
    return 0
