import base64
import json
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import errors
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerAliasFactory,
    CustomerFactory,
    OrderFactory,
)
from tests.signals import a_signal

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return CustomerFactory(code="C1")


def path_of(link):
    return (link or "").partition("/api/v1/")[2]


def key_of(row):
    return row["kind"], str(row[row["kind"]]["id"])


def made(customer, kind, moment):
    """Make one thing of a kind; return what the timeline will call it."""
    if kind == "order":
        found = OrderFactory(customer=customer, ordered_at=moment)
    elif kind == "contact":
        found = ContactEventFactory(customer=customer, occurred_at=moment)
    else:
        found = a_signal(customer, occurred_at=moment)
    return kind, str(found.pk)


def test_everything_stands_in_one_list_newest_first(api, customer):
    now = timezone.now()
    expected = [
        made(customer, kind, now - timedelta(hours=hours))
        for hours, kind in enumerate(["signal", "order", "contact", "signal", "order"])
    ]
    made(CustomerFactory(), "order", now)

    page = api.get("customers/C1/timeline").json()

    assert [key_of(row) for row in page["results"]] == expected
    assert (page["count"], page["next"], page["previous"]) == (None, None, None)
    for row in page["results"]:
        filled = [kind for kind in ("order", "contact", "signal") if row[kind] is not None]
        assert filled == [row["kind"]]


def test_an_old_code_finds_its_owner_and_an_unknown_one_nobody(api, customer):
    CustomerAliasFactory(code="OLD", customer=customer)

    assert api.get("customers/OLD/timeline").status_code == 200
    assert api.get("customers/nobody/timeline").status_code == 404


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    events=st.lists(
        st.tuples(st.sampled_from(["order", "contact", "signal"]), st.integers(0, 3)), max_size=12
    ),
    limit=st.integers(1, 5),
)
def test_pages_lead_through_everything_once_and_back(api, events, limit):
    customer = CustomerFactory()
    moment = timezone.now() - timedelta(days=1)
    for kind, hours in events:
        made(customer, kind, moment + timedelta(hours=hours))
    address = f"customers/{customer.code}/timeline"
    whole = api.get(address, {"limit": 500}).json()["results"]

    pages, path = [], f"{address}?limit={limit}"
    while path:
        page = api.get(path).json()
        pages.append(page["results"])
        path, back = path_of(page["next"]), page["previous"]
    seen_back = []
    while back:
        page = api.get(path_of(back)).json()
        seen_back = page["results"] + seen_back
        back = page["previous"]

    assert len(whole) == len(events)
    assert [row for page in pages for row in page] == whole
    assert seen_back == [row for page in pages[:-1] for row in page]


def test_a_page_needs_one_query_of_each_kind(api, customer, django_assert_num_queries):
    campaign = CampaignFactory()
    for hours in range(10):
        for kind in ("order", "contact", "signal"):
            made(customer, kind, timezone.now() - timedelta(hours=hours))
    customer.contacts.update(campaign=campaign)
    first = api.get("customers/C1/timeline?limit=7").json()

    with django_assert_num_queries(5):  # token, customer, orders, contacts, signals
        api.get(path_of(first["next"]))
    with django_assert_num_queries(3):
        api.get("customers/C1/timeline", {"kinds": "contact"})


class TestKinds:
    def test_shown_is_what_the_token_may_read(self, api, customer):
        now = timezone.now()
        for kind in ("order", "contact", "signal"):
            made(customer, kind, now)
        some = api.with_scopes("customers:read", "orders:read", "signals:read")

        rows = some.get("customers/C1/timeline").json()["results"]

        assert {row["kind"] for row in rows} == {"order", "signal"}
        assert some.get("customers/C1/timeline", {"kinds": "contact"}).status_code == 403
        assert api.with_scopes("orders:read").get("customers/C1/timeline").status_code == 403
        assert api.with_scopes("customers:read").get("customers/C1/timeline").status_code == 403

    def test_some_kinds_can_be_chosen(self, api, customer):
        for kind in ("order", "contact", "signal"):
            made(customer, kind, timezone.now())

        page = api.get("customers/C1/timeline", {"kinds": "contact,order"}).json()

        assert {row["kind"] for row in page["results"]} == {"order", "contact"}

    @pytest.mark.parametrize(
        ("query", "name"),
        [("kinds=", "kinds"), ("kinds=orders", "kinds"), ("limit=0", "limit"), ("x=1", "x"),
         ("ordering=id", "ordering")],
    )  # fmt: skip
    def test_a_wrong_parameter_is_refused_by_name(self, api, customer, query, name):
        assert name in errors(api.get(f"customers/C1/timeline?{query}"))

    @pytest.mark.parametrize(
        "values",
        [
            [],
            [1, 2, 3],
            [{"t": "2026-01-01T00:00:00Z"}, 3, 1],
            [{"t": "2026-01-01T00:00:00Z"}, 2, 1],
            [{"t": "2026-01-01T00:00:00Z"}, 2, "x"],
            [{"t": "2026-01-01T00:00:00Z"}, 0, "x"],
            [{"t": "0001-01-01T00:00:00+14:00"}, 0, 1],
            [{"t": "2026-01-01T00:00:00Z"}, "0", 1],
            [{"t": "2026-01-01T00:00:00Z"}, -9, 1],
        ],
        ids=range(9),
    )
    def test_a_cursor_that_was_changed_is_refused(self, api, customer, values):
        text = json.dumps(["n", ["-occurred_at", "-rank", "-key"], values])
        cursor = base64.urlsafe_b64encode(text.encode()).decode()

        assert "cursor" in errors(api.get("customers/C1/timeline", {"cursor": cursor}))
