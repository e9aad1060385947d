import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import errors
from tests.factories import CustomerFactory, ProductFactory
from tests.signals import a_signal

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    """A customer, a product and a signal that have a word in common."""
    customer = CustomerFactory(code="C1", name="Anna Lavendel")
    ProductFactory(key="P1", label="Lavendel soap <small>")
    return a_signal(customer, signal_data={"words": "lavendel & <b>thyme</b>"})


def test_it_finds_each_kind_and_marks_what_was_found(api, shop):
    found = api.get("search", {"q": "Lavendel"}).json()

    assert [(hit["kind"], hit["key"]) for hit in found["results"]] == [
        ("customers", "C1"),
        ("products", "P1"),
        ("signals", "view"),
    ]
    assert all("<mark>" in hit["highlight"] for hit in found["results"])
    assert not any("<b>" in hit["highlight"] for hit in found["results"])
    assert found["results"][2]["id"] == str(shop.pk)
    assert found["results"][2]["customer"] == "C1"
    assert (found["count"], found["next"], found["previous"]) == (3, None, None)


def test_a_mistyped_word_finds_what_was_meant(api, shop):
    found = api.get("search", {"q": "lavendle", "kinds": "customers,products"}).json()

    assert found["did_you_mean"] == "lavendel"
    assert {hit["key"] for hit in found["results"]} == {"C1", "P1"}


def test_shown_is_what_the_token_may_read(api, shop):
    some = api.with_scopes("products:read", "signals:read")

    hits = some.get("search", {"q": "lavendel"}).json()["results"]

    assert [hit["kind"] for hit in hits] == ["products", "signals"]
    assert "Anna" not in str(hits), "who may not read customers, reads no names either"
    assert hits[1]["title"] == "view · C1"
    assert some.get("search", {"q": "lavendel", "kinds": "customers"}).status_code == 403
    assert api.with_scopes("orders:read").get("search", {"q": "lavendel"}).status_code == 403


def test_kinds_and_their_number_can_be_chosen(api):
    for number in range(4):
        CustomerFactory(name=f"Maier {number}")

    found = api.get("search", {"q": "maier", "kinds": "customers", "limit": 3}).json()

    assert len(found["results"]) == 3
    assert (found["count"], found["more"]) == (None, ["customers"])
    assert len(api.get("search", {"q": "maier", "limit": 9999}).json()["results"]) == 4


@pytest.mark.parametrize(
    ("query", "name"),
    [("", "q"), ("q=", "q"), ("q=%20", "q"), ("q=%00", "q"), ("q=x&limit=0", "limit"),
     ("q=x&kinds=orders", "kinds"), ("q=x&mode=magic", "mode")],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_name(api, query, name):
    assert name in errors(api.get(f"search?{query}"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_whatever_is_typed_there_is_an_answer(api, words):
    response = api.get("search", {"q": words})

    assert response.status_code == (200 if words.strip() else 400)
