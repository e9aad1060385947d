"""Other systems read what is offered to whom, why, and why not."""

import pytest

from orders.models import Order, Product
from recommendations.models import RecoItem, RecoRun
from recommendations.selectors.why_not import why_not
from recommendations.selectors.words.refusals import _WORDS
from recommendations.services.runs import recommend
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory, ProductFactory
from tests.recommendations import explained
from tests.recommendations.explained import sale
from tests.recommendations.run_shop import DAY, small_shop
from tests.recommendations.storage import make_run

pytestmark = pytest.mark.django_db
PATHS = [
    "recommendations", "recommendations/ANN", "recommendations/ANN/history",
    "recommendations/ANN/exclusions", "recommendations/ANN/why-not?product=VASE",
]  # fmt: skip


@pytest.fixture
def shop():
    return explained.shop()


def test_a_customers_list_holds_reasons_and_the_lines_that_prove_them(api, shop):
    CustomerAliasFactory(code="OLD", customer=shop.ann)
    body = api.get("recommendations/OLD", {"language": "en"}).json()

    assert (body["customer"], body["run"], body["reason"]) == ("ANN", shop.run.pk, None)
    assert body["as_of"] == shop.run.as_of.isoformat()
    assert body["exclusions"] == []
    lamp, vase = body["items"]
    assert (lamp["rank"], lamp["product"]) == (1, {"key": "LAMP", "label": "Hanging lamp"})
    assert (lamp["scenario"], lamp["scenario_name"], lamp["slot"]) == (
        "REBUY",
        "Buy again",
        "repeat",
    )
    assert (lamp["score"], lamp["price"], lamp["status"]) == (70.0, "12.50", "pending")
    assert lamp["explain_short"] == (
        "Bought 3 times, last on 5 Jan 2026; 62\xa0% of the spending is on Lamps."
    )
    assert [(one["name"], one["points"]) for one in lamp["components"]] == [
        ("repeat", 42.0), ("family", 28.0),
    ]  # fmt: skip
    assert lamp["penalties"][0]["points"] == -1.5
    assert lamp["missing"] == [
        {"name": "taste", "title": "Taste"}, {"name": "attr1", "title": "Grape"},
    ]  # fmt: skip
    # The cancelled order of 400 days ago proves nothing; neither do those after the run's day.
    assert [line["product"] for line in lamp["lines"]] == ["LAMP"] * 3
    assert lamp["lines"] == sorted(lamp["lines"], key=lambda line: line["ordered_at"], reverse=True)
    assert vase["because_of"] == [
        {"product": "LAMP", "label": "Hanging lamp", "contribution": 0.4, "buyers": 7}
    ]
    assert [line["product"] for line in vase["lines"]] == ["LAMP"] * 3
    assert vase["explain_short"].startswith("Often bought together with “Hanging lamp”; never")


def test_the_number_of_queries_does_not_grow_with_the_list(
    api, shop, django_assert_max_num_queries
):
    api.get("recommendations/ANN")
    with django_assert_max_num_queries(9):
        assert len(api.get("recommendations/ANN").json()["items"]) == 2


def test_who_may_not_read_orders_gets_no_order_lines(api, shop):
    few = api.with_scopes("recommendations:read")

    assert [one["lines"] for one in few.get("recommendations/ANN").json()["items"]] == [None, None]
    assert few.get(f"reco-items/{shop.items[0].pk}/explanation").json()["lines"] is None


def test_an_item_is_explained_in_the_language_asked_for_or_preferred(api, shop):
    path = f"reco-items/{shop.items[0].pk}/explanation"

    body = api.get(path, {"language": "fr"}).json()
    assert (body["customer"], body["run"], body["language"]) == ("ANN", shop.run.pk, "fr")
    assert body["explain_short"].startswith("Acheté 3 fois, la dernière le 5 janvier 2026")
    assert body["components"][0]["title"] == "Déjà acheté"
    preferred = api.get(path, Accept_Language="ru").json()
    assert preferred["explain_short"].startswith("Покупали 3 раза")
    assert api.get(path).json()["explain_short"].startswith("Bought 3 times")
    assert errors(api.get(path, {"language": "de"})) == {"language": "invalid"}
    for wrong in (1, 2**62, shop.items[-1].pk + 1, 10**18 - 1):
        assert api.get(f"reco-items/{wrong}/explanation").status_code == 404


def test_why_nothing_and_why_nobody_may_write_are_said_in_words(api, shop):
    nothing = api.get("recommendations/EVE").json()
    assert (nothing["items"], nothing["reason"]) == ([], "No scenario fits this customer.")
    assert [one["code"] for one in nothing["exclusions"]] == ["NO_ACTION"]

    silent = api.get("recommendations/BOB").json()
    assert len(silent["items"]) == 1
    assert silent["exclusions"][0]["words"] == (
        "Last marketing contact 12 days ago; the silence window is 135 days."
    )
    late = CustomerFactory()
    assert "Registered after the day" in api.get(f"recommendations/{late.code}").json()["reason"]
    assert api.get("recommendations/NOBODY").status_code == 404


def test_history_and_exclusions_go_back_run_by_run(api, shop):
    before = explained.earlier(shop)

    body = api.get("recommendations/ANN/history").json()
    assert [(one["run"], [item["product"]["key"] for item in one["items"]])
            for one in body["results"]] == [
        (shop.run.pk, ["LAMP", "VASE"]), (before.pk, ["WICK"]),
    ]  # fmt: skip
    assert len(api.get("recommendations/ANN/history", {"limit": 1}).json()["results"]) == 1
    past = api.get("recommendations/ANN", {"run": before.pk}).json()
    assert [one["product"]["key"] for one in past["items"]] == ["WICK"]
    told = api.get("recommendations/EVE/exclusions").json()["results"]
    assert [(one["run"], one["stage"], one["code"]) for one in told] == [
        (shop.run.pk, "offer", "NO_ACTION")
    ]


def test_many_customers_are_read_at_once_in_the_order_asked(
    api, shop, django_assert_max_num_queries
):
    CustomerAliasFactory(code="OLD", customer=shop.ann)
    asked = ["EVE", "OLD", "NOBODY", "BOB", "BOB"]
    api.get("recommendations")
    with django_assert_max_num_queries(9):
        body = api.post("recommendations:batch", {"customers": asked}).json()

    assert [(one["asked"], one["customer"], len(one["items"])) for one in body["results"]] == [
        ("EVE", "EVE", 0), ("OLD", "ANN", 2), ("BOB", "BOB", 1),
    ]  # fmt: skip
    assert body["unknown"] == ["NOBODY"]
    assert body["results"][0]["reason"] == "No scenario fits this customer."
    assert body["results"][2]["exclusions"][0]["code"] == "SILENCE"
    assert "components" not in body["results"][1]["items"][0]
    for wrong in ([], ["x"] * 501, ["x" * 65], "ANN", [None], ["\x00"]):
        assert api.post("recommendations:batch", {"customers": wrong}).status_code == 400
    assert api.post("recommendations:batch", {"customers": ["A"], "odd": 1}).status_code == 400


def test_the_overview_counts_the_current_run(api, shop):
    body = api.get("recommendations").json()

    assert body["run"] == shop.run.pk
    assert body["counts"]["by_scenario"]["REBUY"] == 1
    assert body["statuses"] == {"pending": 3}
    assert body["reason"] is None


def test_before_the_first_run_everything_says_so(api):
    CustomerFactory(code="ANN")
    ProductFactory(key="VASE")

    assert api.get("recommendations").json()["reason"].startswith("Nothing was recommended yet")
    one = api.get("recommendations/ANN").json()
    assert (one["run"], one["items"]) == (None, [])
    assert one["reason"].startswith("Nothing was recommended yet")
    assert api.get("recommendations/ANN/history").json()["results"] == []
    answer = api.get("recommendations/ANN/why-not", {"product": "VASE"}).json()
    assert (answer["offered"], answer["reasons"][0]["code"]) == (False, "NO_RUN")
    batch = api.post("recommendations:batch", {"customers": ["ANN"]}).json()
    assert batch["results"][0]["reason"].startswith("Nothing was recommended yet")


def codes(api, customer, product, **query):
    body = api.get(f"recommendations/{customer}/why-not", {"product": product, **query}).json()
    assert all(one["words"] for one in body["reasons"])
    return [one["code"] for one in body["reasons"]]


@pytest.fixture
def large(settings):
    """Take the shop for one that is too large to be learned for a question."""
    settings.CRM_WHY_NOT_LINES = -1


def test_every_product_has_an_answer_to_why_not(api, shop, large):
    offered = api.get("recommendations/ANN/why-not", {"product": "LAMP"}).json()
    assert (offered["offered"], offered["item"]) == (True, shop.items[0].pk)
    assert codes(api, "ANN", "LAMP") == ["OFFERED"]
    assert codes(api, "ANN", "WICK") == ["BOUGHT_RECENTLY"]
    assert codes(api, "EVE", "LAMP") == ["NO_ACTION"]
    assert codes(api, CustomerFactory().code, "LAMP") == ["NOT_IN_RUN"]
    other = ProductFactory(key="OTHER", family="Lamps")
    # Entered today: the run of yesterday could not know it.
    assert codes(api, "ANN", "OTHER") == ["UNKNOWN_PRODUCT"]
    sale(shop.bob, other, 100)
    assert codes(api, "ANN", "OTHER") == ["SAME_FAMILY", "RANKED_BELOW"]
    Product.objects.filter(key="OTHER").update(family="Odd")
    assert codes(api, "ANN", "OTHER") == ["RANKED_BELOW"]
    assert codes(api, "BOB", "LAMP") == ["NO_SLOT", "RANKED_BELOW"]


def test_rules_of_the_catalogue_and_of_the_own_past_are_all_named(api, shop, large):
    odd = ProductFactory(key="ODD", kind="charge", is_active=False, stock=0, price=None,
                         season_tags=[f"{(shop.run.as_of.month % 12) + 1}"])  # fmt: skip
    Product.objects.filter(pk=odd.pk).update(created_at="2010-01-01T00:00Z")
    assert codes(api, "ANN", "ODD") == ["NOT_A_PRODUCT", "INACTIVE", "OUT_OF_STOCK", "NO_PRICE"]
    month = ["january", "july"][shop.run.as_of.month < 7]
    Product.objects.filter(pk=odd.pk).update(
        kind="product", is_active=True, stock=None, price=2, season_tags=[month]
    )
    returned = sale(shop.ann, odd, 20)
    Order.objects.filter(pk=returned.order_id).update(kind="return")
    assert codes(api, "ANN", "ODD") == ["OUT_OF_SEASON", "RETURNED"]
    words = api.get("recommendations/ANN/why-not", {"product": "ODD", "language": "ru"}).json()
    assert words["reasons"][0]["words"] == "Не сезон."


def test_the_engine_answers_for_every_customer_and_product_of_a_run():
    people, goods = small_shop()
    run = recommend(as_of=DAY)
    offered = set(RecoItem.objects.filter(run=run).values_list("customer_id", "product_id"))
    said = set()

    for who in [*people[::3], people[-1]]:
        for what in goods:
            answer = why_not(customer=who, product=what, run=run, language="en")
            codes = [reason.code for reason in answer.reasons]
            assert answer.offered == ((who.pk, what.pk) in offered)
            assert codes
            assert all(reason.words.endswith(".") for reason in answer.reasons)
            assert "OFFERED_SINCE" not in codes
            said |= set(codes)

    unworded = said - set(_WORDS) - {"NOT_IN_RUN"}
    assert not unworded
    assert {"OFFERED", "BOUGHT_RECENTLY", "NO_ACTION"} <= said


def test_whom_a_run_does_not_know_gets_an_answer_too_in_every_language(api, shop):
    people = {
        "merged": CustomerFactory(status="merged"),
        "deleted": CustomerFactory(status="deleted"),
        "test": CustomerFactory(is_test=True),
        "new": CustomerFactory(),
    }
    asked = {
        name: api.get(f"recommendations/{who.code}/why-not", {"product": "LAMP"}).json()
        for name, who in people.items()
    }
    assert {name: one["reasons"][0]["words"] for name, one in asked.items()} == {
        "merged": "Merged into another customer: ask for that one.",
        "deleted": "This customer was deleted.",
        "test": "A test account: nothing is recommended to it.",
        "new": "Registered after the day of this run.",
    }
    assert {len(one["reasons"]) for one in asked.values()} == {1}
    path = f"recommendations/{people['new'].code}"
    assert api.get(path, {"language": "fr"}).json()["reason"] == (
        "Inscrit après le jour de ce calcul."
    )
    assert api.get(f"{path}/history").json()["results"][0]["reason"].startswith("Registered")

    chosen = make_run([(shop.ann, shop.vase, 1)], current=False, customers_chosen=["ANN"])
    told = api.get("recommendations/BOB/why-not", {"product": "LAMP", "run": chosen.pk}).json()
    assert told["reasons"][0]["words"] == "This run was made for some chosen customers only."


@pytest.mark.parametrize("path", PATHS)
def test_a_token_needs_the_scope_and_staff_the_permission(api, shop, client, staff_user, path):
    assert api.get(path).status_code == 200
    assert api.with_scopes("customers:read").get(path).status_code == 403
    client.force_login(staff_user)
    assert client.get(f"/api/v1/{path}").status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("recommendations/%00", 404),
        ("recommendations/ANN?run=x", 400), ("recommendations/ANN?run=99999999999", 400),
        ("recommendations/ANN?run=0", 400), ("recommendations/ANN?language=", 400),
        ("recommendations/ANN?language=xx%00", 400), ("recommendations/ANN?odd=1", 400),
        ("recommendations/ANN/history?limit=-1", 400), ("recommendations/ANN/why-not", 400),
        ("recommendations/ANN/why-not?product=%00", 400),
        ("recommendations/ANN/why-not?product=NONE", 400), ("recommendations?x=1", 400),
        ("reco-items/abc/explanation", 404), ("reco-items/9223372036854775808/explanation", 404),
    ],
)  # fmt: skip
def test_hostile_questions_are_refused_in_words(api, shop, path, status):
    response = api.get(path)

    assert response.status_code == status
    assert response.json()["detail"]


def test_a_run_whose_items_were_removed_says_so(api, shop):
    other = make_run([], current=False)
    RecoRun.objects.filter(pk=other.pk).update(items_dropped_at="2026-01-01T00:00Z")

    body = api.get("recommendations/ANN", {"run": other.pk}).json()
    assert body["reason"].startswith("The products of this run were cleared away")
