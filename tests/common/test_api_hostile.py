"""Whatever is made up by a caller: the answer is a page or a problem, never a 500.

The client raises what a view did not foresee, so reaching the assertion is half of the test.
"""

import base64
import json
from contextlib import contextmanager

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import ContactEvent
from tests.factories import ContactEventFactory, CustomerFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ORDERS = {
    "contacts": ["-occurred_at", "-id"],
    "signals": ["-occurred_at", "-id"],
    "signal-scores": ["-score", "customer_id"],
    "quarantine": ["-id"],
    "segmentations": ["-id"],
    "segmentation-comparisons": ["-as_of", "-id"],
    "orders": ["-ordered_at", "-id"],
    "customers/C1/timeline": ["-occurred_at", "-rank", "-key"],
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["NaN", "1e99999999", "x", "0" * 36, "00000000-0000-0000-0000-000000000000"]),
    st.fixed_dictionaries({"t": st.sampled_from(["0001-01-01T00:00:00+14:00", "2026-01-01", "9"])}),
    st.just({"t": "2026-01-01T00:00:00Z"}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
CONTACT = st.dictionaries(
    st.sampled_from(
        [
            "external_id",
            "customer",
            "occurred_at",
            "channel",
            "direction",
            "status",
            "campaign",
            "x",
        ]
    ),
    st.sampled_from(["m1", "C1", "email", "sent", "2026-11-01T10:00:00Z", ""]) | VALUES,
)


@contextmanager
def undone():
    """What one example does, also to its transaction, is no matter of the next one's."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


relaxed = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@relaxed
@given(data=st.data(), path=st.sampled_from(sorted(ORDERS)))
def test_a_cursor_that_somebody_made_up(api, data, path):
    fields = ORDERS[path]
    values = data.draw(st.lists(SCALARS, min_size=len(fields), max_size=len(fields)) | VALUES)
    text = json.dumps([data.draw(st.sampled_from(["n", "p"])), fields, values])
    cursor = base64.urlsafe_b64encode(text.encode()).decode()

    with undone():
        CustomerFactory(code="C1")
        assert api.get(path, {"cursor": cursor}).status_code in {200, 400}


@relaxed
@given(contacts=st.lists(CONTACT | VALUES, max_size=6) | VALUES)
def test_contacts_that_somebody_made_up(api, contacts):
    body = json.dumps({"contacts": contacts})

    with undone():
        ContactEventFactory(customer__code="C1", external_id="m1")
        response = api.call("post", "contacts/batch", body)
        stored = ContactEvent.objects.count() if response.status_code == 200 else 0

    if response.status_code == 200:
        told = response.json()
        places = [row["index"] for row in told["results"] + told["rejected"]]
        assert sorted(places) == list(range(len(contacts)))
        assert stored == 1 + told["new"]
    else:
        assert response.status_code == 400


@pytest.mark.parametrize("path", ["campaigns/%00", "signal-scores/%00", "customers/%00/timeline"])
def test_nul_in_a_path_is_404(api, path):
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_before_or_after_all_moments_is_no_position(api, moment):
    """In UTC, or as a local day, it would lie outside the years that Python knows."""
    CustomerFactory(code="C1")
    for path, fields in ORDERS.items():
        text = json.dumps(["n", fields, [{"t": moment}, *([1] * (len(fields) - 1))]])
        cursor = base64.urlsafe_b64encode(text.encode()).decode()
        assert api.get(path, {"cursor": cursor}).status_code in {200, 400}, path
