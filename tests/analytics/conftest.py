"""Fixtures of the analytics tests."""

import uuid

import pytest

from analytics.signal_stream import client
from tests.analytics import queued


@pytest.fixture
def queue(settings):
    """An empty signal queue of this test's own."""
    settings.CRM_QUEUE_PREFIX = f"test:signals:{uuid.uuid4().hex[:8]}"
    server = client()  # a test may put another address into the settings
    yield queued
    queued.remove_all(settings.CRM_QUEUE_PREFIX, server)
