"""People work through the queue of labels, one by one or many at once."""

import io

import pytest
from django.urls import reverse

from crm_project.common.models import Job
from customers.models import ImportBatch
from customers.services import imports
from orders.models import LabelSuggestion, ProductAlias
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow, rows
from tests.factories import ImportBatchFactory, LabelSuggestionFactory, ProductFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:orders_labelsuggestion_changelist")


def to(name, *args):
    return reverse(f"admin:orders_labelsuggestion_{name}", args=args)


def words(response):
    return [str(message) for message in response.context["messages"]]


class TestList:
    def test_what_waits_is_shown_first_and_counted_in_the_sidebar(self, admin_client):
        often = LabelSuggestionFactory(label=HOSTILE, seen=9)
        other = LabelSuggestionFactory(seen=1, origin="scan", other=ProductFactory())
        LabelSuggestionFactory(status="rejected", decided_at="2025-01-01T00:00Z")

        page = admin_client.get(LIST)

        assert rows(page) == [often, other]
        assert HOSTILE not in page.content.decode()
        assert [row.status for row in rows(admin_client.get(LIST, {"status": "rejected"}))] == [
            "rejected"
        ]
        assert rows(admin_client.get(LIST, {"origin": "scan"})) == [other]
        assert rows(admin_client.get(LIST, {"q": "alert script"})) == [often]

    def test_the_number_of_queries_does_not_grow(self, admin_client, django_assert_max_num_queries):
        LabelSuggestionFactory.create_batch(20)
        admin_client.get(LIST)

        with django_assert_max_num_queries(14):
            admin_client.get(LIST)

    def test_many_are_accepted_after_a_look_at_all_pairs(self, admin_client):
        product = ProductFactory(label="Riesling")
        double = LabelSuggestionFactory(label="Rieslng", product=product, other=ProductFactory())
        one = LabelSuggestionFactory(label="Riesling dry", product=product,
                                     batch=ImportBatchFactory())  # fmt: skip
        data = {"action": "accept_selected", "_selected_action": [double.pk, one.pk]}

        asked = admin_client.post(LIST, data)
        assert "Accept 2 proposals?" in asked.content.decode()
        assert not ProductAlias.objects.exists()
        done = admin_client.post(LIST, {**data, "confirmed": "1", "retire": "1"}, follow=True)

        assert set(product.aliases.values_list("label", flat=True)) == {"Rieslng", "Riesling dry"}
        assert "can be imported again" in words(done)[0]
        double.other.refresh_from_db()
        assert not double.other.is_active
        empty = admin_client.post(LIST, {**data, "confirmed": "1"}, follow=True)
        assert "waits any more" in words(empty)[0]

    def test_a_pair_that_cannot_be_accepted_says_why_and_nothing_happens(self, admin_client):
        one, bare = LabelSuggestionFactory(), LabelSuggestionFactory(label="?", product=None)
        data = {"action": "accept_selected", "_selected_action": [one.pk, bare.pk]}

        done = admin_client.post(LIST, {**data, "confirmed": "1"}, follow=True)

        assert "say which one is meant" in words(done)[0]
        assert LabelSuggestion.objects.pending().count() == 2


class TestOne:
    def test_after_a_decision_the_next_one_follows(self, admin_client):
        first, second = LabelSuggestionFactory(seen=5), LabelSuggestionFactory(seen=3)

        page = admin_client.get(to("change", first.pk)).content.decode()
        accepted = admin_client.post(to("accept_one", first.pk), SUBMITTED)
        rejected = admin_client.post(to("reject_one", second.pk), SUBMITTED)

        assert all(word in page for word in ("Accept", "Reject", "Another product"))
        assert accepted["Location"] == to("change", second.pk)
        assert rejected["Location"] == LIST
        assert set(LabelSuggestion.objects.values_list("status", flat=True)) == {
            "accepted", "rejected",
        }  # fmt: skip
        assert "Open again" in admin_client.get(to("change", second.pk)).content.decode()
        admin_client.post(to("reopen_one", second.pk), SUBMITTED)
        assert LabelSuggestion.objects.pending().get() == second

    def test_another_product_is_named_by_its_key(self, admin_client):
        one = LabelSuggestionFactory(label="White mug")
        meant = ProductFactory(key="M1", label="White mugs")

        assert "M1: White mugs" in admin_client.get(to("change", one.pk)).content.decode()
        wrong = admin_client.post(to("accept_other", one.pk), {**SUBMITTED, "product": "\x00"})
        assert wrong.status_code == 200
        admin_client.post(to("accept_other", one.pk), {**SUBMITTED, "product": "M1"})

        assert ProductAlias.objects.get().product == meant

    def test_looking_is_not_deciding(self, client, staff_user):
        one = LabelSuggestionFactory()
        allow(staff_user, "view_labelsuggestion", "view_product")
        client.force_login(staff_user)

        assert client.get(to("change", one.pk)).status_code == 200
        for name in ("accept_one", "accept_other", "reject_one"):
            assert client.post(to(name, one.pk), SUBMITTED).status_code == 403
        assert client.post(to("suggest"), SUBMITTED).status_code == 403
        assert client.post(reverse("admin:orders_product_derive"), SUBMITTED).status_code == 403
        assert "accept_selected" not in client.get(LIST).content.decode()


class TestJobs:
    def test_searching_and_filling_are_started_from_the_lists(self, admin_client):
        admin_client.post(to("suggest"), {**SUBMITTED, "alike": "on"})
        admin_client.post(
            reverse("admin:orders_product_derive"),
            {**SUBMITTED, "rules": ["prices"], "dry_run": "on"},
        )

        found = dict(Job.objects.values_list("kind", "params"))
        assert found == {
            "suggest_aliases": {"alike": True},
            "derive_catalogue": {"rules": ["prices"], "dry_run": True},
        }

    def test_refused_lines_are_imported_again_from_the_page_of_the_import(
        self, admin_client, settings, tmp_path
    ):
        settings.CRM_UPLOAD_DIR = tmp_path
        file = (
            b"order_number,ordered_at,customer_code,product_key,quantity,unit_price\n,,,,,\n1,,,,,"
        )
        batch = imports.create_batch(kind="orders", format="generic", file=io.BytesIO(file),
                                     file_name="f.csv")  # fmt: skip
        imports.commit(batch_id=batch.pk)
        url = reverse("admin:customers_importbatch_change", args=[batch.pk])

        assert "Import the refused lines again" in admin_client.get(url).content.decode()
        done = admin_client.post(
            reverse("admin:customers_importbatch_again", args=[batch.pk]), follow=True
        )

        again = ImportBatch.objects.latest("pk")
        assert done.redirect_chain[0][0].endswith(f"/{again.pk}/change/")
        assert (again.mode, again.file_sha256) == ("create", batch.file_sha256)
        assert Job.objects.get().params == {"batch_id": again.pk}
