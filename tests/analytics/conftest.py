"""Fixtures of the analytics tests."""

import uuid

import pytest

from analytics.signal_stream import client
from tests.analytics import queued
from tests.analytics.receiving import ingest_token


@pytest.fixture
def queue(settings):
    """An empty signal queue of this test's own."""
    settings.CRM_QUEUE_PREFIX = f"test:signals:{uuid.uuid4().hex[:8]}"
    server = client()  # a test may put another address into the settings
    yield queued
    queued.remove_all(settings.CRM_QUEUE_PREFIX, server)


@pytest.fixture
def issue(in_thread):
    """Make a token that other connections see: ``issue(*scopes, rate=…)``."""
    users = []

    def make(*scopes, **fields):
        token, secret = in_thread(ingest_token, *scopes, **fields)()
        users.append(token.user)
        return token, secret

    yield make
    in_thread(lambda: [user.delete() for user in users])()


@pytest.fixture
def secret(issue):
    """The clear text of a token that may send signals."""
    return issue()[1]
