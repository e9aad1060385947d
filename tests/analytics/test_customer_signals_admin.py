"""Signals elsewhere in the admin: the customer's timeline, the palette, tokens, the sidebar."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from analytics.services.signal_quarantine import quarantine
from analytics.services.signal_store import store
from crm_project.common.models import ApiToken
from tests.analytics.admin_pages import allow, key_of, rows
from tests.analytics.signals import envelope
from tests.factories import (
    ContactEventFactory,
    CustomerFactory,
    OrderFactory,
)

pytestmark = pytest.mark.django_db


QUARANTINE = "admin:analytics_quarantinedevent_changelist"


def page_of(customer):
    """Return the page of a customer with all tabs drawn."""
    return f"{reverse('admin:customers_customer_change', args=[customer.pk])}?tabs=all"


class TestTheCustomersPage:
    def test_the_timeline_has_orders_contacts_and_signals_newest_first(self, admin_client):
        now = timezone.now()
        customer = CustomerFactory(code="C1")
        order = OrderFactory(customer=customer, ordered_at=now - timedelta(days=3))
        ContactEventFactory(customer=customer, occurred_at=now - timedelta(days=2))
        store([envelope("meeting_booked", "C1", at=now - timedelta(days=1))])

        page = admin_client.get(page_of(customer))
        text = page.content.decode()

        assert text.index("Meeting booked") < text.index("E-mail to the customer")
        assert text.index("E-mail to the customer") < text.index(f"Order {order.number}")

    def test_what_somebody_may_not_see_is_not_in_it(self, client, staff_user):
        customer = CustomerFactory(code="C1")
        order = OrderFactory(customer=customer)
        store([envelope("meeting_booked", "C1", at=timezone.now())])
        allow(staff_user, "view_customer", "view_signal")
        client.force_login(staff_user)
        url = page_of(customer)

        text = client.get(url).content.decode()
        assert "Meeting booked" in text
        assert order.number not in text
        staff_user.user_permissions.remove(Permission.objects.get(codename="view_signal"))
        assert "Meeting booked" not in client.get(url).content.decode()
        piece = reverse("admin:analytics_signal_timeline", args=[customer.pk])
        assert client.get(piece).status_code == 403

    def test_many_of_a_kind_are_one_line_that_opens(self, admin_client):
        customer = CustomerFactory(code="C1")
        day = timezone.localtime().replace(hour=12, minute=0, second=0) - timedelta(days=1)
        store([envelope("view", "C1", at=day + timedelta(minutes=n)) for n in range(5)])

        text = admin_client.get(page_of(customer)).content.decode()

        assert "Product viewed, 5 times" in text

    def test_the_button_at_the_end_brings_the_older_ones(self, admin_client):
        customer = CustomerFactory(code="C1")
        types = ["view", "add_to_cart"]
        start = timezone.now() - timedelta(days=80)
        store([envelope(types[n % 2], "C1", at=start + timedelta(days=n)) for n in range(70)])
        url = page_of(customer)
        piece = reverse("admin:analytics_signal_timeline", args=[customer.pk])
        _, _, rest = admin_client.get(url).content.decode().partition(f'hx-get="{piece}')

        older = admin_client.get(piece + rest.partition('"')[0]).content.decode()

        assert older.count("crm-points") == 20
        assert "hx-get" not in older

    @pytest.mark.parametrize(
        "cursor", ["x", "1.2", "1.2.3.4", "1.9.9", "1.0.-1", "9" * 30 + ".0.1"]
    )
    def test_a_broken_place_shows_the_newest(self, admin_client, cursor):
        customer = CustomerFactory(code="C1")
        store([envelope("meeting_booked", "C1", at=timezone.now())])
        url = page_of(customer)

        assert "Meeting booked" in admin_client.get(f"{url}&timeline={cursor}").content.decode()


@pytest.fixture
def poison():
    """Two events in quarantine; the first could be stored now."""
    good = envelope("view", "C1", message_id="m1")
    bad = envelope("view", "C1", message_id="m2", occurred_at="1999-01-01T00:00:00Z")
    quarantine(good, "unknown", "The reason has gone since.")
    quarantine(bad, "too_old", "It happened before 2000.")
    return good, bad


class TestThePalette:
    def find(self, client, text):
        page = client.get(reverse("admin:search"), {"s": text, "extended": 1})
        return page.content.decode()

    def test_it_finds_signals_by_word_and_by_receipt(self, admin_client):
        one = envelope("odd_thing", "nobody", signal_data={"subject": "Gewürztraminer tasting"})
        store([one])
        url = reverse("admin:analytics_signal_change", args=[key_of(one)])

        assert url in self.find(admin_client, "gewurztraminer")
        assert url in self.find(admin_client, str(key_of(one)))

    def test_it_finds_quarantined_events_by_receipt(self, admin_client, poison):
        key = key_of(poison[0])

        found = self.find(admin_client, str(key))

        assert reverse("admin:analytics_quarantinedevent_change", args=[key]) in found

    def test_without_permission_it_finds_nothing(self, client, staff_user):
        one = envelope("odd_thing", "nobody", signal_data={"subject": "Gewürztraminer"})
        store([one])
        client.force_login(staff_user)

        for text in ("gewurztraminer", str(key_of(one))):
            assert str(key_of(one)) not in self.find(client, text).replace(f"s={text}", "")


class TestTokens:
    def test_a_use_ticks_its_scopes(self, admin_client):
        page = admin_client.get(reverse("admin:common_apitoken_add"), {"preset": "signals"})
        other = admin_client.get(reverse("admin:common_apitoken_add"), {"preset": "nonsense"})

        form = page.context["adminform"].form
        assert form.get_initial_for_field(form.fields["scopes"], "scopes") == ["signals:write"]
        assert other.status_code == 200

    @pytest.mark.parametrize("scope", ["signals:write", "orders:read"])
    def test_how_to_send_signals_is_shown_with_such_a_token(self, admin_client, admin_user, scope):
        data = {"name": "shop", "user": admin_user.pk, "scopes": [scope], "rate": ""}
        data |= {"expires_at_0": "", "expires_at_1": ""}

        page = admin_client.post(reverse("admin:common_apitoken_add"), data).content.decode()

        assert ("curl -X POST http://testserver/api/v1/signals" in page) == (
            scope == "signals:write"
        )
        listed = admin_client.get(reverse("admin:common_apitoken_changelist"), {"scope": scope})
        assert rows(listed) == [ApiToken.objects.get()]


def test_the_sidebar_counts_what_waits_in_quarantine_for_those_who_may(
    client, admin_client, staff_user, poison
):
    url = reverse(QUARANTINE)

    theirs = admin_client.get(reverse("admin:index")).content.decode()
    client.force_login(staff_user)
    others = client.get(reverse("admin:index")).content.decode()

    entry = theirs[theirs.index(f'href="{url}"') :][:2_000]
    assert re.search(r">\s*2\s*<", entry)
    assert url not in others


def test_the_sidebar_leads_to_the_tokens_that_send_signals(admin_client):
    url = f"{reverse('admin:common_apitoken_changelist')}?scope=signals:write"

    text = admin_client.get(url).content.decode()

    assert f'href="{url}"' in text
    assert admin_client.get(reverse("admin:common_apitoken_changelist")).status_code == 200
