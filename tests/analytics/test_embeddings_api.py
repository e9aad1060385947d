"""Reading who is alike, and a workflow elsewhere that makes the vectors."""

import json
from datetime import date

import pytest

from analytics.models import CustomerEmbedding, EmbeddingModel
from analytics.services.embeddings import embed_customers
from analytics.services.profiles import refresh_profiles
from analytics.services.rfm import score_rfm
from customers.models import Customer
from orders.models import Product
from tests.analytics.embedding_support import embedded_shop, wine_shop
from tests.analytics.profile_support import buy, goods
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def outside(settings):
    """Another system makes the vectors: four numbers each."""
    settings.CRM_EMBEDDING_PROVIDER = "external"
    settings.CRM_EMBEDDING_MODEL = "my-own"
    settings.CRM_EMBEDDING_DIMENSIONS = 4


def put(api, code, **body):
    return api.call("put", f"customers/{code}/embedding", body)


class TestSimilar:
    def test_neighbours_share_the_taste_and_it_says_which(self, api):
        embedded_shop()

        found = api.get("customers/R1/similar", {"k": 3}).json()

        assert {one["customer"] for one in found["results"]} == {"R0", "R2", "R3"}
        best = found["results"][0]
        assert best["likeness"] > 0.5
        assert "merlot" in " ".join(term["term"] for term in best["in_common"])
        assert (found["exact"], found["stale"], found["model"]["provider"]) == (
            True,
            False,
            "local",
        )

    def test_filters_leave_as_many_as_there_are(self, api):
        embedded_shop()
        score_rfm()
        segments = dict(Customer.objects.values_list("code", "rfm__segment__code"))
        wanted = segments["P0"]

        found = api.get("customers/R1/similar", {"k": 50, "segment": wanted}).json()["results"]
        fond = api.get("customers/R1/similar", {"k": 50, "min_orders": 3}).json()["results"]

        fits = {code for code, segment in segments.items() if segment == wanted} - {"R1"}
        assert {one["customer"] for one in found} == fits
        assert {one["segment"] for one in found} == {wanted}
        assert {one["orders"] for one in fond} == {3}
        assert len(fond) == 4

    def test_prospects_are_a_segment_too(self, api):
        articles = embedded_shop()
        buy("LATE", "2011-06-01", (articles[0], "20.00"))
        score_rfm(as_of=date(2011, 5, 1))
        refresh_profiles()
        embed_customers(all=True)

        found = api.get("customers/R1/similar", {"segment": "prospects"})
        none = api.get("customers/R1/similar", {"segment": "prospects", "min_orders": 2})

        assert [one["customer"] for one in found.json()["results"]] == ["LATE"]
        assert none.json()["results"] == []

    def test_an_old_code_finds_its_owner(self, api):
        embedded_shop()
        CustomerAliasFactory(code="OLD", customer=Customer.objects.get(code="R1"))

        assert api.get("customers/OLD/similar").json()["customer"] == "R1"

    @pytest.mark.parametrize(
        ("query", "attr"),
        [
            ({"k": "0"}, "k"),
            ({"k": "many"}, "k"),
            ({"k": "101"}, "non_field_errors"),
            ({"segment": "nobody'; --"}, "non_field_errors"),
            ({"min_orders": "-1"}, "min_orders"),
            ({"other": "1"}, "other"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, api, query, attr):
        embedded_shop(1)

        response = api.get("customers/R0/similar", query)

        assert response.status_code == 400
        assert attr in errors(response)

    def test_it_says_why_there_are_none(self, api):
        CustomerFactory(code="NEW")
        assert "embed_customers" in api.get("customers/NEW/similar").json()["detail"]
        embedded_shop(1)
        assert api.get("customers/NEW/similar").status_code == 409
        assert "Nothing is known" in api.get("customers/NEW/similar").json()["detail"]
        assert api.get("customers/nobody/similar").status_code == 404

    def test_the_number_of_queries_does_not_grow(self, api, django_assert_max_num_queries):
        embedded_shop(8)
        api.get("customers/R0/similar", {"k": 2})

        with django_assert_max_num_queries(12):
            api.get("customers/R0/similar", {"k": 2})
        with django_assert_max_num_queries(12):
            api.get("customers/R0/similar", {"k": 30})

    def test_products_too(self, api):
        embedded_shop()

        found = api.get("products/white/similar", {"k": 2}).json()

        # Both are sweet.
        assert found["results"][0]["product"] == "port"
        assert api.get("products/none/similar").status_code == 404


class TestWorkflow:
    def test_a_workflow_reads_texts_sends_vectors_and_is_done(self, api, outside):
        wine_shop(1)
        CustomerFactory(code="TEST", is_test=True)
        embed_customers()
        asked = {"embedding_status": "pending", "limit": 50, "brief": "true"}

        codes = [one["code"] for one in api.get("customers", asked).json()["results"]]
        for place, code in enumerate(codes):
            text = api.get(f"customers/{code}/embedding").json()
            vector = [1.0 + place, 2.0, 3.0, 4.0]
            sent = put(api, code, vector=vector, text_sha256=text["text_sha256"],
                       model=text["model"]["id"])  # fmt: skip
            assert (sent.status_code, sent.json()["status"]) == (200, "done")
        done = embed_customers()

        assert codes == ["G0", "P0", "R0", "W0"]
        assert api.get("customers", asked).json()["results"] == []
        assert done.switched
        assert len(api.get("customers/R0/similar").json()["results"]) == 3

    def test_whom_nothing_is_known_of_does_not_wait_for_a_vector_for_ever(self, api, outside):
        wine_shop(1)
        CustomerFactory(code="A-LEAD")
        embed_customers()
        asked = {"embedding_status": "pending", "limit": 50}

        codes = [one["code"] for one in api.get("customers", asked).json()["results"]]
        for code in codes:
            put(api, code, vector=[1, 2, 3, 4])
        done = embed_customers()

        assert codes == ["G0", "P0", "R0", "W0"]
        assert api.get("customers/A-LEAD/embedding").json()["status"] == "empty"
        assert done.switched

    def test_who_buys_for_the_first_time_waits_for_a_vector(self, api, outside):
        articles = wine_shop(1)
        CustomerFactory(code="LEAD")
        embed_customers()

        buy("LEAD", "2011-03-01", (articles[0], "20.00"))
        refresh_profiles()
        status = api.get("customers/LEAD/embedding").json()["status"]
        embed_customers()

        asked = {"embedding_status": "pending", "limit": 50}
        rows = api.get("customers", asked).json()["results"]
        assert status == "pending"
        assert "LEAD" in [row["code"] for row in rows]

    def test_the_text_names_nobody(self, api):
        wine_shop(1)
        Customer.objects.filter(code="R0").update(name="Ann Merlot-Smith", email="ann@example.org")

        text = api.get("customers/R0/embedding").json()["text"]

        assert "Red wine" in text
        assert "Ann" not in text
        assert "@" not in text

    def test_an_article_made_to_order_does_not_tell_for_whom(self, api):
        (glass,) = goods(glass={"label": "Glass engraved for Müller, Anna-Lena", "family": "Glass"})
        buy("C1", "2011-03-01", (glass, "20.00"))
        Customer.objects.filter(code="C1").update(name="Anna-Lena Muller")
        refresh_profiles()

        text = api.get("customers/C1/embedding").json()["text"]

        assert "Glass engraved for" in text
        for word in ("Anna", "Lena", "Müller"):
            assert word not in text

    def test_a_vector_of_an_older_text_counts_as_stale(self, api, outside):
        wine_shop(1)
        embed_customers()

        sent = put(api, "R0", vector=[1, 0, 0, 0], text_sha256="0" * 64)

        assert sent.json()["status"] == "stale"
        assert CustomerEmbedding.objects.get(customer__code="R0").status == "stale"

    def test_sending_again_changes_nothing(self, api, outside):
        wine_shop(1)
        embed_customers()
        put(api, "R0", vector=[1, 2, 3, 4])
        before = CustomerEmbedding.objects.values("status", "vector", "text_sha256").get(
            customer__code="R0"
        )

        put(api, "R0", vector=[2, 4, 6, 8])

        after = CustomerEmbedding.objects.values("status", "vector", "text_sha256").get(
            customer__code="R0"
        )
        assert before == after

    @pytest.mark.parametrize(
        "vector",
        [
            [],
            [1, 2, 3],
            [1, 2, 3, 4, 5],
            [0, 0, 0, 0],
            [1e-20, 0, 0, 0],
            [1e39, 0, 0, 0],
            [1, 2, 3, None],
            [1, 2, 3, "x"],
            [1, 2, 3, [4]],
            "1,2,3,4",
            {"0": 1},
            None,
        ],
    )
    def test_a_hostile_vector_is_refused(self, api, outside, vector):
        wine_shop(1)
        embed_customers()

        response = put(api, "R0", vector=vector)

        assert response.status_code == 400, response.content
        assert not CustomerEmbedding.objects.filter(vector__isnull=False).exists()

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
    def test_numbers_that_are_none_are_refused(self, api, outside, number):
        wine_shop(1)
        embed_customers()

        body = json.dumps({"vector": [1, 2, 3, 4]}).replace("4", number)
        response = api.client.put(
            "/api/v1/customers/R0/embedding",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {api.secret}"},
        )

        assert response.status_code == 400
        assert not CustomerEmbedding.objects.filter(vector__isnull=False).exists()

    def test_a_model_that_is_none_and_one_whose_vectors_are_made_here_are_refused(self, api):
        wine_shop(1)
        embed_customers(all=True)
        local = EmbeddingModel.objects.get()

        assert put(api, "R0", vector=[1.0] * 128).status_code == 409
        assert put(api, "R0", vector=[1.0] * 128, model=local.pk).status_code == 409
        assert put(api, "R0", vector=[1.0], model=local.pk + 1).status_code == 409
        assert "external" in put(api, "R0", vector=[1.0]).json()["detail"]

    def test_whom_we_do_not_embed_is_refused(self, api, outside):
        wine_shop(1)
        embed_customers()
        CustomerFactory(code="TEST", is_test=True)

        assert put(api, "TEST", vector=[1, 2, 3, 4]).status_code == 409
        assert put(api, "nobody", vector=[1, 2, 3, 4]).status_code == 404

    def test_it_needs_its_own_scope(self, api):
        reader = api.with_scopes("embeddings:read", "customers:read")

        assert put(reader, "R0", vector=[1]).status_code == 403
        assert api.with_scopes("customers:read").get("customers/R0/similar").status_code == 403
        assert reader.get("embedding-models").status_code == 200


class TestProducts:
    def test_a_workflow_sends_the_vectors_of_products_too(self, api, outside):
        wine_shop(1)
        goods(post={"kind": "charge"})
        embed_customers()
        asked = {"embedding_status": "pending"}

        keys = [one["key"] for one in api.get("products", asked).json()["results"]]
        for place, key in enumerate(keys):
            text = api.get(f"products/{key}/embedding").json()
            body = {"vector": [1 + place, 2, 3, 4], "text_sha256": text["text_sha256"]}
            sent = api.call("put", f"products/{key}/embedding", body)
            assert (sent.status_code, sent.json()["status"]) == (200, "done")
            assert (sent.json()["product"], key in text["text"]) == (key, True)

        assert keys == ["gin", "port", "red", "white"]
        assert api.get("products", asked).json()["results"] == []
        assert len(api.get("products", {"embedding_status": "done"}).json()["results"]) == 4
        Product.objects.filter(key="red").update(family="Rosé")
        assert api.get("products/red/embedding").json()["status"] == "stale"
        old = api.call("put", "products/red/embedding", {**body, "text_sha256": "0" * 64})
        assert old.json()["status"] == "stale"

    def test_what_makes_no_sense_is_refused(self, api, outside):
        wine_shop(1)
        goods(post={"kind": "charge"})
        embed_customers()
        reader = api.with_scopes("embeddings:read")

        def put_product(key, vector, who=api):
            return who.call("put", f"products/{key}/embedding", {"vector": vector}).status_code

        assert put_product("red", [1, 2, 3]) == 400
        assert put_product("red", [0, 0, 0, 0]) == 400
        assert put_product("none", [1, 2, 3, 4]) == 404
        assert put_product("post", [1, 2, 3, 4]) == 409
        assert api.get("products/post/embedding").status_code == 409
        assert put_product("red", [1, 2, 3, 4], reader) == 403

    def test_vectors_made_here_are_not_sent(self, api):
        embedded_shop(1)

        sent = api.call("put", "products/red/embedding", {"vector": [1.0] * 128})

        assert (sent.status_code, "external" in sent.json()["detail"]) == (409, True)


class TestStatusFilter:
    def test_customers_written_since_the_last_run_wait_too(self, api):
        embedded_shop(1)
        CustomerFactory(code="NEW")

        def codes(status):
            rows = api.get("customers", {"embedding_status": status}).json()["results"]
            return [row["code"] for row in rows]

        assert codes("pending") == ["NEW"]
        embed_customers()
        assert codes("pending") == []
        assert codes("empty") == ["NEW"]
        assert codes("done") == ["G0", "P0", "R0", "W0"]
        CustomerEmbedding.objects.filter(customer__code="R0").update(status="stale")
        assert codes("pending") == codes("stale") == ["R0"]

    def test_before_the_first_model_everybody_waits(self, api):
        CustomerFactory(code="C1")
        rows = api.get("customers", {"embedding_status": "pending"}).json()["results"]
        assert [row["code"] for row in rows] == ["C1"]
        assert api.get("customers", {"embedding_status": "done"}).json()["results"] == []
        assert "embedding_status" in errors(api.get("customers", {"embedding_status": "x"}))
