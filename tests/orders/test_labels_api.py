"""Labels, aliases and the catalogue's rules over the API and from commands."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from crm_project.common.models import Job
from crm_project.common.tasks import run_job
from orders.models import LabelSuggestion, OrderItem, Product, ProductAlias
from tests.api import errors
from tests.factories import LabelSuggestionFactory, ProductFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]

FILE = (
    b"order_number,ordered_at,customer_code,product_key,product_label,quantity,unit_price\n"
    b"1,2025-01-05,C1,,Rieslng dry,2,5\n"
)


def run(response):
    assert response.status_code == 202, response.content
    run_job(response.json()["job"]["id"])
    return response.json()


class TestQueue:
    def test_a_refused_label_is_accepted_and_its_line_comes_in(self, api):
        riesling = ProductFactory(key="R1", label="Riesling dry")
        batch = run(
            api.client.post(
                "/api/v1/imports",
                {"kind": "orders", "file": SimpleUploadedFile("orders.csv", FILE)},
                headers={"Authorization": f"Bearer {api.secret}"},
            )
        )["batch"]["id"]
        run(api.post(f"imports/{batch}/commit"))
        (one,) = api.get("label-suggestions", {"status": "pending"}).json()["results"]
        assert (one["label"], one["product"], one["batch"]) == ("Rieslng dry", "R1", batch)

        accepted = api.post(f"label-suggestions/{one['id']}/accept").json()

        assert accepted["suggestions"][0]["status"] == "accepted"
        assert accepted["suggestions"][0]["decided_by"] == api.user.username
        assert accepted["batches"] == [batch]
        again = run(api.post(f"imports/{batch}/again"))["batch"]
        assert (again["mode"], again["id"] != batch) == ("create", True)
        run(api.post(f"imports/{again['id']}/commit"))
        assert OrderItem.objects.get().product == riesling
        assert api.post(f"imports/{again['id']}/again").status_code == 409

    def test_many_are_decided_at_once_or_none(self, api):
        rows = LabelSuggestionFactory.create_batch(2)
        ids = [row.pk for row in rows]

        assert api.post("label-suggestions/decide", {"decision": "reject", "ids": ids}).json()
        refused = api.post("label-suggestions/decide", {"decision": "accept", "ids": ids})
        reopened = api.post("label-suggestions/decide", {"decision": "reopen", "ids": ids})

        assert refused.status_code == 409
        assert [row["status"] for row in reopened.json()["suggestions"]] == ["pending"] * 2
        assert not ProductAlias.objects.exists()

    def test_the_list_is_filtered_and_costs_the_same_however_long(
        self, api, django_assert_max_num_queries
    ):
        LabelSuggestionFactory.create_batch(12, origin="scan", other=ProductFactory())
        LabelSuggestionFactory(label="Pinot 2019", source="shop", product=None)

        with django_assert_max_num_queries(6):
            assert len(api.get("label-suggestions").json()["results"]) == 13
        for asked in ({"q": "pin 19"}, {"source": "shop"}, {"origin": "import"}):
            assert [row["label"] for row in api.get("label-suggestions", asked).json()["results"]]\
                == ["Pinot 2019"]  # fmt: skip
        assert errors(api.get("label-suggestions", {"status": "x"})) == {"status": "invalid_choice"}

    @pytest.mark.parametrize(
        ("body", "attr"),
        [
            ({"product": "nobody"}, "product"),
            ({"product": "\x00"}, "product"),
            ({"retire": "perhaps"}, "retire"),
            ({"other": 1}, "other"),
        ],
    )
    def test_hostile_bodies_are_refused_in_words(self, api, body, attr):
        one = LabelSuggestionFactory()

        response = api.post(f"label-suggestions/{one.pk}/accept", body)

        assert response.status_code == 400
        assert list(errors(response)) in ([attr], [None])
        for ids in ([], [0], ["x"], [2**80], [1] * 501):
            wrong = api.post("label-suggestions/decide", {"decision": "reject", "ids": ids})
            assert wrong.status_code == 400
        assert api.get(f"label-suggestions/{10**17}").status_code == 404

    def test_reading_and_deciding_are_different_rights(self, api):
        one = LabelSuggestionFactory()
        reader = api.with_scopes("products:read")

        assert reader.get("label-suggestions").status_code == 200
        for path in ("accept", "reject", "reopen"):
            assert reader.post(f"label-suggestions/{one.pk}/{path}").status_code == 403
        assert reader.post("catalogue/derive").status_code == 403
        assert reader.post("product-aliases").status_code == 403


class TestAliases:
    def test_they_are_made_found_and_taken_away(self, api):
        product = ProductFactory(key="P1")

        made = api.post("product-aliases", {"label": " Other Name ", "product": "P1"})

        assert made.status_code == 201
        assert (made.json()["label"], made.json()["product"]) == ("Other Name", "P1")
        twice = api.post("product-aliases", {"label": "other name", "product": "P1"})
        assert twice.status_code == 409
        found = api.get("product-aliases", {"label": "OTHER NAME"}).json()["results"]
        assert [row["id"] for row in found] == [made.json()["id"]]
        assert api.delete(f"product-aliases/{made.json()['id']}").status_code == 204
        assert not product.aliases.exists()


class TestJobs:
    def test_looking_for_suggestions_and_filling_the_catalogue_are_jobs(self, api):
        ProductFactory.create_batch(2, label="White mug")

        run(api.post("label-suggestions/suggest"))
        run(api.post("catalogue/derive", {"rules": ["families"]}))

        assert LabelSuggestion.objects.get().origin == "scan"
        results = {job.kind: job.result["words"] for job in Job.objects.all()}
        assert results == {
            "suggest_aliases": "0 of 0 waiting labels have a product that is alike; 1 of 2 products"
            " look like another one.",
            "derive_catalogue": "Filled families of 2 products.",
        }
        wrong = api.post("catalogue/derive", {"rules": ["stock"]})
        assert wrong.status_code == 400

    def test_the_commands_say_what_they_did(self, capsys):
        ProductFactory.create_batch(2, label="White mug")

        call_command("suggest_aliases", "--json", "--dry-run")
        call_command("derive_catalogue", "families", "--dry-run")
        call_command("derive_catalogue", "families", "--json")

        out = capsys.readouterr().out
        assert '"alike": 1' in out
        assert "Would fill families of 2 products." in out
        assert json.loads(out[out.rindex('{\n  "filled"') :])["filled"] == {"families": 2}
        assert not LabelSuggestion.objects.exists()
        assert set(Product.objects.values_list("family", flat=True)) == {"Kitchen & dining"}
