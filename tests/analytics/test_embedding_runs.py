"""Runs that are killed, collide, or meet a service that is slow, wrong or away."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, connection
from django.utils import timezone

from analytics.embeddings.http_post import Patience
from analytics.embeddings.local import LocalProvider
from analytics.models import CustomerEmbedding, EmbeddingModel
from analytics.selectors.embeddings import current_model
from analytics.services import embedding_rows, embedding_settings
from analytics.services.embeddings import embed_customers
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Order, Product
from tests.analytics.embedding_service import running
from tests.analytics.embedding_support import embedded_shop, wine_shop
from tests.factories import CustomerFactory

KEY = "sk-secret"


@pytest.fixture
def service(settings, monkeypatch):
    """A service on this machine, asked without patience."""
    with running() as served:
        settings.CRM_EMBEDDING_PROVIDER = "openai"
        settings.CRM_EMBEDDING_MODEL = "small"
        settings.CRM_EMBEDDING_DIMENSIONS = served.dimension
        settings.CRM_EMBEDDING_BASE_URL = served.url
        settings.CRM_EMBEDDING_API_KEY = KEY
        settings.CRM_EMBEDDING_PRICE_PER_MILLION = "20.00"
        quick = Patience(timeout=2, tries=2, first_wait=0.01)
        monkeypatch.setattr(embedding_settings, "patience", lambda: quick)
        yield served


def try_again_now():
    CustomerEmbedding.objects.filter(status="failed").update(
        next_try_at=timezone.now() - timedelta(hours=1)
    )


@pytest.mark.django_db
class TestService:
    def test_it_embeds_by_a_service_and_keeps_no_key(self, service):
        wine_shop()

        result = embed_customers(all=True)

        assert (result.embedded, result.switched) == (16, True)
        assert {one["Authorization"] for one in service.headers} == {f"Bearer {KEY}"}
        model = EmbeddingModel.objects.get()
        assert KEY not in str(model.params)
        assert KEY.encode() not in bytes(model.artefact)
        assert all(len(one["input"]) <= 50 for one in service.asked)

    def test_equal_texts_are_sent_once(self, service):
        wine_shop()
        embed_customers(all=True)
        customers = [one["input"] for one in service.asked[1:]]
        assert all(len(texts) == len(set(texts)) for texts in customers)

    def test_the_cost_is_told_before_anything_is_sent(self, service, capsys):
        wine_shop()

        call_command("embed_customers", "--all", "--dry-run")

        said = capsys.readouterr().out
        assert "16 customers" in said
        assert "cost: at most 0.0" in said
        assert service.asked == []

    def test_a_service_that_gives_no_answer_leaves_words_and_is_tried_later(self, service):
        wine_shop()
        embed_customers(all=True)
        CustomerEmbedding.objects.update(status="stale")
        service.instead = [(503, {}, b"{}")] * 4

        result = embed_customers(all=True)

        assert (result.failed, result.embedded) == (16, 0)
        row = CustomerEmbedding.objects.first()
        assert "503" in row.error
        assert (row.status, row.attempts) == ("failed", 1)
        assert row.vector is not None
        assert timedelta(minutes=4) < row.next_try_at - timezone.now() < timedelta(minutes=6)
        assert current_model() is not None
        assert embed_customers(all=True).failed == 0  # Not yet due.
        try_again_now()
        service.instead = []
        assert embed_customers(all=True).embedded == 16
        assert set(CustomerEmbedding.objects.values_list("status", "attempts")) == {("done", 0)}

    def test_each_failure_doubles_the_wait_up_to_a_day(self, service):
        wine_shop(1)
        embed_customers(all=True)
        CustomerEmbedding.objects.update(status="failed", attempts=30)
        try_again_now()
        service.instead = [(400, {}, b"{}")] * 20

        embed_customers(all=True)

        row = CustomerEmbedding.objects.filter(attempts=31).first()
        assert timedelta(hours=23) < row.next_try_at - timezone.now() <= timedelta(days=1)

    def test_time_outs_are_told_in_words(self, service, monkeypatch):
        wine_shop(1)
        embed_customers(all=True)
        CustomerEmbedding.objects.update(status="stale")
        service.silent = threading.Event()
        quick = Patience(timeout=0.1, tries=1)
        monkeypatch.setattr(embedding_settings, "patience", lambda: quick)

        assert embed_customers(all=True).failed == 4
        assert "did not answer in time" in CustomerEmbedding.objects.first().error

    def test_one_bad_text_does_not_hold_up_its_neighbours_for_ever(self, service):
        wine_shop()
        embed_customers(all=True)
        CustomerEmbedding.objects.update(status="stale")
        service.instead = [(400, {}, b"{}")]
        embed_customers(all=True)
        try_again_now()
        service.instead = [(400, {}, b"{}")]

        result = embed_customers(all=True)

        assert (result.embedded, result.failed) == (15, 1)

    def test_a_run_stops_when_nothing_works(self, service, settings):
        settings.CRM_EMBEDDING_BATCH = 2
        wine_shop()
        embed_customers(all=True)
        asked = len(service.asked)
        CustomerEmbedding.objects.update(status="stale")
        service.instead = [(401, {}, b"{}")] * 20

        result = embed_customers(all=True)

        assert result.failed == 6
        assert "check the key" in result.error
        assert len(service.asked) - asked == 3
        assert "check the key" in RefreshState.objects.latest("started_at").error

    def test_a_first_model_that_cannot_learn_says_why_and_goes_on_later(self, service):
        wine_shop()
        service.instead = [(401, {}, b"{}")]
        with pytest.raises(CrmError, match="check the key"):
            embed_customers(all=True)
        assert "check the key" in EmbeddingModel.objects.get().error

        assert embed_customers(all=True).switched
        assert EmbeddingModel.objects.get().error == ""

    @pytest.mark.parametrize("wrong", [{"CRM_EMBEDDING_PROVIDER": "magic"},
                                       {"CRM_EMBEDDING_MODEL": ""},
                                       {"CRM_EMBEDDING_DIMENSIONS": 0},
                                       {"CRM_EMBEDDING_BASE_URL": "ftp://x"}])  # fmt: skip
    def test_settings_that_make_no_sense_are_told(self, service, settings, wrong):
        wine_shop(1)
        for name, value in wrong.items():
            setattr(settings, name, value)
        with pytest.raises(CommandError):
            call_command("embed_customers")


@pytest.mark.django_db
class TestPrivacy:
    SECRETS = ("Annabel", "Featherstone", "annabel", "example.org", "@", "0151", "1234567",
               "Wisteria", "Cheltenham", "GL50", "Featherco")  # fmt: skip

    def test_no_personal_field_can_reach_a_service(self, service):
        wine_shop(1)
        contact = "annabel@example.org, 0151 1234567"
        Customer.objects.update(
            name="Annabel Featherstone",
            email="annabel.featherstone@example.org",
            phone="+441511234567",
            country="Cheltenham",
            language="GL50",
            profile={
                "name": "Annabel Featherstone",
                "address": {"street": "1 Wisteria Lane", "town": "Cheltenham", "zip": "GL50"},
                "company": "Featherco",
                "notes": f"Annabel of Featherco, {contact}",
                "tags": [f"likes port, says Annabel Featherstone, {contact}"],
            },
        )
        Order.objects.update(channel="0151 1234567")
        Product.objects.update(
            label=f"Box {contact}", family=f"Port {contact}", grape=contact, sugar_level=contact
        )

        embed_customers(all=True)

        sent = "\n".join(text for one in service.asked for text in one["input"])
        assert "Port" in sent
        assert [secret for secret in self.SECRETS if secret in sent] == []


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.django_db
class TestKilled:
    def test_what_was_made_stays_and_the_old_vectors_serve(self, monkeypatch, settings):
        embedded_shop()
        old = current_model()
        settings.CRM_EMBEDDING_DIMENSIONS = 16
        monkeypatch.setattr(embedding_rows, "CHUNK", 6)
        embed, calls = LocalProvider.embed, []

        def dies(self, texts):
            calls.append(texts)
            if len(calls) == 2:
                raise Killed
            return embed(self, texts)

        monkeypatch.setattr(LocalProvider, "embed", dies)
        with pytest.raises(Killed):
            embed_customers(all=True)

        assert current_model() == old
        new = EmbeddingModel.objects.get(status="building")
        done = CustomerEmbedding.objects.filter(model=new, status="done")
        assert done.count() == 6
        assert "interrupted" in RefreshState.objects.latest("started_at").error
        first = done.earliest("pk").embedded_at
        result = embed_customers(all=True)
        assert (result.embedded, result.switched, result.model) == (10, True, new)
        assert done.earliest("pk").embedded_at == first


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_the_second_is_refused_and_the_first_goes_on(self, in_thread):
        wine_shop()
        seen = []

        def meanwhile(done, total, message):
            if not seen:
                seen.append(in_thread(embed_customers, all=True))

        result = embed_customers(all=True, progress=meanwhile)

        with pytest.raises(ConflictError, match="under way"):
            seen[0]()
        assert result.embedded == 16
        assert embed_customers(all=True).embedded == 0

    def test_a_run_whose_connection_dies_gives_up_the_lock_and_keeps_what_it_made(
        self, in_thread, monkeypatch
    ):
        wine_shop()
        monkeypatch.setattr(embedding_rows, "CHUNK", 6)

        def dies():
            def cut(done, total, message):
                if done >= 6:
                    with connection.cursor() as cursor:
                        cursor.execute("select pg_terminate_backend(pg_backend_pid())")

            embed_customers(all=True, progress=cut)

        with pytest.raises(Error):
            in_thread(dies)()

        assert CustomerEmbedding.objects.filter(status="done").count() == 6
        assert embed_customers(all=True).embedded == 10
        assert current_model() is not None


@pytest.mark.django_db
def test_customers_and_orders_are_never_written():
    """Embedding only extends the data (seed 000)."""
    wine_shop()
    CustomerFactory(code="NEW")

    def all_rows():
        return [list(model.objects.order_by("pk").values()) for model in (Customer, Order, Product)]

    before = all_rows()
    embed_customers(all=True)
    assert all_rows() == before
    assert replace(embed_customers(all=True), embedded=0).embedded == 0
