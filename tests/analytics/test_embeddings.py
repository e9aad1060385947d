"""Customers get vectors; a changed text makes them stale; a new model takes over in one moment."""

from datetime import date, timedelta

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from analytics.models import CustomerEmbedding, EmbeddingModel, ProductEmbedding
from analytics.selectors.embeddings import current_model, taste_vectors
from analytics.services import embedding_models
from analytics.services.embeddings import embed_customers
from analytics.services.profiles import refresh_profiles
from analytics.tasks import embed_customers_hourly
from crm_project.common.exceptions import CrmError, NotReadyError
from crm_project.common.models import RefreshState
from customers.models import Customer
from orders.models import Product
from tests.analytics.embedding_support import embedded_shop, wine_shop
from tests.analytics.profile_support import buy
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def statuses():
    return dict(CustomerEmbedding.objects.values_list("customer__code", "status"))


def when(code):
    return CustomerEmbedding.objects.get(customer__code=code).embedded_at


def test_everybody_gets_a_vector_and_the_model_becomes_current():
    wine_shop()

    result = embed_customers(all=True)

    assert (result.embedded, result.failed, result.waiting, result.switched) == (16, 0, 0, True)
    assert result.products == 4
    assert set(statuses().values()) == {"done"}
    assert current_model() == result.model
    assert ProductEmbedding.objects.filter(status="done").count() == 4
    state = RefreshState.objects.get(name="embeddings")
    assert (state.rows, state.error) == (16, "")


def test_who_buys_the_same_lies_close_and_who_does_not_lies_far():
    embedded_shop()

    keys, matrix, texts, _ = taste_vectors()

    codes = dict(CustomerEmbedding.objects.values_list("customer_id", "customer__code"))
    likeness = matrix @ matrix.T
    kind = np.array([codes[key][0] for key in keys.tolist()])
    same = kind[:, None] == kind[None, :]
    assert likeness[same].min() > likeness[~same].max()
    assert "Red wine" in texts([next(key for key in codes if codes[key] == "R0")]).popitem()[1]


def test_running_again_changes_nothing():
    embedded_shop()
    before = list(CustomerEmbedding.objects.order_by("pk").values())

    result = embed_customers(all=True)

    assert (result.embedded, result.products, result.switched) == (0, 0, False)
    assert list(CustomerEmbedding.objects.order_by("pk").values()) == before


@pytest.mark.django_db(transaction=True)  # A later transaction has a later now().
class TestWhatChanges:
    def test_only_who_has_another_text_is_embedded_again(self):
        red, white, *_ = embedded_shop()
        before = {code: when(code) for code in ("R0", "R2", "W0")}
        buy("R0", "2011-05-01", (white, "500.00"))
        # The text of R2 says the same as before.
        buy("R2", "2011-02-10", (red, "20.00"))
        refresh_profiles()

        result = embed_customers()

        assert result.embedded == 1
        assert when("R0") > before["R0"]
        assert (when("R2"), when("W0")) == (before["R2"], before["W0"])
        assert CustomerEmbedding.objects.get(customer__code="R0").checked_at is not None

    def test_new_customers_wait_and_those_who_left_are_forgotten(self):
        red, *_ = embedded_shop()
        Customer.objects.filter(code="R0").update(status="deleted")
        Customer.objects.filter(code="R1").update(is_test=True)
        buy("NEW", "2011-05-01", (red, "20.00"))
        CustomerFactory(code="QUIET")
        refresh_profiles()

        result = embed_customers()

        assert (result.embedded, result.empty) == (1, 1)
        found = statuses()
        assert (found["NEW"], found["QUIET"]) == ("done", "empty")
        assert not {"R0", "R1"} & set(found)

    def test_a_limit_leaves_the_rest_for_the_next_run(self):
        wine_shop()

        first = embed_customers(limit=5)

        assert (first.embedded, first.waiting, first.switched) == (5, 11, False)
        assert current_model() is None
        assert embed_customers(limit=100).switched
        with pytest.raises(CrmError):
            embed_customers(limit=0)

    def test_chosen_customers_are_embedded_again_and_nobody_else(self):
        embedded_shop()
        before = {code: when(code) for code in statuses()}
        chosen = list(Customer.objects.filter(code__in=["R0", "W0"]).values_list("pk", flat=True))

        assert embed_customers(customers=chosen).embedded == 2

        again = {code for code in statuses() if when(code) > before[code]}
        assert again == {"R0", "W0"}

    def test_a_new_template_makes_all_of_a_service_stale(self):
        embedded_shop()
        CustomerEmbedding.objects.update(template_version="taste-0")
        assert embed_customers().embedded == 16

    def test_a_changed_product_is_embedded_again(self):
        embedded_shop()
        product = Product.objects.get(key="gin")
        product.family = "Liqueur"
        product.save()
        refresh_profiles()

        assert embed_customers().products == 1

    def test_an_empty_shop_embeds_nobody(self):
        assert embed_customers(all=True).embedded == 0
        assert current_model() is None
        with pytest.raises(NotReadyError):
            taste_vectors()


class TestAnotherModel:
    def test_the_old_vectors_serve_until_the_new_ones_are_complete(self, settings):
        embedded_shop()
        old = current_model()
        settings.CRM_EMBEDDING_DIMENSIONS = 16

        embed_customers(limit=5)
        assert current_model() == old
        assert taste_vectors().matrix.shape == (16, 128)
        assert CustomerEmbedding.objects.filter(model=old, status="done").count() == 16
        result = embed_customers(all=True)

        assert result.switched
        assert taste_vectors().matrix.shape == (16, 16)
        old.refresh_from_db()
        assert (old.is_current, old.status) == (False, "retired")
        assert "settings" in result.model.reason

    def test_the_former_one_can_be_gone_back_to_for_a_week(self):
        embedded_shop()
        old = current_model()
        embed_customers(all=True, anew=True)
        assert current_model() != old

        embedding_models.activate(model_id=old.pk)

        assert current_model() == old
        later = timezone.now() + timedelta(days=8)
        [cleared] = embedding_models.clear_former(at=later)
        assert not CustomerEmbedding.objects.filter(model_id=cleared).exists()
        with pytest.raises(CrmError, match="cleared"):
            embedding_models.activate(model_id=cleared)

    def test_settings_that_change_again_give_up_the_half_filled_one(self, settings):
        embedded_shop()
        settings.CRM_EMBEDDING_DIMENSIONS = 16
        half = embed_customers(limit=1).model
        settings.CRM_EMBEDDING_DIMENSIONS = 128

        embed_customers()

        half.refresh_from_db()
        assert (half.status, half.dropped_at is not None) == ("failed", True)
        assert EmbeddingModel.objects.filter(status="building").count() == 0

    @pytest.mark.django_db(transaction=True)
    def test_it_learns_anew_when_much_has_changed(self, monkeypatch):
        _, white, *_ = embedded_shop()
        monkeypatch.setattr(embedding_models, "REFIT_FROM", 3)
        for code in ("R0", "R1", "R2", "R3"):
            buy(code, "2011-06-01", (white, "900.00"))
        refresh_profiles()
        assert not embed_customers(all=True).switched
        first = current_model()
        assert first.written == 4

        result = embed_customers(all=True)

        assert result.switched
        assert "4 vectors of new or changed texts" in result.model.reason
        assert result.model.written == 0

    def test_a_model_that_is_not_complete_or_not_of_the_settings_is_not_used(self, settings):
        embedded_shop()
        settings.CRM_EMBEDDING_DIMENSIONS = 16
        half = embed_customers(limit=1).model
        with pytest.raises(NotReadyError, match="15 customers still wait"):
            embedding_models.activate(model_id=half.pk)
        assert embedding_models.activate(model_id=half.pk, partly=True).is_current
        settings.CRM_EMBEDDING_DIMENSIONS = 64
        with pytest.raises(CrmError, match="settings"):
            embedding_models.activate(model_id=EmbeddingModel.objects.earliest("pk").pk)


class TestThePast:
    def test_vectors_of_a_past_day_know_nothing_of_later_days_and_leave_nothing(self):
        _, white, *_ = embedded_shop()
        day = date(2011, 4, 30)
        before = taste_vectors(as_of=day)

        buy("R0", "2011-05-01", (white, "5000.00"))
        buy("NEW", "2011-05-02", (white, "10.00"))
        refresh_profiles()
        after = taste_vectors(as_of=day)

        assert before.customer_ids.tolist() == after.customer_ids.tolist()
        assert np.array_equal(before.matrix, after.matrix)
        keys = before.customer_ids.tolist()
        assert before.texts(keys) == after.texts(keys)
        assert EmbeddingModel.objects.count() == 1

    def test_before_the_first_order_there_is_nobody(self):
        embedded_shop(1)
        assert taste_vectors(as_of=date(2010, 1, 1)).matrix.shape == (0, 128)


def query(sql):
    with connection.cursor() as cursor:
        cursor.execute("set local search_path = crm, public")
        cursor.execute(sql)
        rows = cursor.fetchall()
        cursor.execute("set local search_path = public")
    return rows


class TestTheSqlContract:
    SEED_000 = """
        SELECT id, name, total_spent, last_order_at
        FROM customers
        WHERE embedding_status IS NULL
        LIMIT 50
    """

    def test_the_query_of_seed_000_finds_whom_to_embed(self):
        wine_shop()
        assert len(query(self.SEED_000)) == 16
        embed_customers(all=True)
        assert query(self.SEED_000) == []
        CustomerEmbedding.objects.filter(customer__code="R0").update(status="stale")
        CustomerFactory(code="NEW")
        assert len(query(self.SEED_000)) == 2

    def test_the_search_of_seed_004_runs_over_customers_and_products(self):
        embedded_shop()
        [vector] = query("select embedding::text from embeddings where content = 'R0'")

        rows = query(
            f"SELECT content, 1 - (embedding <=> '{vector[0]}') AS similarity"  # noqa: S608
            " FROM embeddings ORDER BY similarity DESC LIMIT 5"
        )

        assert {content for content, _ in rows} == {"R0", "R1", "R2", "R3", "red bottle"}


class TestWaysIn:
    def test_the_command_says_what_it_did_and_what_is_left(self, capsys):
        wine_shop()
        call_command("embed_customers", "--dry-run")
        assert "16 customers would be embedded by a new model" in capsys.readouterr().out
        assert not EmbeddingModel.objects.exists()

        call_command("embed_customers", "--limit", "6")
        assert "10 wait" in capsys.readouterr().out
        call_command("embed_customers", "--all", "--json")
        assert '"switched": true' in capsys.readouterr().out
        call_command("embed_customers", "--all", "--dry-run", "--json")
        assert '"customers": 0' in capsys.readouterr().out

    def test_the_hourly_task_is_scheduled_and_embeds_all(self):
        wine_shop(15)
        assert PeriodicTask.objects.get(task=embed_customers_hourly.name).crontab.hour == "*"

        embed_customers_hourly()

        assert CustomerEmbedding.objects.filter(status="done").count() == 60
