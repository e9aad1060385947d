"""The contact policy and the blocks in the admin: each step with its permission and its history."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from customers.models import Campaign, ContactBlock, ContactPolicy, Customer, SilenceOverride
from tests.analytics.admin_pages import SUBMITTED, allow
from tests.factories import ContactBlockFactory, ContactEventFactory, CustomerFactory

pytestmark = pytest.mark.django_db

POLICY = reverse("admin:customers_contactpolicy_changelist")
ADD = reverse("admin:customers_contactblock_add")


def policy(**changes):
    return {
        "silence_window_days": "90",
        "frequency_cap": "2",
        "frequency_days": "30",
        "recent_order_days": "7",
        "quiet_from": "21:00",
        "quiet_until": "08:00",
        "consent_channels": ["email", "sms"],
        "holdout_share": "0.1",
        "holdout_rotates": "on",
        "holdout_salt": "holdout",
        "change_reason": "agreed in May",
        "overrides-TOTAL_FORMS": "1",
        "overrides-INITIAL_FORMS": "0",
        "overrides-0-scenario": "WINBACK",
        "overrides-0-channel": "",
        "overrides-0-days": "60",
        **changes,
    }


def a_block(customer, **changes):
    now = timezone.localtime()
    return {
        "customer": customer.pk,
        "kind": "optout",
        "channel": "",
        "reason": "UNSUBSCRIBED",
        "source": "a call",
        "since_0": f"{now:%Y-%m-%d}",
        "since_1": f"{now:%H:%M:%S}",
        "until_0": "",
        "until_1": "",
        **changes,
    }


def test_a_withdrawal_that_is_still_to_come_is_refused_in_the_form(admin_client):
    # Stored, it would hold back nobody today, and be newer than every withdrawal that follows.
    customer, page = CustomerFactory(), reverse("admin:customers_consent_add")
    typed = {
        "customer": customer.pk, "channel": "email", "purpose": "marketing",
        "status": "withdrawn", "source": "a call", "decided_at_1": "10:00:00",
    }  # fmt: skip
    today = timezone.localdate()

    wrong = admin_client.post(page, typed | {"decided_at_0": today + timedelta(days=365)})
    right = admin_client.post(page, typed | {"decided_at_0": today - timedelta(days=1)})

    assert "This is in the future." in wrong.content.decode()
    assert right.status_code == 302
    assert [found.status for found in customer.consents.all()] == ["withdrawn"]


class TestPolicy:
    def test_the_rules_are_changed_on_one_page_and_the_change_is_kept(self, admin_client):
        page = admin_client.get(POLICY)
        assert 'name="silence_window_days" value="135"' in page.content.decode()

        assert admin_client.post(POLICY, policy()).status_code == 302

        rules = ContactPolicy.objects.get()
        assert (rules.silence_window_days, rules.frequency_cap) == (90, 2)
        assert (rules.consent_channels, rules.holdout_share) == (["email", "sms"], Decimal("0.1"))
        assert SilenceOverride.objects.values_list("scenario", "days").get() == ("WINBACK", 60)
        event = apps.get_model("customers.ContactPolicyEvent").objects.latest("pgh_id")
        assert (event.silence_window_days, event.pgh_context.metadata["reason"]) == (
            90,
            "agreed in May",
        )
        history = reverse("admin:customers_contactpolicy_history", args=[1])
        assert "agreed in May" in admin_client.get(history).content.decode()

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"quiet_until": ""}, "Give both ends of the quiet hours"),
            ({"holdout_share": "0.9"}, "contact_policy_holdout_share"),
            ({"overrides-0-scenario": ""}, "Choose a channel, a scenario, or both."),
            ({"silence_window_days": "4000"}, "less than or equal to 3650"),
        ],
    )
    def test_rules_that_make_no_sense_are_refused_in_words(self, admin_client, wrong, words):
        response = admin_client.post(POLICY, policy(**wrong))

        assert response.status_code == 200
        assert words in response.content.decode()
        assert ContactPolicy.objects.get().silence_window_days == 135

    def test_who_may_look_may_not_change(self, client, staff_user):
        allow(staff_user, "view_contactpolicy")
        client.force_login(staff_user)

        assert client.get(POLICY).status_code == 200
        assert client.post(POLICY, policy()).status_code == 403


class TestBlocks:
    def test_a_pause_is_entered_from_the_customer_page_and_lifted(self, admin_client):
        customer = CustomerFactory()
        page = admin_client.get(
            reverse("admin:customers_customer_change", args=[customer.pk]), {"tabs": "all"}
        )
        assert f"{ADD}?customer={customer.pk}&amp;kind=pause" in page.content.decode()
        day = timezone.localtime() + timedelta(days=30)

        made = admin_client.post(
            ADD, a_block(customer, kind="pause", until_0=f"{day:%Y-%m-%d}", until_1="00:00:00")
        )
        assert made.status_code == 302
        found = ContactBlock.objects.get()
        assert (found.kind, found.customer) == ("pause", customer)

        lift = reverse("admin:customers_contactblock_lift_now", args=[found.pk])
        assert admin_client.get(lift).status_code == 200
        found.refresh_from_db()
        assert found.until > timezone.now()
        assert admin_client.post(lift, SUBMITTED).status_code == 302
        found.refresh_from_db()
        assert found.until <= timezone.now()

    def test_an_opt_out_raises_the_flag_and_moving_its_end_takes_it_back(self, admin_client):
        customer = CustomerFactory()
        admin_client.post(ADD, a_block(customer))
        assert Customer.objects.get().is_optout

        found = ContactBlock.objects.get()
        change = reverse("admin:customers_contactblock_change", args=[found.pk])
        admin_client.post(change, {"until_0": "2100-01-01", "until_1": "00:00:00"})

        assert not Customer.objects.get().is_optout
        assert ContactBlock.objects.get().until.year == 2100

    def test_what_makes_no_sense_is_refused_in_words(self, admin_client):
        merged = CustomerFactory(status="merged")
        text = admin_client.post(ADD, a_block(CustomerFactory(), kind="pause")).content.decode()
        assert "A pause has an end; to stop for good, opt out." in text
        text = admin_client.post(ADD, a_block(merged)).content.decode()
        assert "block contact with that one" in text
        assert not ContactBlock.objects.exists()

    def test_nobody_deletes_a_block_and_lifting_needs_a_permission(self, client, staff_user):
        found = ContactBlockFactory()
        allow(staff_user, "view_contactblock")
        client.force_login(staff_user)
        name = "admin:customers_contactblock"

        assert client.post(reverse(f"{name}_delete", args=[found.pk])).status_code == 403
        assert (
            client.post(reverse(f"{name}_lift_now", args=[found.pk]), SUBMITTED).status_code == 403
        )
        assert client.get(reverse(f"{name}_changelist"), {"active": "1"}).status_code == 200


def test_a_campaign_says_when_it_is_sent_and_how_long_its_effect_is_looked_for(admin_client):
    body = {
        "name": "May", "code": "may", "channel": "email", "purpose": "marketing", "cost": "10",
        "holdout_share": "0.1", "window_days": "14", "contact_at_0": "2027-05-01",
        "contact_at_1": "10:00:00",
    }  # fmt: skip
    add = reverse("admin:customers_campaign_add")

    assert admin_client.post(add, {**body, "window_days": "0"}).status_code == 200
    assert admin_client.post(add, body).status_code == 302
    assert Campaign.objects.get().window_days == 14


class TestCustomerPage:
    def page(self, client, customer):
        return client.get(
            reverse("admin:customers_customer_change", args=[customer.pk]), {"tabs": "all"}
        )

    def figure(self, page):
        return next(kpi for kpi in page.context["kpis"] if kpi.label == "May we write?")

    def test_it_says_no_until_when_and_why_for_each_channel(self, admin_client):
        ContactPolicy.objects.update(holdout_share=0)
        customer = CustomerFactory()
        assert self.figure(self.page(admin_client, customer)).value == "Yes"

        ContactEventFactory(customer=customer, occurred_at=timezone.now() - timedelta(days=2))
        page = self.page(admin_client, customer)

        figure = self.figure(page)
        assert figure.value == "No"
        assert figure.note.startswith("Last marketing contact 2 days ago. From ")
        text = page.content.decode()
        assert "Last marketing contact 2 days ago; the silence window is 135 days." in text
        assert "There is no valid mobile number." in text

    def test_who_may_not_block_is_not_offered_it(self, client, staff_user):
        allow(staff_user, "view_customer")
        client.force_login(staff_user)

        page = self.page(client, CustomerFactory())

        assert self.figure(page).value in {"Yes", "No"}
        assert ADD not in page.content.decode()
