"""Every admin page of ours opens: with a search, with rows, for the right people only."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from analytics.models import PipelineRun, PipelineStep
from analytics.services.rfm import score_rfm
from analytics.services.saved_segment_exports import export_members
from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import store
from orders.models import Product
from tests.analytics.saved_segments import ANYBODY, segment
from tests.analytics.signals import envelope
from tests.factories import (
    CampaignFactory,
    ConsentFactory,
    ContactBlockFactory,
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
    "admin:recommendations_why_not",
    "admin:common_freshness",
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
    ContactBlockFactory(customer=customer, source=HOSTILE)
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
    saved = segment("saved", ANYBODY, built=True, name=HOSTILE, description=HOSTILE)
    list(export_members(segment=saved, user=None, way="api", personal=True))
    run = PipelineRun.objects.create(as_of=timezone.localdate(), error=HOSTILE)
    PipelineStep.objects.create(run=run, name=HOSTILE, position=1, words=HOSTILE)
    PipelineStep.objects.create(run=run, name="rfm", position=2, error=HOSTILE, status="failed")
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


@pytest.mark.parametrize("name", PAGES[1:7])
def test_pages_of_their_own_need_a_permission(client, staff_user, name):
    client.force_login(staff_user)

    assert client.get(reverse(name)).status_code == 403


def test_strangers_are_sent_to_the_login(client):
    response = client.get(reverse("admin:customers_customer_changelist"))

    assert response.status_code == 302
    assert "/login/" in response["Location"]


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
