"""Schema crm: the read queries printed in seed 000 run as written, and mean what they say."""

from decimal import Decimal

import pytest
from django.db import connection

from analytics.services.rfm import score_rfm
from customers.models import ContactEvent
from tests.analytics.support import at, shop
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    OrderFactory,
    ProductAliasFactory,
    ProductFactory,
)

pytestmark = pytest.mark.django_db

# Verbatim from seed 000; do not tidy up.
SEED_000_RFM = """WITH rfm_calc AS (
  SELECT
    c.id AS customer_id,
    DATE_PART('day', NOW() - MAX(o.created_at)) AS recency,
    COUNT(o.id) AS frequency,
    SUM(o.amount) AS monetary
  FROM customers c
  LEFT JOIN orders o ON o.customer_id = c.id
  GROUP BY c.id
)
SELECT *
FROM rfm_calc
ORDER BY recency ASC;
"""

SEED_000_TO_EMBED = """SELECT id, name, total_spent, last_order_at
FROM customers
WHERE embedding_status IS NULL
LIMIT 50;
"""


@pytest.fixture
def query(db):
    """Run a query as a reader of the contract does: with the schema in front."""

    def run(sql):
        with connection.cursor() as cursor:
            cursor.execute("set local search_path = crm, public")
            cursor.execute(sql)
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            cursor.execute("set local search_path = public")
        return rows

    return run


SHOP = {
    "A": [
        ("2011-11-09", "10"),
        ("2011-10-01", "30", "sale", "fulfilled"),
        ("2011-11-09", "4", "return"),
        ("2011-11-09", "99", "sale", "cancelled"),
    ],
    "B": [],
}


class TestSeed000:
    def test_the_rfm_query_counts_sales_only(self, query):
        people = shop(SHOP)
        rows = {row["customer_id"]: row for row in query(SEED_000_RFM)}
        a, b = rows[people["A"].pk], rows[people["B"].pk]
        assert (a["frequency"], a["monetary"]) == (2, Decimal("40.00"))
        assert a["recency"] > 1000
        assert (b["recency"], b["frequency"], b["monetary"]) == (None, 0, None)

    def test_the_query_for_embedding_finds_who_is_not_embedded(self, query):
        shop(SHOP)
        rows = sorted(query(SEED_000_TO_EMBED), key=lambda row: row["total_spent"])
        assert [row["total_spent"] for row in rows] == [Decimal(0), Decimal("36.00")]
        assert rows[1]["last_order_at"] == at("2011-11-09")

    def test_nobody_unreal_is_in_it(self, query):
        shop({"A": [], "T": [], "M": []}, T={"is_test": True}, M={"status": "merged"})
        assert [row["code"] for row in query("select code from customers")] == ["A"]


def columns(view):
    with connection.cursor() as cursor:
        cursor.execute(
            "select column_name from information_schema.columns"
            " where table_schema = 'crm' and table_name = %s order by ordinal_position",
            [view],
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize(
    ("view", "names"),
    [
        ("customers", "id name registered_at last_order_at total_spent embedding_status"),
        ("orders", "id customer_id created_at amount"),
        ("order_items", "id order_id product_id quantity unit_price amount"),
        ("products", "id product_id name category price description attributes"),
        (
            "users",
            "user_id telegram_id first_name last_name username registration_date profile_data",
        ),
        (
            "product",
            "product_key product_label family_crm cepage sucrosite_niveau price_band premium_tier"
            " aroma_fruity aroma_floral aroma_spicy aroma_woody aroma_mineral aroma_herbal"
            " aroma_earthy is_active season_tags global_popularity_score",
        ),
        ("product_alias", "normalized_label product_key"),
        ("customer", "customer_code email is_contactable is_bounced is_optout batch_id"),
        (
            "order_line",
            "id customer_code product_key order_date doc_ref amount_ht amount_ttc",
        ),
        ("contact_event", "customer_code contact_date"),
        ("rfm", "customer_id r_score f_score m_score rfm segment"),
    ],
)
def test_each_view_has_the_columns_of_the_seeds(view, names, db):
    assert set(names.split()) <= columns(view)


def test_every_view_says_its_grain(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname, obj_description(oid) from pg_class"
            " where relnamespace = 'crm'::regnamespace and relkind = 'v'"
        )
        comments = dict(cursor.fetchall())
    assert all(comment and comment.startswith("One row per") for comment in comments.values())


def test_lines_are_of_counted_sales_on_their_local_day(query):
    sold = OrderFactory(items=2, ordered_at=at("2011-07-09", "00:30"), items__tax_amount=1)
    OrderFactory(items=1, status="cancelled")
    OrderFactory(items=1, returned=True)

    rows = query("select * from order_line")

    assert {str(row["order_date"]) for row in rows} == {"2011-07-09"}
    assert [row["doc_ref"] for row in rows] == [sold.number] * 2
    assert (rows[0]["amount_ht"], rows[0]["amount_ttc"]) == (Decimal("5.00"), Decimal("6.00"))
    assert len(query("select * from order_items")) == 2
    assert len(query("select * from returns")) == 1


def test_products_serve_both_shapes(query):
    product = ProductFactory(family="Mugs", attributes={"description": "Blue", "size": "L"})
    ProductFactory(charge=True)
    ProductAliasFactory(product=product, label="  Blue MUG ")

    (row,) = query("select * from products")

    assert (row["id"], row["name"]) == (row["product_id"], product.label)
    assert (row["category"], row["description"]) == ("Mugs", "Blue")
    assert query("select product_key from product_alias where normalized_label = 'blue mug'") == [
        {"product_key": product.key}
    ]
    assert len(query("select * from product")) == 2


def test_users_have_first_and_last_names(query):
    shop(
        {"A": [], "B": [], "C": []},
        A={"name": "Ada King Lovelace"},
        B={"name": "Plato"},
        C={"name": "X", "profile": {"first_name": "Ann", "last_name": "Lee", "username": "al"}},
    )
    rows = query("select first_name, last_name, username from users order by user_id")
    assert [tuple(row.values()) for row in rows] == [
        ("Ada", "King Lovelace", None),
        ("Plato", None, None),
        ("Ann", "Lee", "al"),
    ]


def test_contacts_name_customer_and_campaign(query):
    contact = ContactEventFactory(campaign=CampaignFactory(code="spring"))
    (row,) = query("select * from contact_event")
    assert (row["customer_code"], row["campaign"]) == (contact.customer.code, "spring")
    assert ContactEvent.objects.count() == 1


def test_scores_are_in_the_contract(query):
    people = shop(SHOP)
    score_rfm(mode="fixed")
    (row,) = query("select * from rfm")
    assert (row["customer_id"], row["rfm"], row["segment"]) == (people["A"].pk, "111", "lost")
