"""Staff do things from the pages: the segment map, scoring, jobs, tokens; each with its right."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from crm_project.common.models import ApiToken
from tests.factories import JobFactory

pytestmark = pytest.mark.django_db


def noted(row):
    """Who did what to a row, as its history in the admin says."""
    found = LogEntry.objects.filter(object_id=str(row.pk)).order_by("pk")
    return [(entry.user.get_username(), entry.get_change_message()) for entry in found]


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
        assert noted(job) == [("admin", "Cancelled."), ("admin", "Put into the queue again.")]
        page = admin_client.get(reverse("admin:common_job_history", args=[job.pk]))
        assert "Put into the queue again." in page.content.decode()

    def test_what_was_refused_is_not_noted(self, admin_client):
        job = JobFactory(status="succeeded")
        for action in ("cancel", "retry"):
            admin_client.post(
                reverse(f"admin:common_job_{action}", args=[job.pk]), {"_form_submitted": "True"}
            )
        assert noted(job) == []

    def test_a_finished_job_asks_the_page_to_load_anew(self, admin_client):
        job = JobFactory(status="succeeded")
        job = type(job).objects.get()

        response = admin_client.get(reverse("admin:common_job_progress", args=[job.pk]))

        assert response["HX-Refresh"] == "true"


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

    def test_it_is_revoked_once_and_by_whom_is_noted(self, admin_client, admin_user):
        self.issue(admin_client, admin_user)
        token = ApiToken.objects.get()

        for _ in range(2):
            admin_client.post(
                reverse("admin:common_apitoken_revoke", args=[token.pk]),
                {"_form_submitted": "True"},
            )

        token.refresh_from_db()
        assert token.revoked_at is not None
        assert noted(token) == [("admin", "Added."), ("admin", "Revoked.")]

    def test_staff_see_no_tokens_of_others_and_issue_none(
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
        assert refused.status_code == 403
        assert ApiToken.objects.count() == 1
