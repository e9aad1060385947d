"""Staff read in the admin what is offered, why, and why not."""

import pytest
from django.urls import reverse

from orders.models import Product
from recommendations.models import RecoItem
from tests.analytics.admin_pages import allow
from tests.factories import CustomerFactory, ProductFactory
from tests.recommendations import explained
from tests.recommendations.storage import make_run

pytestmark = pytest.mark.django_db
LIST = "admin:recommendations_recoitem_changelist"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def shop():
    return explained.shop()


def text(response):
    assert response.status_code == 200
    return response.content.decode().replace("&nbsp;", " ").replace("\xa0", " ")


def rows(client, **query):
    page = client.get(reverse(LIST), query)
    assert page.status_code == 200
    return [(row.customer.code, row.product.key) for row in page.context["cl"].result_list]


def customer_page(client, customer):
    return client.get(
        reverse("admin:customers_customer_change", args=[customer.pk]), {"tabs": "all"}
    )


def test_the_list_shows_one_run_with_a_reason_in_each_row(admin_client, shop):
    explained.earlier(shop)
    page = admin_client.get(reverse(LIST))

    assert rows(admin_client) == [("ANN", "LAMP"), ("ANN", "VASE"), ("BOB", "WICK")]
    assert "Bought 3 times, last on 5 Jan 2026; 62 % of the spending is on Lamps." in text(page)
    assert "3 pending" in text(page)
    assert "1 customer got nothing: No scenario fits this customer (1)" in text(page)


def test_the_list_is_filtered_and_searched(admin_client, shop):
    before = explained.earlier(shop)

    assert rows(admin_client, run=before.pk) == [("ANN", "WICK")]
    assert rows(admin_client, run="x" * 30) == rows(admin_client)
    assert rows(admin_client, run="99999") == []
    assert rows(admin_client, scenario="NURTURE") == [("BOB", "WICK")]
    assert rows(admin_client, slot="repeat") == [("ANN", "LAMP")]
    assert rows(admin_client, status="approved") == []
    assert rows(admin_client, rank="2") == [("ANN", "VASE")]
    assert rows(admin_client, customer_code="BOB") == [("BOB", "WICK")]
    assert rows(admin_client, customer_code="NOBODY\x00") == []
    assert rows(admin_client, product_key="VASE") == [("ANN", "VASE")]
    assert rows(admin_client, q="ANN") == [("ANN", "LAMP"), ("ANN", "VASE")]
    assert rows(admin_client, q="candle") == [("BOB", "WICK")]


def test_the_list_needs_as_many_queries_for_one_row_as_for_many(
    admin_client, shop, django_assert_max_num_queries
):
    customers = [CustomerFactory() for _ in range(20)]
    products = [ProductFactory() for _ in range(20)]
    make_run([
        (who, what, 1, {"reasons": explained.explore_reasons(what), "slot": "explore"})
        for who, what in zip(customers, products, strict=True)
    ])  # fmt: skip
    admin_client.get(reverse(LIST))

    with django_assert_max_num_queries(30):
        assert len(rows(admin_client)) == 20


def test_an_item_shows_bars_and_the_order_lines_behind_them(admin_client, shop):
    page = text(
        admin_client.get(reverse("admin:recommendations_recoitem_change", args=[shop.items[0].pk]))
    )

    assert "Bought before: 42" in page
    assert "last bought only 90 days ago" in page
    assert "Left out, because not known: Taste, Grape." in page
    assert page.count("Hanging lamp</td>") == 3
    new = text(
        admin_client.get(reverse("admin:recommendations_recoitem_change", args=[shop.items[1].pk]))
    )
    assert "Hanging lamp</a> (LAMP)" in new
    for wrong in ("1", "x", "9" * 30, str(shop.items[-1].pk + 1)):
        url = reverse("admin:recommendations_recoitem_change", args=[wrong])
        assert admin_client.get(url).status_code == 302


def test_order_lines_show_only_to_those_who_may_see_orders(client, staff_user, shop):
    allow(staff_user, "view_recoitem")
    client.force_login(staff_user)
    page = text(
        client.get(reverse("admin:recommendations_recoitem_change", args=[shop.items[0].pk]))
    )

    assert "show to those who may see orders" in page
    assert "Hanging lamp</td>" not in page


def test_the_customer_page_offers_explains_and_looks_back(admin_client, shop):
    explained.earlier(shop)
    page = customer_page(admin_client, shop.ann)
    shown = text(page)

    kpi = next(kpi for kpi in page.context["kpis"] if kpi.label == "Offer next")
    assert kpi.value == "Hanging lamp"
    assert kpi.note.startswith("Buy again, as of ")
    assert "Often bought together with “Hanging lamp”" in shown
    assert "1. Candle wick" in shown
    assert "why-not/?customer=ANN" in shown

    nothing = text(customer_page(admin_client, shop.eve))
    assert "Why nothing?" in nothing
    assert "Get to know: no order that counts yet, and no preference is known." in nothing
    silent = text(customer_page(admin_client, shop.bob))
    assert "Last marketing contact 12 days ago; the silence window is 135 days." in silent
    late = text(customer_page(admin_client, CustomerFactory()))
    assert "Registered after the day of this run" in late


def test_before_the_first_run_the_tab_says_what_to_do(admin_client):
    page = text(customer_page(admin_client, CustomerFactory()))

    assert "Nothing was recommended to anybody yet." in page
    assert "Nothing was recommended yet" in text(admin_client.get(reverse(LIST)))


def test_without_the_permission_there_is_no_tab(client, staff_user, shop):
    allow(staff_user, "view_customer")
    client.force_login(staff_user)

    assert "dataset-recoitem" not in text(customer_page(client, shop.ann))
    assert client.get(reverse("admin:recommendations_why_not")).status_code == 403


def why(client, customer="ANN", product="", **query):
    url = reverse("admin:recommendations_why_not")
    return text(client.get(url, {"customer": customer, "product": product, **query}))


def test_why_not_is_asked_with_a_key_or_with_words(admin_client, shop):
    assert "Bought 9 days ago; offered again after 60 days." in why(admin_client, product="WICK")
    assert "It is offered." in why(admin_client, product="LAMP")
    ProductFactory(key="LAMP2", label="Standing lamp")
    assert "Which product?" in why(admin_client, product="lamp")
    assert "What is offered instead" in why(admin_client, product="lamp")
    assert "No product has all of these words" in why(admin_client, product="zebra")
    assert "There is no customer with the code" in why(admin_client, customer="NOBODY")
    assert "Bought 9 days ago" not in why(
        admin_client, product="WICK", run=explained.earlier(shop).pk
    )
    assert "Give a customer and a product" in why(admin_client, customer="")


def test_hostile_names_and_reasons_are_shown_as_text(admin_client, shop):
    Product.objects.update(label=HOSTILE, family=HOSTILE)
    reasons = explained.repeat_reasons(config_hash=HOSTILE, missing=[HOSTILE])
    reasons["components"][HOSTILE] = {"points": 1, "evidence": HOSTILE}
    reasons["components"]["family"]["evidence"]["value"] = HOSTILE
    run = make_run([(shop.ann, shop.lamp, 1, {"reasons": reasons})])
    item = RecoItem.objects.get(run=run)

    for page in (
        admin_client.get(reverse(LIST)),
        admin_client.get(reverse("admin:recommendations_recoitem_change", args=[item.pk])),
        customer_page(admin_client, shop.ann),
        admin_client.get(reverse("admin:recommendations_why_not"),
                         {"customer": "ANN", "product": HOSTILE}),
    ):  # fmt: skip
        assert page.status_code == 200
        assert HOSTILE not in page.content.decode()
