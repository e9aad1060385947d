"""What a sender is told when the fault is ours."""

import structlog

from analytics.services.signal_intake import IntakeError
from analytics.signal_stream import QueueError

logger = structlog.get_logger(__name__)


def in_words(error: QueueError) -> IntakeError:
    """Return the answer while the queue cannot keep anything."""
    logger.warning("events are refused: %s", error)
    # The kind of error only: what is wrong with our servers is not the sender's business.
    words = (type(error).__doc__ or "").strip()
    return IntakeError(503, "unavailable", words, retry_after=error.retry_after)
