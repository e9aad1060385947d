"""To open a page starts and changes nothing: a link in a mail carries no token against forgery."""

import re

import pytest
from django.db import connection, transaction
from django.template.response import SimpleTemplateResponse
from django.test.utils import CaptureQueriesContext

from tests.security import world
from tests.security.addresses import admin_addresses
from tests.security.test_matrix import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

# Also behind the words with which django-pghistory says who asked.
WRITING = re.compile(r"(?:^|;)\s*(?:insert|update|delete|truncate|merge|copy)\b", re.IGNORECASE)


# Where something is written all the same, and why nothing comes of it.
WRITES = {
    "/admin/analytics/savedsegment/<path:object_id>/download/": "that the file was asked for",
    "/admin/second-factor/": "the key that is shown, of no use before a code proves it",
}


def writes(queries):
    return [query["sql"] for query in queries if WRITING.search(query["sql"])]


def test_opening_any_page_of_the_admin_writes_nothing(db, settings, monkeypatch):
    settings.CRM_SECOND_FACTOR = False
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    world.fill()
    client = signed_in(world.people()[world.SUPERUSER])
    found = {}

    for shown, address in admin_addresses():
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            client.get(address)
            transaction.set_rollback(True)
        if written := writes(queries):
            found[shown] = written

    assert found.keys() == WRITES.keys(), found
