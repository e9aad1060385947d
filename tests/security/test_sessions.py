"""Signing in: guessing is stopped, cookies stay where they belong, pages run no foreign script."""

import logging
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from axes.models import AccessAttempt
from django.conf import settings as configured
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from django.utils import timezone
from structlog.testing import capture_logs

from crm_project.common.addresses import client_address
from crm_project.common.models import User
from tests.factories import PASSWORD, UserFactory

ROOT = Path(__file__).parents[2]


def sign_in(client, username, password, **extra):
    return client.post("/admin/login/", {"username": username, "password": password}, **extra)


def failed(address, names):
    """Write down that these names were tried from an address, once each."""
    AccessAttempt.objects.bulk_create(
        AccessAttempt(
            username=name,
            ip_address=address,
            user_agent="",
            http_accept="",
            path_info="/admin/login/",
            get_data="",
            post_data="",
            failures_since_start=1,
            attempt_time=timezone.now(),
        )
        for name in names
    )


@pytest.mark.django_db
class TestGuessing:
    def test_after_five_failures_the_right_password_does_not_help(self):
        UserFactory(admin=True, username="ada")
        guesser, colleague = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="192.0.2.2")
        for _ in range(5):
            sign_in(guesser, "ada", "wrong")

        assert sign_in(guesser, "ada", PASSWORD).status_code == 429
        assert sign_in(colleague, "ada", PASSWORD).status_code == 302

    def test_a_header_that_anybody_may_write_does_not_change_the_address(self):
        UserFactory(admin=True, username="ada")
        guesser = Client(REMOTE_ADDR="192.0.2.1")
        for number in range(5):
            sign_in(guesser, "ada", "wrong", headers={"X-Forwarded-For": f"198.51.100.{number}"})

        assert sign_in(guesser, "ada", PASSWORD).status_code == 429

    def test_one_address_does_not_try_many_names(self):
        UserFactory(admin=True, username="ada")
        failed("192.0.2.1", [f"name-{number}" for number in range(50)])

        assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), "ada", PASSWORD).status_code == 429
        assert sign_in(Client(REMOTE_ADDR="192.0.2.2"), "ada", PASSWORD).status_code == 302

    def test_addresses_of_one_ipv6_network_are_one(self):
        UserFactory(admin=True, username="ada")
        for number in range(1, 11):
            failed(f"2001:db8:1:2::{number:x}", [f"name-{number}-{one}" for one in range(5)])

        beside, other = (
            Client(REMOTE_ADDR="2001:db8:1:2:3::1"),
            Client(REMOTE_ADDR="2001:db8:1:3::"),
        )
        assert sign_in(beside, "ada", PASSWORD).status_code == 429
        assert sign_in(other, "ada", PASSWORD).status_code == 302

    def test_one_name_is_not_tried_from_many_addresses(self):
        """Its owner, who has signed in from here before, is not locked out by that."""
        UserFactory(admin=True, username="ada")
        here, elsewhere = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="192.0.2.2")
        assert sign_in(here, "ada", PASSWORD).status_code == 302
        for number in range(50):
            failed(f"198.51.100.{number}", ["ada"])

        assert sign_in(elsewhere, "ada", PASSWORD).status_code == 429
        assert sign_in(here, "ada", PASSWORD).status_code == 302

    def test_it_is_over_after_the_cool_off(self):
        UserFactory(admin=True, username="ada")
        failed("192.0.2.1", [f"name-{number}" for number in range(50)])
        AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))

        assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), "ada", PASSWORD).status_code == 302

    def test_a_name_that_nobody_can_have_is_a_wrong_name(self):
        client = Client(REMOTE_ADDR="192.0.2.1")
        long = {"user-agent": "x" * 5000, "accept": "x" * 5000, "referer": "x" * 5000}

        assert sign_in(client, "a" * 5000, "wrong", headers=long).status_code == 200
        assert AccessAttempt.objects.get().username == "a" * 150
        assert [sign_in(client, "a" * 5000, "x").status_code for _ in range(5)][-1] == 429

    def test_an_address_that_is_none_keeps_nobody_out(self, monkeypatch):
        monkeypatch.setattr("rest_framework.settings.api_settings.NUM_PROXIES", 1)
        UserFactory(admin=True, username="ada")
        for said in ("unknown", "", "192.0.2.1:51234", "2001:db8::1%eth0", "1.2.3.4, , "):
            client = Client(headers={"X-Forwarded-For": said})
            assert sign_in(client, "ada", "wrong").status_code == 200

    def test_the_log_tells_that_somebody_failed_and_not_who(self):
        with capture_logs() as lines:
            sign_in(Client(REMOTE_ADDR="192.0.2.1"), "ada", "wrong")

        assert [line["event"] for line in lines] == ["sign_in_failed"]
        assert logging.getLogger("axes.handlers.database").getEffectiveLevel() == logging.ERROR

    def test_the_answer_does_not_tell_whether_somebody_exists(self, client):
        UserFactory(admin=True, username="ada")

        known = sign_in(client, "ada", "wrong").content.decode()
        unknown = sign_in(client, "nobody", "wrong").content.decode()

        def words(page):
            return [line for line in page.splitlines() if "csrfmiddlewaretoken" not in line]

        assert words(known.replace("ada", "X")) == words(unknown.replace("nobody", "X"))


@pytest.mark.django_db
class TestStoredPasswords:
    def test_a_new_one_is_kept_as_argon2id(self):
        assert UserFactory(admin=True).password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")

    def test_one_of_before_is_kept_anew_when_its_owner_signs_in(self, client):
        old = make_password(PASSWORD, hasher="pbkdf2_sha256")
        user = UserFactory(admin=True, username="ada")
        User.objects.filter(pk=user.pk).update(password=old)

        assert sign_in(client, "ada", PASSWORD).status_code == 302

        user.refresh_from_db()
        assert user.password.startswith("argon2$argon2id$")
        assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "198.51.100.1", "192.0.2.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "198.51.100.1:50001", "198.51.100.1"),
        (1, "[2001:db8::5]:443", "2001:db8::5"),
        (1, "unknown", "192.0.2.1"),
    ],
)
def test_the_address_is_the_one_that_our_outermost_proxy_saw(
    monkeypatch, proxies, header, expected
):
    monkeypatch.setattr("rest_framework.settings.api_settings.NUM_PROXIES", proxies)
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").get("/", headers={"X-Forwarded-For": header})

    assert client_address(request) == expected


@pytest.mark.parametrize("password", ["short1!", "elevenchars", "123456789012", "password1234"])
def test_a_weak_password_is_refused(password):
    with pytest.raises(ValidationError):
        validate_password(password)


def test_a_new_session_key_comes_with_the_password(db, client):
    UserFactory(admin=True, username="ada")
    client.get("/admin/login/")
    client.cookies["sessionid"] = "a-key-that-somebody-planted-here"

    sign_in(client, "ada", PASSWORD)

    assert client.session.session_key != "a-key-that-somebody-planted-here"
    assert client.cookies["sessionid"]["httponly"]


def test_a_changed_password_ends_other_sessions(db):
    ada = UserFactory(admin=True)
    other = Client()
    other.force_login(ada)
    ada.set_password("another long password")
    ada.save()

    assert other.get("/admin/").status_code == 302


def test_pages_run_no_scripts_but_our_own(client):
    response = client.get("/admin/login/")
    policy = dict(
        part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";")
    )

    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == policy["default-src"] == "'self'"
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_production_binds_cookies_to_this_host_and_to_tls():
    """Settings are read once, at the start: hence a process of its own."""
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "from crm_project import settings as s;"
            " print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME,"
            " s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.CSRF_COOKIE_HTTPONLY,"
            " s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.CRM_SECOND_FACTOR,"
            " s.CRM_OUTGOING_PRIVATE_HOSTS)",
        ],
        env={
            "CRM_ENV": "production",
            "DATABASE_URL": "postgres://crm@db.invalid/crm",
            "REDIS_URL": "rediss://valkey.invalid/0",
            "PATH": "/usr/bin",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout.split(maxsplit=8) == [
        *("__Host-session", "__Host-csrf", "True", "True", "True", "True", "31536000", "True"),
        "[]\n",
    ]


def test_no_task_is_unpickled():
    assert configured.CELERY_ACCEPT_CONTENT == ["json"]
    assert configured.CELERY_TASK_SERIALIZER == "json"
