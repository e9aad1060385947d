"""A password alone opens nothing where a second factor is asked for."""

import time
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from crm_project.common.services.second_factor import (
    begin_set_up,
    check_code,
    finish_set_up,
    has_second_factor,
)
from tests.api import Api
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ASKS = "/admin/second-factor/"


@pytest.fixture(autouse=True)
def asked_for(settings):
    settings.CRM_SECOND_FACTOR = True


@pytest.fixture
def admin():
    return UserFactory(admin=True, username="ada")


def code_of(user, steps=0):
    """Return what the person's app shows, so many half minutes from now."""
    device = TOTPDevice.objects.get(user=user)
    clock = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    clock.time = clock.time + steps * device.step
    return f"{clock.token():06d}"


def set_up(user):
    device = begin_set_up(user=user)
    return finish_set_up(user=user, begun=device.pk, code=code_of(user))


def sign_in(client):
    return client.post("/admin/login/", {"username": "ada", "password": PASSWORD}, follow=True)


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/common/user/", "/admin/customers/customer/?q=x", "/admin/nowhere/"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_page_of_the_admin_leads_to_it(client, admin, path, method):
    client.force_login(admin)

    response = getattr(client, method)(path)

    assert response.status_code == 302
    assert response["Location"] == f"{ASKS}?next={quote(path, safe='/')}"


def test_the_api_does_not_know_somebody_with_a_password_alone(client, admin):
    client.force_login(admin)

    assert client.get("/api/v1/customers").status_code == 401
    assert client.post("/api/v1/customers", {"code": "A"}).status_code == 401


def test_tokens_are_their_own_proof():
    assert Api().get("customers").status_code == 200


def test_whoever_has_none_sets_one_up_and_goes_where_they_wanted(client, admin):
    page = sign_in(client)
    assert page.redirect_chain[-1][0].startswith(ASKS)
    assert b"<svg" in page.content

    wrong = client.post(ASKS, {"code": "000000"})
    assert "This code is not right" in wrong.content.decode()
    assert not has_second_factor(admin)
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    done = client.post(ASKS, {"code": code_of(admin), "next": "/admin/common/user/"})

    assert StaticToken.objects.count() == 10
    assert StaticToken.objects.first().token in done.content.decode()
    assert 'href="/admin/common/user/"' in done.content.decode()
    assert client.get("/admin/common/user/").status_code == 200
    assert done["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"


def test_a_code_opens_the_session_under_a_new_key(client, admin):
    set_up(admin)
    sign_in(client)
    before = client.session.session_key

    response = client.post(ASKS, {"code": code_of(admin, 1), "next": "/admin/common/user/"})

    assert response["Location"] == "/admin/common/user/"
    assert client.session.session_key != before
    assert client.get("/api/v1/customers").status_code == 200


def test_a_code_works_once(admin):
    set_up(admin)
    code = code_of(admin, 1)

    assert check_code(user=admin, code=f"{code[:3]} {code[3:]}")
    assert check_code(user=admin, code=code) is None


def test_a_recovery_code_works_once(admin):
    codes = set_up(admin).recovery_codes

    assert check_code(user=admin, code=codes[0].upper())
    assert check_code(user=admin, code=codes[0]) is None


def test_guessing_makes_the_next_try_wait(admin):
    codes = set_up(admin).recovery_codes
    for _ in range(5):
        assert check_code(user=admin, code="000000") is None

    assert check_code(user=admin, code=code_of(admin, 1)) is None
    assert check_code(user=admin, code=codes[0]) is None


def test_another_ones_code_opens_nothing(client, admin):
    set_up(admin)
    other = UserFactory(admin=True)
    set_up(other)
    client.force_login(admin)

    client.post(ASKS, {"code": code_of(other, 1)})

    assert client.get("/admin/").status_code == 302


def test_nobody_sets_up_a_second_one_to_get_around_the_first(client, admin):
    set_up(admin)
    client.force_login(admin)

    page = client.get(ASKS)

    assert b"<svg" not in page.content
    device = begin_set_up(user=admin)
    clock = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    clock.time = time.time()
    code = f"{clock.token():06d}"
    assert finish_set_up(user=admin, begun=device.pk, code=code) is None
    assert not TOTPDevice.objects.filter(pk=device.pk, confirmed=True).exists()


def test_nobody_confirms_a_key_that_another_session_has_seen(admin):
    """Who knows the password looks at the key first; its owner sets up a second factor later."""
    thief, owner = Client(), Client()
    for browser in (thief, owner):
        sign_in(browser)
    seen = TOTPDevice.objects.get().key
    thief.get(ASKS)
    known = TOTPDevice.objects.get().key
    page = owner.get(ASKS)
    of_owner = TOTPDevice.objects.get().key

    assert len({seen, known, of_owner}) == 3
    assert "second factor" in page.content.decode().lower()
    thief.post(ASKS, {"code": code_of(admin)})
    assert not has_second_factor(admin)


def test_the_key_stays_the_same_while_one_person_types(client, admin):
    sign_in(client)
    key = TOTPDevice.objects.get().key
    client.get(ASKS)
    client.post(ASKS, {"code": "000000"})

    assert TOTPDevice.objects.get().key == key


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", ASKS])
def test_it_leads_nowhere_else(client, admin, wanted):
    set_up(admin)
    sign_in(client)

    response = client.post(ASKS, {"code": code_of(admin, 1), "next": wanted})

    assert response["Location"] == reverse("admin:index")


def test_a_removed_one_is_asked_for_again_at_once(client, admin):
    set_up(admin)
    sign_in(client)
    client.post(ASKS, {"code": code_of(admin, 1)})
    assert client.get("/admin/").status_code == 200

    call_command("reset_second_factor", "--user=ada")

    assert client.get("/admin/").status_code == 302
    assert not has_second_factor(admin)
    with pytest.raises(CommandError, match="no user"):
        call_command("reset_second_factor", "--user=nobody")


def test_strangers_and_people_who_are_not_staff_are_asked_for_their_password(client):
    assert "/admin/login/" in client.get(ASKS)["Location"]
    client.force_login(UserFactory())
    assert "/admin/login/" in client.get(ASKS)["Location"]


def test_the_form_needs_the_csrf_token(admin):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin)

    assert browser.post(ASKS, {"code": "123456"}).status_code == 403


def test_probes_and_signing_out_need_none(client, admin):
    client.force_login(admin)

    assert client.get("/livez").status_code == 200
    assert client.post("/admin/logout/").status_code == 200


def test_where_it_is_not_asked_for_a_password_is_enough(client, admin, settings):
    settings.CRM_SECOND_FACTOR = False
    client.force_login(admin)

    assert client.get("/admin/").status_code == 200
