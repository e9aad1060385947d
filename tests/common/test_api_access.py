"""Who may do what, how often, and what a refusal tells."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from crm_project.common.api import throttling
from crm_project.common.exceptions import CrmError
from crm_project.common.models import ApiToken
from crm_project.common.scopes import SCOPES
from crm_project.common.services.tokens import issue_token, revoke_token
from customers.models import Customer
from tests.api import Api, errors
from tests.factories import CustomerFactory, JobFactory, UserFactory

pytestmark = pytest.mark.django_db


class TestTokens:
    def test_the_secret_is_not_stored(self, api):
        stored = "".join(str(value) for value in vars(ApiToken.objects.get()).values())

        assert api.secret.startswith(f"crm_{api.token.prefix}_")
        assert api.secret.rsplit("_", 1)[1] not in stored
        assert api.secret not in stored

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer crm_x_y",
            "Bearer crm_abcdefghij_" + "x" * 43,
            "Basic Y3JtOmNybQ==",
            "Bearer \u00e4\u00f6",
        ],
    )
    def test_wrong_credentials_are_401(self, api, header):
        response = api.get("customers", Authorization=header)

        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
        errors(response)

    def test_another_secret_with_a_known_prefix_is_401(self, api):
        assert api.get("customers", Authorization=f"Bearer {api.secret}x").status_code == 401

    @pytest.mark.parametrize("way", ["revoked", "expired", "inactive user"])
    def test_a_token_stops_at_once(self, api, way):
        assert api.get("customers").status_code == 200

        if way == "revoked":
            revoke_token(token_id=api.token.pk)
        elif way == "expired":
            ApiToken.objects.update(expires_at=timezone.now())
        else:
            type(api.user).objects.filter(pk=api.user.pk).update(is_active=False)

        assert api.get("customers").status_code == 401

    def test_its_use_is_noted_at_most_once_a_minute(self, api):
        api.get("customers")
        noted = ApiToken.objects.get().last_used_at
        api.get("customers")

        assert noted is not None
        assert ApiToken.objects.get().last_used_at == noted

    @pytest.mark.parametrize(
        "changes",
        [
            {"scopes": ["tokens:read"]},
            {"scopes": ["*"]},
            {"name": " "},
            {"rate": "fast"},
            {"rate": "0/min"},
            {"expires_at": timezone.now() - timedelta(days=1)},
        ],
    )
    def test_a_token_that_makes_no_sense_is_refused(self, staff_user, changes):
        with pytest.raises(CrmError):
            issue_token(**{"user": staff_user, "name": "x", "scopes": [], **changes})

    def test_the_command_prints_it_once(self):
        UserFactory(username="shop")
        out = StringIO()

        call_command(
            "issue_token", "--user=shop", "--scope=customers:read", "--expires=30d", stdout=out
        )

        header = {"Authorization": f"Bearer {out.getvalue().strip()}"}
        assert Client().get("/api/v1/customers", headers=header).status_code == 200
        assert ApiToken.objects.get().expires_at > timezone.now() + timedelta(days=29)
        with pytest.raises(CommandError):
            call_command("issue_token", "--user=nobody")


class TestScopes:
    def test_an_empty_list_grants_nothing(self, api):
        nothing = api.with_scopes()

        for resource in ("customers", "products", "orders", "imports", "jobs", "rfm/"):
            assert nothing.get(resource).status_code == 403, resource

    def test_reading_does_not_allow_writing(self, api):
        reader = api.with_scopes("customers:read")
        CustomerFactory(code="A")

        assert reader.get("customers/A").status_code == 200
        assert reader.patch("customers/A", {"name": "x"}).status_code == 403
        assert reader.delete("customers/A").status_code == 403
        assert errors(reader.post("customers", {"code": "B"})) == {None: "permission_denied"}

    def test_jobs_of_others_cannot_be_seen(self, api):
        own, foreign = JobFactory(created_by=api.user), JobFactory(created_by=UserFactory())

        assert [row["id"] for row in api.get("jobs").json()["results"]] == [str(own.pk)]
        assert api.get(f"jobs/{own.pk}").status_code == 200
        assert api.get(f"jobs/{foreign.pk}").status_code == 404

    def test_jobs_are_paged_by_their_ids(self, api):
        jobs = JobFactory.create_batch(3, created_by=api.user)

        seen, path = [], "jobs?limit=2"
        while path:
            page = api.get(path).json()
            seen += [row["id"] for row in page["results"]]
            path = (page["next"] or "").partition("/api/v1/")[2]

        assert seen == sorted((str(job.pk) for job in jobs), reverse=True)


class TestStaff:
    def test_a_session_follows_the_model_permissions(self, client, staff_user):
        client.force_login(staff_user)
        assert client.get("/api/v1/customers").status_code == 403

        staff_user.user_permissions.add(Permission.objects.get(codename="view_customer"))

        assert client.get("/api/v1/customers").status_code == 200
        assert client.post("/api/v1/customers").status_code == 403

    def test_a_session_needs_the_csrf_token_to_write(self, admin_user):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(admin_user)

        assert browser.post("/api/v1/customers", {"code": "A"}).status_code == 403
        assert not Customer.objects.exists()

    def test_somebody_who_is_not_staff_is_a_stranger(self, client):
        client.force_login(UserFactory())

        assert client.get("/api/v1/customers").status_code == 401


class TestRates:
    def test_each_token_has_its_own_rate(self, api):
        slow = Api(*SCOPES, rate="2/day")

        answers = [slow.get("customers") for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0]["RateLimit-Limit"] == "2"
        assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        assert 0 < int(answers[2]["Retry-After"]) <= 43_200
        assert errors(answers[2]) == {None: "throttled"}
        assert api.get("customers").status_code == 200

    def test_guessing_is_counted_by_address(self, settings):
        settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] |= {"anonymous": "3/day"}
        stranger = Client(REMOTE_ADDR=f"10.9.8.{timezone.now().microsecond % 250}")
        throttling._client().delete(f"crm:rate:address:{stranger.defaults['REMOTE_ADDR']}")
        try:
            answers = [
                stranger.get(
                    "/api/v1/customers",
                    headers={"Authorization": "Bearer x", "X-Forwarded-For": f"1.2.3.{n}"},
                ).status_code
                for n in range(5)
            ]
        finally:
            settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] |= {"anonymous": "120/min"}

        assert answers == [401, 401, 401, 429, 429]

    def test_without_valkey_requests_are_still_answered(self, api, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        throttling._client.cache_clear()
        try:
            assert api.get("customers").status_code == 200
        finally:
            throttling._client.cache_clear()
