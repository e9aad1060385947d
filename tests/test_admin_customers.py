"""The list and the page of customers show figures to those who may see them, in few queries."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import CurrentRfmScore, RfmRun
from analytics.services.rfm import score_rfm
from customers.models import Customer
from tests.analytics.admin_pages import allow
from tests.factories import CustomerFactory, OrderFactory

pytestmark = pytest.mark.django_db


class TestCustomerList:
    def test_the_number_of_queries_does_not_grow_with_the_rows(self, admin_client):
        for _ in range(2):
            OrderFactory()
        score_rfm()
        url = reverse("admin:customers_customer_changelist")
        admin_client.get(url)
        with CaptureQueriesContext(connection) as few:
            admin_client.get(url)
        for _ in range(12):
            OrderFactory()
        score_rfm()
        with CaptureQueriesContext(connection) as many:
            admin_client.get(url)

        assert len(many) == len(few)
        assert not [q for q in many if 'COUNT(*) AS "__count" FROM "customers_cust' in q["sql"]]

    def test_it_shows_segment_and_total(self, admin_client):
        order = OrderFactory()
        score_rfm()

        text = admin_client.get(reverse("admin:customers_customer_changelist")).content.decode()

        assert f"£{order.net_amount:,.2f}" in text
        assert CurrentRfmScore.objects.get().segment.name in text

    def test_without_the_permission_there_is_no_segment_and_no_total(self, client, staff_user):
        order = OrderFactory()
        score_rfm()
        staff_user.user_permissions.add(Permission.objects.get(codename="view_customer"))
        client.force_login(staff_user)

        lists = client.get(reverse("admin:customers_customer_changelist")).content.decode()
        page = client.get(
            reverse("admin:customers_customer_change", args=[order.customer_id]), {"tabs": "all"}
        ).content.decode()

        assert order.customer.code in lists
        for text in (lists, page):
            assert f"{order.net_amount:,.2f}" not in text
            assert CurrentRfmScore.objects.get().segment.name not in text

    @pytest.mark.parametrize("words", ["smith", "SMITH ann", "c77", "77"])
    def test_the_search_finds_every_word_in_any_case(self, admin_client, words):
        found = CustomerFactory(code="77", name="Ann Smith", email="c77@example.org")
        other = CustomerFactory(code="C1", name="Ben Brown")

        response = admin_client.get(reverse("admin:customers_customer_changelist"), {"q": words})

        assert list(response.context["cl"].result_list) == [found]
        assert other.code not in {row.code for row in response.context["cl"].result_list}

    def test_filters_narrow_by_segment_score_country_and_consent_flags(self, admin_client):
        buyer = OrderFactory(customer__country="Malta").customer
        CustomerFactory(country="Malta", is_optout=True)
        score_rfm()
        score = CurrentRfmScore.objects.get()
        url = reverse("admin:customers_customer_changelist")

        def found(**asked):
            return set(admin_client.get(url, asked).context["cl"].result_list)

        assert found(segment=score.segment.code) == {buyer}
        assert found(rfm=score.code[:2]) == {buyer}
        assert found(country="Malta", contactable="1") == {buyer}
        assert buyer not in found(segment="prospects")
        assert found(rfm="9") == set()
        assert found(moved="no.such.run") == set()


class TestCustomerPage:
    def test_it_shows_figures_and_says_as_of_when(self, admin_client):
        order = OrderFactory()
        score_rfm()
        run = RfmRun.objects.get()

        response = admin_client.get(
            reverse("admin:customers_customer_change", args=[order.customer_id]), {"tabs": "all"}
        )

        figures = {kpi.label: kpi for kpi in response.context["kpis"]}
        assert figures["Total spent"].value == f"£{order.net_amount:,.2f}"
        assert f"{run.as_of:%-d %b %Y}" in figures["Segment"].note
        assert order.number in response.content.decode()

    def test_a_change_is_kept_with_who_and_why(self, admin_client, admin_user):
        customer = CustomerFactory()
        url = reverse("admin:customers_customer_change", args=[customer.pk])
        form = admin_client.get(url).context["adminform"].form
        data = {
            name: "" if (value := form.get_initial_for_field(field, name)) is None else value
            for name, field in form.fields.items()
        }
        data |= {"name": "New Name", "profile": "{}", "change_reason": "Married"}
        for prefix in ("consents", "aliases"):
            data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
        data = {name: value for name, value in data.items() if value is not False}

        response = admin_client.post(url, data)

        assert response.status_code == 302, response.context["adminform"].form.errors
        history = admin_client.get(reverse("admin:customers_customer_history", args=[customer.pk]))
        change = history.context["changes"][0]
        assert (change.who, change.reason, change.what) == ("admin", "Married", "changed")
        assert "New Name" in {field.after for field in change.fields}
        assert Customer.objects.get().name == "New Name"

    def test_it_needs_few_queries_however_many_orders(self, admin_client):
        customer = CustomerFactory()
        for _ in range(15):
            OrderFactory(customer=customer)
        url = reverse("admin:customers_customer_change", args=[customer.pk])
        admin_client.get(url)

        with CaptureQueriesContext(connection) as queries:
            admin_client.get(url)
        with CaptureQueriesContext(connection) as queries_of_all:
            admin_client.get(url, {"tabs": "all"})

        # One or two for each figure and tab, none for each row of them.
        assert len(queries) <= 25
        assert len(queries_of_all) <= 40


class TestTabs:
    def test_they_come_when_they_are_opened(self, admin_client):
        customer = CustomerFactory()
        url = reverse("admin:customers_customer_change", args=[customer.pk])

        page = admin_client.get(url, {"timeline": "1.2"}).content.decode()
        tab = admin_client.get(url, {"tab": "customerevent"})

        assert 'hx-get="?timeline=1.2&amp;tab=customerevent"' in page
        place = page.partition("dataset-customerevent-group")[2].partition("</div>")[0]
        assert "Loading" in place
        assert "Nobody has changed this" not in page
        assert tab.status_code == 200
        assert tab.content.decode().strip().startswith('<div class="crm-card"')
        assert "Nobody has changed this" in tab.content.decode()

    @pytest.mark.parametrize("name", ["nothing", "contactevent", "", "a\x00b"])
    def test_what_is_none_is_not_found(self, admin_client, name):
        url = reverse("admin:customers_customer_change", args=[CustomerFactory().pk])

        assert admin_client.get(url, {"tab": name}).status_code == 404

    def test_of_nobody_is_not_found(self, admin_client):
        url = reverse("admin:customers_customer_change", args=[10**9])

        assert admin_client.get(url, {"tab": "customerevent"}).status_code == 404

    def test_each_asks_for_its_own_permission_and_for_that_of_the_page(self, client, staff_user):
        url = reverse("admin:customers_customer_change", args=[CustomerFactory().pk])
        client.force_login(staff_user)
        assert client.get(url, {"tab": "signal"}).status_code == 403
        allow(staff_user, "view_signal")
        assert client.get(url, {"tab": "signal"}).status_code == 403
        allow(staff_user, "view_customer")
        assert client.get(url, {"tab": "signal"}).status_code == 200
        assert client.get(url, {"tab": "recoitem"}).status_code == 404


@pytest.mark.parametrize("name", ["saved", "embedding", "status", "taste", "contactable"])
def test_filters_of_the_list_take_a_nul(admin_client, name):
    response = admin_client.get(reverse("admin:customers_customer_changelist"), {name: "a\x00b"})
    assert response.status_code in (200, 302)
