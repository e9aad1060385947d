"""Customers, contacts and products from files: by key, and an empty cell says nothing."""

import io

import pytest

from crm_project.common.services.jobs import create_job
from crm_project.common.tasks import run_job
from customers.models import ContactEvent, Customer, ImportBatch
from customers.services import imports
from orders.models import Product
from tests.factories import (
    CampaignFactory,
    ContactEventFactory,
    CustomerAliasFactory,
    CustomerFactory,
    ProductFactory,
)
from tests.orders.order_files import counts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uploads")]


def batch_of(kind, *lines, **given):
    file = io.BytesIO("\n".join(lines).encode())
    return imports.create_batch(kind=kind, format="generic", file=file, file_name="f.csv", **given)


def take(kind, *lines, **given):
    return imports.commit(batch_id=batch_of(kind, *lines, **given).pk)


class TestCustomers:
    HEADER = "code,name,email,phone,is_optout,registered_at"
    ANN = "C1,Ann,ann@example.org,+441234567890,no,2020-01-02"

    def test_new_changed_and_unchanged_rows_are_told_apart(self):
        assert counts(take("customers", self.HEADER, self.ANN, "C2,Bo,,,,")) == (2, 2, 0, 0, 0, 0)
        changed = self.ANN.replace("Ann", "Anna")
        batch = take("customers", self.HEADER, changed, "C2,Bo,,,,", "C3,,,,yes,")
        assert counts(batch) == (3, 1, 1, 1, 0, 0)
        assert Customer.objects.get(code="C1").name == "Anna"
        assert Customer.objects.get(code="C3").not_contactable_reason == "OPT_OUT"

    def test_an_empty_cell_leaves_what_is_stored(self):
        take("customers", self.HEADER, self.ANN)
        assert counts(take("customers", self.HEADER, "C1,,,,,")) == (1, 0, 0, 1, 0, 0)
        assert Customer.objects.get().email == "ann@example.org"

    @pytest.mark.parametrize(
        ("mode", "expected"), [("create", (2, 1, 0, 0, 0, 1)), ("update", (2, 0, 1, 0, 0, 1))]
    )
    def test_a_mode_leaves_out_what_it_is_not_for(self, mode, expected):
        CustomerFactory(code="C1")
        assert counts(take("customers", self.HEADER, self.ANN, "C2,,,,,", mode=mode)) == expected
        assert Customer.objects.count() == 1 + (mode == "create")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (",Ann,,,,", "no_customer"),
            ("C1,Ann,nobody,,,", "bad_email"),
            ("C1,Ann,,01234,,", "bad_phone"),
            ("C1,Ann,,,maybe,", "bad_is_optout"),
            ("C1,Ann,,,,2020-13-01", "bad_date"),
            ("C1,Ann", "too_few_columns"),
            ("OLD,Ann,,,,", "old_code"),
            ("C9,Ann,,,,", "duplicate_key"),
        ],
    )
    def test_it_refuses_a_bad_row_with_its_text(self, line, reason):
        CustomerAliasFactory(code="OLD")
        batch = take("customers", self.HEADER, "C9,Z,,,,", line)
        row = batch.refused_rows.get()
        assert (row.line_number, row.raw, row.code) == (3, line, reason)
        assert (batch.new, batch.refused) == (1, 1)


class TestContacts:
    HEADER = "external_id,customer_code,occurred_at,channel,campaign"

    def test_a_message_sent_twice_is_stored_once(self):
        CustomerFactory(code="C1")
        CampaignFactory(code="spring")
        line = "m1,C1,2024-01-02T10:00:00Z,email,spring"
        assert take("contacts", self.HEADER, line).new == 1
        assert counts(take("contacts", self.HEADER, line, line)) == (2, 0, 0, 1, 1, 0)
        event = ContactEvent.objects.get()
        assert (event.direction, event.status, event.campaign.code) == (
            "outbound",
            "sent",
            "spring",
        )

    def test_what_comes_in_was_received(self):
        CustomerFactory(code="C1")
        header = self.HEADER.replace("campaign", "direction,status")
        take(
            "contacts",
            header,
            "m1,C1,2024-01-02,phone,inbound,",
            "m2,C1,2024-01-02,email,,bounced",
            "m3,C1,2024-01-02,email,outbound,",
        )
        events = ContactEvent.objects.order_by("external_id")
        assert [event.status for event in events] == ["received", "bounced", "sent"]

    def test_a_report_changes_the_status_and_leaves_the_rest(self):
        CustomerAliasFactory(code="OLD", customer__code="C1")
        CampaignFactory(code="spring")
        take("contacts", self.HEADER, "m1,OLD,2024-01-02T10:00:00Z,email,spring")
        header = self.HEADER.replace("campaign", "status")
        batch = take("contacts", header, "m1,C1,2024-01-02T10:00:00Z,email,opened")
        assert counts(batch) == (1, 0, 1, 0, 0, 0)
        event = ContactEvent.objects.get()
        assert (event.status, event.campaign.code, event.customer.code) == (
            "opened",
            "spring",
            "C1",
        )

    @pytest.mark.parametrize(
        ("stored", "told", "kept"),
        [
            ("clicked", "opened", "clicked"),
            ("delivered", "bounced", "bounced"),
            ("bounced", "bounced", "bounced"),
            ("received", "sent", "sent"),
            ("opened", "", "opened"),
        ],
    )
    def test_a_status_only_moves_forward(self, stored, told, kept):
        ContactEventFactory(customer__code="C1", external_id="m1", status=stored)
        header = self.HEADER.replace("campaign", "status")
        batch = take("contacts", header, f"m1,C1,2024-01-02T10:00:00Z,email,{told}")
        assert batch.changed == 1  # its time
        again = take("contacts", header, f"m1,C1,2024-01-02T10:00:00Z,email,{told}")
        assert again.unchanged == 1
        assert ContactEvent.objects.get().status == kept

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("m,nobody,2024-01-02,email,", "unknown_customer"),
            ("m,C1,2024-01-02,email,none", "unknown_campaign"),
            ("m,C1,2024-01-02,fax,", "bad_channel"),
            ("m,C1,,email,", "no_date"),
        ],
    )
    def test_what_it_names_must_exist(self, line, reason):
        CustomerFactory(code="C1")
        batch = take("contacts", self.HEADER, line)
        assert batch.summary["refused_by_reason"] == {reason: 1}
        assert not ContactEvent.objects.exists()


class TestProducts:
    def test_taste_fields_and_tags_are_taken_and_missing_ones_stay_unknown(self):
        header = "key;label;price;aroma_fruity;season_tags;stock"
        take("products", header, "W1;Wine;12,50;3;summer|winter;7", "W2;;9,00;;;")
        wine, other = Product.objects.order_by("key")
        assert (str(wine.price), wine.aroma_fruity, wine.stock) == ("12.50", 3, 7)
        assert wine.season_tags == ["summer", "winter"]
        assert (other.label, other.aroma_fruity, other.season_tags) == ("W2", None, [])

    @pytest.mark.parametrize("cell", ["6", "0", "1.5", "x"])
    def test_an_aroma_is_one_to_five(self, cell):
        batch = take("products", "key,aroma_fruity", f"W1,{cell}")
        assert batch.summary["refused_by_reason"] == {"bad_aroma_fruity": 1}

    def test_what_a_file_gives_is_no_longer_derived_even_where_it_is_the_same(self):
        marked = ["family", "grape", "price"]
        product = ProductFactory(
            key="W1", family="Red", grape="Merlot", price=5, derived_fields=marked
        )

        batch = take("products", "key,family,grape,price", "W1,Red,Malbec,")
        again = take("products", "key,family,grape,price", "W1,Red,Malbec,")

        product.refresh_from_db()
        assert (product.grape, product.derived_fields) == ("Malbec", ["price"])
        assert (batch.changed, again.unchanged) == (1, 1)

    def test_anything_else_comes_as_a_json_object(self):
        take("products", "key;attributes", """W1;"{""abv"": 12.5, ""grapes"": [""Merlot""]}\"""")
        assert Product.objects.get().attributes == {"abv": 12.5, "grapes": ["Merlot"]}
        take("products", "key;attributes", "W1;")
        assert Product.objects.get().attributes["abv"] == 12.5

    @pytest.mark.parametrize(
        "cell", ["{", "[1]", "1", "{'a': NaN}", '{"a": NaN}', '{"a": "\\u0000"}', "[" * 9999]
    )
    def test_what_is_no_such_object_is_refused(self, cell):
        quoted = cell.replace('"', '""')
        batch = take("products", "key;attributes", f'W1;"{quoted}"')
        assert batch.summary["refused_by_reason"] == {"bad_attributes": 1}


@pytest.mark.parametrize(("kind", "status"), [("preview", "previewed"), ("commit", "committed")])
def test_a_job_previews_and_commits(kind, status):
    batch = batch_of("customers", "code", "C1")
    job = create_job(kind=f"import_{kind}", params={"batch_id": batch.pk})

    run_job(str(job.pk))

    job.refresh_from_db()
    assert (job.status, job.result["new"]) == ("succeeded", 1)
    assert ImportBatch.objects.get().status == status
