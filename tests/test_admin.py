"""Every admin page of ours opens: with a search, with rows, for the right people only."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import CurrentRfmScore, RfmRun
from analytics.services.rfm import score_rfm
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import store
from crm_project.common.models import ApiToken
from customers.models import Customer
from orders.models import Product
from tests.analytics.signals import envelope
from tests.factories import (
    CampaignFactory,
    ConsentFactory,
    ContactEventFactory,
    CustomerAliasFactory,
    CustomerFactory,
    ImportBatchFactory,
    JobFactory,
    OrderFactory,
    ProductAliasFactory,
    RefreshStateFactory,
    RefusedRowFactory,
)

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example","x")'
MODELS = list(admin.site._registry)
PAGES = [
    "admin:index",
    "admin:analytics_movement",
    "admin:analytics_segmentation_compare",
    "admin:analytics_grid",
    "admin:analytics_segment_map",
    "admin:analytics_signal_queue",
    "admin:analytics_glossary",
]


def name_of(model, page):
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


@pytest.fixture
def filled():
    """One row or more of everything, with hostile text wherever text comes from outside."""
    customer = CustomerFactory(code="C1", name=HOSTILE, country=HOSTILE)
    for _ in range(3):
        OrderFactory(customer=customer, channel="<b>web</b>", items=1)
    CustomerAliasFactory(customer=customer, reason=HOSTILE)
    ConsentFactory(customer=customer, source=HOSTILE)
    ContactEventFactory(customer=customer, campaign=CampaignFactory(name=HOSTILE))
    ProductAliasFactory(label=f"{HOSTILE} {FORMULA}")
    Product.objects.update(label=HOSTILE, family=FORMULA)
    batch = ImportBatchFactory(
        file_name=f"{HOSTILE}.csv", status="previewed", lines=3, new=2, refused=1
    )
    RefusedRowFactory(batch=batch, raw=f"{HOSTILE},{FORMULA}", reason=HOSTILE)
    JobFactory(message=HOSTILE, error=HOSTILE, params={"text": HOSTILE})
    RefreshStateFactory(error=HOSTILE)
    store([envelope("odd_thing", HOSTILE, message_id=HOSTILE, signal_data={HOSTILE: HOSTILE})])
    quarantine(envelope("x", HOSTILE), HOSTILE, HOSTILE)
    score_rfm()
    return customer


def assert_safe(response):
    assert response.status_code == 200
    text = response.content.decode()
    assert HOSTILE not in text
    assert "<b>web</b>" not in text
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']([^"']+)""", text)
    assert not [url for url in loaded if url.startswith(("http:", "https:", "//"))]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_opens_also_with_a_search(admin_client, filled, model):
    url = reverse(name_of(model, "changelist"))

    assert_safe(admin_client.get(url))
    assert_safe(admin_client.get(url, {"q": "x"}))
    assert_safe(admin_client.get(url, {"q": "<script> \x00"}))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_page_of_a_row_opens(admin_client, filled, model):
    row = model._default_manager.first()
    if row is None:
        pytest.skip("no rows of this model in the test")

    assert_safe(admin_client.get(reverse(name_of(model, "change"), args=[row.pk])))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_add_page_opens_or_is_refused(admin_client, filled, model):
    response = admin_client.get(reverse(name_of(model, "add")))

    assert response.status_code in {200, 403}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_staff_without_permission_are_refused(client, staff_user, filled, model):
    client.force_login(staff_user)

    assert client.get(reverse(name_of(model, "changelist"))).status_code == 403
    assert client.get(reverse(name_of(model, "add"))).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_its_own_opens_with_and_without_rows(admin_client, name):
    assert_safe(admin_client.get(reverse(name)))
    OrderFactory(customer__name=HOSTILE)
    score_rfm()
    assert_safe(admin_client.get(reverse(name)))


@pytest.mark.parametrize("name", PAGES[1:5])
def test_pages_of_their_own_need_a_permission(client, staff_user, name):
    client.force_login(staff_user)

    assert client.get(reverse(name)).status_code == 403


def test_strangers_are_sent_to_the_login(client):
    response = client.get(reverse("admin:customers_customer_changelist"))

    assert response.status_code == 302
    assert "/login/" in response["Location"]


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
            reverse("admin:customers_customer_change", args=[order.customer_id])
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
            reverse("admin:customers_customer_change", args=[order.customer_id])
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

        assert len(queries) <= 28


class TestSegmentMap:
    def cells(self, admin_client):
        page = admin_client.get(reverse("admin:analytics_segment_map"))
        return {
            f"cell_{cell.code}": chosen
            for _, rows in page.context["layers"]
            for _, row in rows
            for cell, chosen in row
        }

    def test_a_whole_map_is_saved(self, admin_client):
        cells = self.cells(admin_client)
        assert len(cells) == 125

        response = admin_client.post(
            reverse("admin:analytics_segment_map"),
            {**cells, "cell_555": cells["cell_111"], "change_reason": "test"},
        )

        assert response.status_code == 302
        assert self.cells(admin_client)["cell_555"] == cells["cell_111"]

    def test_a_map_with_a_hole_is_refused_in_words(self, admin_client):
        cells = self.cells(admin_client)

        response = admin_client.post(
            reverse("admin:analytics_segment_map"), {**cells, "cell_345": ""}
        )

        assert "345" in response.context["problem"]
        assert self.cells(admin_client) == cells

    def test_viewers_cannot_save(self, client, staff_user):
        staff_user.user_permissions.add(
            *Permission.objects.filter(codename__in=["view_segmentcell", "view_segment"])
        )
        client.force_login(staff_user)

        assert client.get(reverse("admin:analytics_segment_map")).status_code == 200
        assert client.post(reverse("admin:analytics_segment_map")).status_code == 403


class TestActions:
    def test_score_now_writes_a_job(self, admin_client):
        url = reverse("admin:analytics_rfmrun_score_now")

        response = admin_client.post(url, {"_form_submitted": "True", "mode": "quantile"})

        job_url = response["Location"]
        assert response.status_code == 302
        assert "/common/job/" in job_url
        assert admin_client.get(job_url).context["job"].job.kind == "score_rfm"

    def test_opening_the_dialog_starts_nothing(self, admin_client):
        admin_client.get(reverse("admin:analytics_rfmrun_score_now"))

        page = admin_client.get(reverse("admin:common_job_changelist"))
        assert not page.context["cl"].result_list

    def test_a_viewer_sees_no_button_and_cannot_use_it(self, client, staff_user):
        staff_user.user_permissions.add(Permission.objects.get(codename="view_rfmrun"))
        client.force_login(staff_user)
        page = client.get(reverse("admin:analytics_rfmrun_changelist"))

        assert "Score now" not in page.content.decode()
        refused = client.post(
            reverse("admin:analytics_rfmrun_score_now"), {"_form_submitted": "True"}
        )
        assert refused.status_code == 403

    def test_a_job_is_cancelled_and_retried(self, admin_client):
        job = JobFactory(kind="score_rfm")
        job.refresh_from_db()
        for action, status in (("cancel", "cancelled"), ("retry", "queued")):
            admin_client.post(
                reverse(f"admin:common_job_{action}", args=[job.pk]), {"_form_submitted": "True"}
            )
            job.refresh_from_db()
            assert job.status == status

    def test_a_finished_job_asks_the_page_to_load_anew(self, admin_client):
        job = JobFactory(status="succeeded")
        job = type(job).objects.get()

        response = admin_client.get(reverse("admin:common_job_progress", args=[job.pk]))

        assert response["HX-Refresh"] == "true"


class TestPalette:
    def test_it_finds_customers_orders_and_products(self, admin_client):
        order = OrderFactory(customer__name="Zoe Palette", number="C536365")

        def titles(text):
            page = admin_client.get(reverse("admin:search"), {"s": text, "extended": 1})
            return page.content.decode()

        assert "Zoe Palette" in titles("palette")
        assert f"Order {order.number}" in titles("c536365")

    def test_it_finds_nothing_without_permission(self, client, staff_user):
        OrderFactory(customer__name="Zoe Palette")
        client.force_login(staff_user)

        page = client.get(reverse("admin:search"), {"s": "palette", "extended": 1})

        assert "Zoe" not in page.content.decode()


def test_the_sidebar_shows_only_what_may_be_opened(client, staff_user):
    staff_user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(staff_user)

    text = client.get(reverse("admin:index")).content.decode()

    assert reverse("admin:orders_order_changelist") in text
    assert reverse("admin:common_job_changelist") not in text
    assert reverse("admin:customers_customer_changelist") not in text


class TestTokens:
    def issue(self, client, user, **changed):
        data = {"name": "shop", "user": user.pk, "scopes": ["orders:read"], "rate": ""}
        data |= {"expires_at_0": "", "expires_at_1": "", **changed}
        return client.post(reverse("admin:common_apitoken_add"), data)

    def test_the_secret_is_shown_once_and_not_stored(self, admin_client, admin_user):
        response = self.issue(admin_client, admin_user)

        secret = response.context["secret"]
        token = ApiToken.objects.get()
        assert secret in response.content.decode()
        assert "no-store" in response["Cache-Control"]
        page = admin_client.get(reverse("admin:common_apitoken_change", args=[token.pk]))
        assert secret not in page.content.decode()
        assert token.scopes == ["orders:read"]

    def test_what_the_service_refuses_is_said_on_the_form(self, admin_client, admin_user):
        response = self.issue(admin_client, admin_user, rate="a lot")

        assert response.status_code == 200
        assert response.context["adminform"].form.errors
        assert not ApiToken.objects.exists()

    def test_it_is_revoked(self, admin_client, admin_user):
        self.issue(admin_client, admin_user)
        token = ApiToken.objects.get()

        admin_client.post(
            reverse("admin:common_apitoken_revoke", args=[token.pk]), {"_form_submitted": "True"}
        )

        token.refresh_from_db()
        assert token.revoked_at is not None

    def test_staff_neither_see_nor_issue_the_tokens_of_others(
        self, client, staff_user, admin_client, admin_user
    ):
        self.issue(admin_client, admin_user)
        staff_user.user_permissions.add(
            *Permission.objects.filter(codename__in=["view_apitoken", "add_apitoken"])
        )
        client.force_login(staff_user)

        page = client.get(reverse("admin:common_apitoken_changelist"))
        refused = self.issue(client, admin_user)

        assert not page.context["cl"].result_list
        assert refused.context["adminform"].form.errors["user"]
        assert ApiToken.objects.count() == 1
