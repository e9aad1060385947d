"""Staff see who is alike and why, start runs, and go back to a former model."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse

from analytics.models import CustomerEmbedding
from analytics.selectors.embeddings import current_model
from analytics.services.embeddings import embed_customers
from analytics.services.rfm import score_rfm
from crm_project.common.models import Job
from crm_project.common.services import job_runs
from customers.models import Customer
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow, rows
from tests.analytics.embedding_support import embedded_shop, wine_shop
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db

CUSTOMERS = "admin:customers_customer_changelist"
MODELS = "admin:analytics_embeddingmodel_changelist"


def page_of(client, code, **query):
    key = Customer.objects.get(code=code).pk
    return client.get(
        reverse("admin:customers_customer_change", args=[key]), {"tabs": "all", **query}
    )


class TestTheTab:
    def test_it_shows_neighbours_with_what_they_share_and_links_to_them(self, admin_client):
        embedded_shop()
        Customer.objects.filter(code="R1").update(name=HOSTILE)

        text = page_of(admin_client, "R0").content.decode()

        neighbour = Customer.objects.get(code="R1")
        assert reverse("admin:customers_customer_change", args=[neighbour.pk]) in text
        assert "merlot" in text
        assert "Similar customers" in text
        assert HOSTILE not in text

    def test_it_can_look_among_the_same_segment_or_steady_customers(self, admin_client):
        embedded_shop()
        score_rfm()

        everybody = page_of(admin_client, "R0").content.decode()
        same = page_of(admin_client, "R2", similar="segment").content.decode()
        steady = page_of(admin_client, "R0", similar="orders").content.decode()

        assert "Same segment" in same
        assert ">R1<" in everybody
        assert ">R1<" not in steady
        assert ">R2<" in steady
        # Nothing in common is not alike, even where nobody else is there.
        assert ">G0<" not in everybody

    def test_it_says_why_there_are_none(self, admin_client):
        CustomerFactory(code="NEW")
        assert "embed_customers" in page_of(admin_client, "NEW").content.decode()
        wine_shop(1)
        embed_customers(all=True)
        assert "Nothing is known" in page_of(admin_client, "NEW").content.decode()

    def test_it_needs_a_permission(self, client, staff_user):
        embedded_shop(1)
        allow(staff_user, "view_customer")
        client.force_login(staff_user)
        assert "Similar customers" not in page_of(client, "R0").content.decode()


class TestTheList:
    def test_ticked_customers_are_embedded_by_a_job(self, admin_client):
        embedded_shop()
        chosen = list(Customer.objects.filter(code__in=["R0", "W0"]).values_list("pk", flat=True))

        admin_client.post(
            reverse(CUSTOMERS), {"action": "embed_customers", ACTION_CHECKBOX_NAME: chosen}
        )

        job = Job.objects.get()
        assert (job.kind, job.params) == ("embed_customers", {"customers": sorted(chosen)})
        job_runs.run(job_id=job.pk)
        job.refresh_from_db()
        assert (job.status, job.result["embedded"]) == ("succeeded", 2)

    def test_who_may_not_embed_has_no_such_action(self, client, staff_user):
        customer = CustomerFactory()
        allow(staff_user, "view_customer", "change_customer")
        client.force_login(staff_user)

        assert "embed_customers" not in client.get(reverse(CUSTOMERS)).content.decode()
        client.post(
            reverse(CUSTOMERS), {"action": "embed_customers", ACTION_CHECKBOX_NAME: [customer.pk]}
        )
        assert not Job.objects.exists()

    def test_it_filters_by_what_has_become_of_the_embedding(self, admin_client):
        embedded_shop(1)
        CustomerFactory(code="NEW")

        def codes(state):
            found = admin_client.get(reverse(CUSTOMERS), {"embedding": state})
            return [row.code for row in rows(found)]

        assert codes("pending") == ["NEW"]
        assert codes("done") == ["G0", "P0", "R0", "W0"]
        assert codes("odd") == []


class TestModels:
    @pytest.mark.parametrize(
        ("name", "params"), [("embed_now", {}), ("embed_anew", {"anew": True})]
    )
    def test_runs_start_as_jobs(self, admin_client, name, params):
        wine_shop(1)
        url = reverse(f"admin:analytics_embeddingmodel_{name}")

        assert not Job.objects.exists()
        admin_client.post(url, SUBMITTED)

        job = Job.objects.get()
        assert (job.kind, job.params) == ("embed_customers", params)
        job_runs.run(job_id=job.pk)
        assert current_model() is not None

    def test_a_former_model_can_be_used_again(self, admin_client):
        embedded_shop()
        old = current_model()
        embed_customers(all=True, anew=True)
        url = reverse("admin:analytics_embeddingmodel_use_now", args=[old.pk])

        admin_client.post(url, SUBMITTED)

        assert current_model() == old
        page = admin_client.get(
            reverse("admin:analytics_embeddingmodel_change", args=[old.pk])
        ).content.decode()
        assert "Learns anew" in page
        assert "16" in page

    def test_without_the_permission_nothing_can_be_started(self, client, staff_user):
        embedded_shop(1)
        allow(staff_user, "view_embeddingmodel", "view_customerembedding")
        client.force_login(staff_user)
        model = current_model()

        for name, args in (("embed_now", []), ("embed_anew", []), ("use_now", [model.pk])):
            url = reverse(f"admin:analytics_embeddingmodel_{name}", args=args)
            assert client.post(url, SUBMITTED).status_code == 403
        assert not Job.objects.exists()

    def test_the_list_of_states_does_not_read_vectors(
        self, admin_client, django_assert_num_queries
    ):
        embedded_shop()
        CustomerEmbedding.objects.filter(customer__code="R0").update(status="failed", error=HOSTILE)
        url = reverse("admin:analytics_customerembedding_changelist")
        admin_client.get(url)

        response = admin_client.get(url, {"status__exact": "failed"})

        assert [row.customer.code for row in rows(response)] == ["R0"]
        assert HOSTILE not in response.content.decode()
        assert all("vector" in row.get_deferred_fields() for row in rows(response))
