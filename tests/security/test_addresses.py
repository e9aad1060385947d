"""Every address of the site is in a table of who may open what, or here with the reason why not."""

import pytest
from django.urls import get_resolver, resolve

from tests.security import world
from tests.security.addresses import (
    FRAME,
    admin_addresses,
    api_addresses,
    is_frame,
    patterns,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# In no table: who may open them, and where that is proved.
ELSEWHERE = {
    "": "everybody, and it leads to the admin: tests/common/test_error_pages.py",
    "livez": "everybody: tests/common/test_health.py",
    "readyz": "everybody: tests/common/test_health.py",
    "metrics": "whoever has its token: tests/common/test_health.py",
    "api/": "everybody, and nothing is there: tests/common/test_api_robustness.py",
    "api/schema/": "everybody: tests/common/test_api_schema.py",
    "api/docs/": "everybody: tests/common/test_api_schema.py",
}


def test_every_address_is_in_a_table_or_named_with_a_reason():
    world.fill()
    in_tables = {shown.removeprefix("/") for shown, _ in admin_addresses()}
    in_tables |= {resolve(path).route for _, _, path in api_addresses()}
    found = dict(patterns(get_resolver().url_patterns))

    left = {
        text
        for text, pattern in found.items()
        if text not in in_tables and not (text.startswith("admin/") and is_frame(text, pattern))
    }

    assert left == ELSEWHERE.keys()
    assert FRAME.keys() <= found.keys()


def test_every_method_of_the_api_is_in_its_table():
    world.fill()
    described = {}
    for _, method, path in api_addresses():
        described.setdefault(resolve(path).route, set()).add(method)
    offered = {
        text: set(actions) - {"head"}
        for text, pattern in patterns(get_resolver().url_patterns)
        if (actions := getattr(pattern.callback, "actions", None))
    }

    assert {
        text: methods for text, methods in offered.items() if described.get(text) != methods
    } == {}


def test_no_address_hides_another():
    texts = [text for text, _ in patterns(get_resolver().url_patterns)]
    assert sorted(texts) == sorted(set(texts))
