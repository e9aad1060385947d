"""The live page of the queue, its tile on the dashboard, and the types of signals."""

import pytest
from django.urls import reverse

from analytics.models import SignalType
from crm_project.common import formats

pytestmark = pytest.mark.django_db


class TestTypes:
    def save(self, client, row, **changed):
        url = reverse("admin:analytics_signaltype_change", args=[row.pk])
        data = {
            "label": row.label,
            "base_score": row.base_score,
            "signal_class": row.signal_class,
            "aliases": ",".join(row.aliases),
            "description": "",
            **changed,
        }
        return client.post(url, data)

    def test_a_new_score_counts_from_then_on_and_is_kept_with_the_reason(self, admin_client):
        row = SignalType.objects.get(event_type="view")

        response = self.save(admin_client, row, base_score="0.25", change_reason="views matter")

        assert response.status_code == 302, response.context["adminform"].form.errors
        row.refresh_from_db()
        assert str(row.base_score) == "0.25"
        history = reverse("admin:analytics_signaltype_history", args=[row.pk])
        assert admin_client.get(history).context["changes"][0].reason == "views matter"

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"aliases": "purchase"}, "aliases"),
            ({"aliases": "order_completed"}, "aliases"),
            ({"aliases": "view"}, "aliases"),
            ({"aliases": "Not A Name"}, "aliases"),
            ({"base_score": "1.5"}, "base_score"),
            ({"base_score": "-1"}, "base_score"),
        ],
        ids=["another type", "another's alias", "itself", "no name", "above 1", "below 0"],
    )
    def test_a_name_belongs_to_one_type_and_a_score_to_0_to_1(self, admin_client, changed, field):
        row = SignalType.objects.get(event_type="view")

        response = self.save(admin_client, row, **changed)

        assert response.context["adminform"].form.errors[field]

    def test_a_new_type_may_not_take_the_name_of_another(self, admin_client):
        data = {"event_type": "product_viewed", "label": "x", "base_score": "0.1"}

        response = admin_client.post(reverse("admin:analytics_signaltype_add"), data)

        assert response.context["adminform"].form.errors["event_type"]


class TestTheQueuePage:
    def test_without_a_script_it_says_the_same_as_with_one(self, admin_client, queue):
        queue.send(*[queue.envelope() for _ in range(7)])

        page = admin_client.get(reverse("admin:analytics_signal_queue"))
        data = admin_client.get(reverse("admin:analytics_signal_queue_data"))

        assert page.context["queue"].texts["depth"] == data.json()["texts"]["depth"] == "7"
        assert "no-store" in data["Cache-Control"]
        assert data.json()["minutes"][-1]["row"][1] == "7"
        assert "No worker is running" in page.content.decode()
        assert page.content.decode().count("<rect") == 2 * 60

    def test_with_the_queue_away_it_opens_and_says_so(self, admin_client, queue, settings):
        settings.CRM_QUEUE_URL = "redis://127.0.0.1:1/0"

        page = admin_client.get(reverse("admin:analytics_signal_queue"))

        assert page.status_code == 200
        assert "does not answer" in page.content.decode()
        assert page.context["queue"].texts["depth"] == formats.NOTHING

    def test_a_full_queue_and_a_weak_one_are_said_in_words(self, admin_client, queue, settings):
        settings.CRM_QUEUE_MAX_EVENTS = 4
        queue.send(*[queue.envelope() for _ in range(4)])

        shown = admin_client.get(reverse("admin:analytics_signal_queue")).context["queue"]

        assert "full" in shown.notices[0].words
        assert shown.full_percent == 100

    def test_it_needs_the_right_to_see_signals(self, client, staff_user):
        client.force_login(staff_user)

        for name in ("queue", "queue_data"):
            assert client.get(reverse(f"admin:analytics_signal_{name}")).status_code == 403

    def test_the_dashboard_has_a_tile_for_those_who_may(
        self, client, admin_client, staff_user, queue
    ):
        queue.send(queue.envelope())

        assert 'id="signals"' in admin_client.get(reverse("admin:index")).content.decode()
        client.force_login(staff_user)
        assert 'id="signals"' not in client.get(reverse("admin:index")).content.decode()
