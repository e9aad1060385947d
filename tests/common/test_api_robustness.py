"""Whatever is sent, the answer is a problem with a number below 500, or the right thing."""

import json

import pytest
from django.db import connection
from django.test import Client

from crm_project.common.models import StoredResponse
from customers.models import Customer
from tests.api import Api, errors
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def raw(api, body, content_type="application/json"):
    return api.client.post(
        "/api/v1/customers",
        body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {api.secret}"},
    )


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"\xff\xfe",
            b'{"code": "\xc3\x28"}',
            b'{"code": "a\\u0000b"}',
            b'{"code": "\\ud800"}',
            b'{"code": "N", "profile": {"\\u0000": 1}}',
            b'{"code": "N", "profile": {"deep": ["\\udfff"]}}',
            b'{"code": "N", "profile": {"n": 1e999}}',
            b'{"code": "N", "profile": {"n": NaN}}',
            b'{"code": "N", "profile": {"n": ' + b"9" * 200 + b"}}",
            b'{"code": "N", "telegram_id": ' + b"9" * 5000 + b"}",
            b'{"code": "N", "profile": ' + b'{"a":' * 30 + b"1" + b"}" * 31,
            b"[" * 200_000,
        ],
        ids=range(17),
    )
    def test_what_cannot_be_stored_is_400(self, api, body):
        response = raw(api, body)

        assert response.status_code == 400
        errors(response)
        assert not Customer.objects.exists()

    def test_a_body_above_the_limit_is_413(self, api, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

        response = raw(api, json.dumps({"code": "N", "name": "x" * 2000}))

        assert response.status_code == 413
        errors(response)

    def test_another_kind_of_body_is_415(self, api):
        assert raw(api, b"<xml/>", "application/xml").status_code == 415


class TestUnknown:
    @pytest.mark.parametrize("method", ["get", "post", "delete"])
    def test_an_unknown_address_is_a_problem_too(self, client, method):
        response = getattr(client, method)("/api/v2/nothing")

        assert response.status_code == 404
        assert errors(response) == {None: "unknown_address"}

    def test_a_method_that_is_not_there_is_405(self, api):
        assert errors(api.call("put", "customers", {})) == {None: "method_not_allowed"}
        assert api.client.options("/api/v1/customers").status_code in {401, 405}

    def test_an_unforeseen_error_tells_nothing(self, api, monkeypatch):
        def explode(*args, **kwargs):
            raise RuntimeError("secret")

        monkeypatch.setattr("customers.api.customers.by_code", explode)
        client = Client(raise_request_exception=False)

        response = client.get(
            "/api/v1/customers/A", headers={"Authorization": f"Bearer {api.secret}"}
        )

        assert response.status_code == 500
        assert errors(response) == {None: "error"}
        assert b"secret" not in response.content

    def test_what_the_database_refuses_is_told_without_sql(self, api, monkeypatch):
        CustomerFactory(code="A")
        monkeypatch.setattr("customers.services.customers._check_telegram", lambda customer: None)
        CustomerFactory(code="B", telegram_id=7)

        response = api.patch("customers/A", {"telegram_id": 7})

        assert response.status_code == 409
        assert b"telegram" not in response.content


class TestIdempotency:
    def test_a_repetition_gives_the_first_answer_and_acts_once(self, api):
        first = api.post("customers", {"code": "N"}, Idempotency_Key="k1")
        again = api.post("customers", {"code": "N"}, Idempotency_Key="k1")

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == first.content
        assert again["Location"] == first["Location"]
        assert again["ETag"] == first["ETag"]
        assert again["Idempotency-Replayed"] == "true"
        assert Customer.objects.count() == 1

    def test_the_same_key_with_another_body_is_422(self, api):
        api.post("customers", {"code": "N"}, Idempotency_Key="k1")

        response = api.post("customers", {"code": "M"}, Idempotency_Key="k1")

        assert response.status_code == 422
        assert errors(response) == {None: "key_reused"}

    def test_keys_of_two_tokens_do_not_meet(self, api):
        other = Api()
        api.post("customers", {"code": "N"}, Idempotency_Key="k1")

        assert other.post("customers", {"code": "M"}, Idempotency_Key="k1").status_code == 201

    def test_a_refusal_is_repeated_but_a_conflict_is_tried_again(self, api):
        wrong = api.post("customers", {}, Idempotency_Key="k1")
        again = api.post("customers", {}, Idempotency_Key="k1")
        CustomerFactory(code="N")
        conflict = api.post("customers", {"code": "N"}, Idempotency_Key="k2")
        Customer.objects.all().delete()
        retried = api.post("customers", {"code": "N"}, Idempotency_Key="k2")

        assert (wrong.status_code, again.content) == (400, wrong.content)
        assert again["Content-Type"] == "application/problem+json"
        assert (conflict.status_code, retried.status_code) == (409, 201)

    def test_a_failed_change_is_rolled_back_with_its_key(self, api, monkeypatch):
        monkeypatch.setattr(
            "crm_project.common.api.idempotency._store", lambda *args: 1 / 0, raising=True
        )
        api.client.raise_request_exception = False

        assert api.post("customers", {"code": "N"}, Idempotency_Key="k1").status_code == 500
        assert not Customer.objects.exists()
        assert not StoredResponse.objects.exists()

    def test_an_answer_is_kept_for_a_day(self, api):
        api.post("customers", {"code": "N"}, Idempotency_Key="k1")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE common_storedresponse SET created_at = now() - interval '25h'")

        assert api.post("customers", {"code": "M"}, Idempotency_Key="k1").status_code == 201

    def test_works_on_patch_and_delete(self, api):
        CustomerFactory(code="A")

        for _ in range(2):
            patched = api.patch("customers/A", {"name": "x"}, Idempotency_Key="p")
            deleted = api.delete("customers/A", Idempotency_Key="d")
            assert (patched.status_code, deleted.status_code) == (200, 204)

    @pytest.mark.parametrize("key", ["", "x" * 256, "\u00e4"])
    def test_an_unusable_key_is_refused(self, api, key):
        assert api.post("customers", {"code": "N"}, Idempotency_Key=key).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_the_same_time_is_409(in_thread):
    api = Api()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"token:{api.token.pk} k1"]
        )
        finish = in_thread(api.post, "customers", {"code": "N"}, Idempotency_Key="k1")
        response = finish()
        cursor.execute("ROLLBACK")

    assert response.status_code == 409
    assert errors(response) == {None: "in_progress"}
