import pytest

from customers.models import Customer
from tests.api import errors
from tests.factories import CustomerAliasFactory, CustomerFactory

pytestmark = pytest.mark.django_db


class TestList:
    def test_it_has_the_envelope_of_every_list(self, api):
        CustomerFactory.create_batch(3)

        page = api.get("customers", {"limit": 2}).json()

        assert page["count"] == 3
        assert len(page["results"]) == 2
        assert page["next"]
        assert page["previous"] is None

    def test_its_links_lead_through_all_rows_once(self, api):
        codes = sorted(customer.code for customer in CustomerFactory.create_batch(7))

        for first in ("customers?limit=3", "customers?limit=3&cursor="):
            seen, path = [], first
            while path:
                page = api.get(path).json()
                seen += [row["code"] for row in page["results"]]
                path = (page["next"] or "").partition("/api/v1/")[2]
            assert seen == codes

    def test_a_cursor_leads_back_as_well(self, api):
        CustomerFactory.create_batch(5)
        first = api.get("customers?cursor=&limit=2").json()
        second = api.get(first["next"].partition("/api/v1/")[2]).json()

        back = api.get(second["previous"].partition("/api/v1/")[2]).json()

        assert back["results"] == first["results"]
        assert back["previous"] is None

    def test_a_walk_too_deep_for_offsets_goes_on_by_position(self, api, monkeypatch):
        monkeypatch.setattr("crm_project.common.api.pagination.MAX_OFFSET", 4)
        monkeypatch.setattr("crm_project.common.api.pagination.COUNT_UP_TO", 3)
        codes = sorted(customer.code for customer in CustomerFactory.create_batch(9))

        seen, path = [], "customers?limit=2"
        while path:
            page = api.get(path).json()
            assert page["count"] is None
            seen += [row["code"] for row in page["results"]]
            path = (page["next"] or "").partition("/api/v1/")[2]

        assert seen == codes

    def test_a_limit_above_the_maximum_is_lowered(self, api):
        CustomerFactory.create_batch(501)

        page = api.get("customers", {"limit": 100_000}).json()

        assert len(page["results"]) == 500

    def test_the_number_of_queries_does_not_depend_on_the_rows(
        self, api, django_assert_num_queries
    ):
        CustomerFactory.create_batch(20)
        api.get("customers")

        with django_assert_num_queries(4):  # token, server time, count, customers
            assert len(api.get("customers").json()["results"]) == 20

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"q": "MAIER"}, ["A"]),
            ({"q": "anna a@"}, ["A"]),
            ({"q": "nobody"}, []),
            ({"code": "B"}, ["B"]),
            ({"email": " A@Example.org"}, ["A"]),
            ({"country": "France"}, ["B"]),
            ({"is_optout": "true"}, ["B"]),
            ({"contactable": "true"}, ["A"]),
            ({"status": "deleted"}, ["C"]),
            ({"include_deleted": "true", "ordering": "-code"}, ["C", "B", "A"]),
        ],
    )
    def test_it_filters(self, api, query, found):
        CustomerFactory(code="A", name="Anna Maier", email="a@example.org")
        CustomerFactory(code="B", name="Bob", country="France", is_optout=True)
        CustomerFactory(code="C", status=Customer.Status.DELETED)

        page = api.get("customers", query).json()

        assert [row["code"] for row in page["results"]] == found

    def test_modified_since_takes_the_time_an_earlier_answer_gave(self, api):
        CustomerFactory(code="OLD")
        asked = api.get("customers")["X-Server-Time"]
        CustomerFactory(code="NEW")

        page = api.get("customers", {"modified_since": asked}).json()

        assert "NEW" in [row["code"] for row in page["results"]]

    def test_fields_and_brief_make_it_short(self, api):
        CustomerFactory(code="A", name="Anna")

        chosen = api.get("customers", {"fields": "code,name"}).json()["results"]
        brief = api.get("customers", {"brief": "true"}).json()["results"]

        assert chosen == [{"code": "A", "name": "Anna"}]
        assert set(brief[0]) == {"id", "code", "name", "status"}

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("colour=red", "colour"),
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=many", "limit"),
            ("limit=1&limit=2", "limit"),
            ("offset=x", "offset"),
            ("offset=100001", "offset"),
            ("cursor=nonsense", "cursor"),
            ("cursor=WyJuIixbImNvZGUiXSxbbnVsbF1d", "cursor"),
            ("ordering=email", "ordering"),
            ("ordering=code,id", "ordering"),
            ("fields=secret", "fields"),
            ("brief=maybe", "brief"),
            ("status=asleep", "status"),
            ("is_optout=perhaps", "is_optout"),
            ("modified_since=yesterday", "modified_since"),
            ("modified_since=0885-07-13T16:05:17%2B16:44", "modified_since"),
            ("q=%00", "q"),
        ],
    )
    def test_a_wrong_parameter_is_refused_by_name(self, api, query, name):
        response = api.get(f"customers?{query}")

        assert response.status_code == 400
        assert name in errors(response)


class TestRetrieve:
    def test_an_old_code_still_finds_its_owner(self, api):
        alias = CustomerAliasFactory(customer__code="NEW-1")

        assert api.get(f"customers/{alias.code}").json()["code"] == "NEW-1"

    @pytest.mark.parametrize("code", ["nobody", "%00", "%ff", "a" * 5000])
    def test_an_unknown_code_is_404(self, api, code):
        assert api.get(f"customers/{code}").status_code == 404

    def test_both_spellings_of_the_path_work(self, api):
        CustomerFactory(code="A 1")

        assert api.get("customers/A%201").status_code == 200
        assert api.get("customers/A%201/").status_code == 200

    def test_an_unchanged_version_is_304(self, api):
        CustomerFactory(code="A")
        tag = api.get("customers/A")["ETag"]

        assert api.get("customers/A", If_None_Match=tag).status_code == 304
        assert api.get("customers/A", If_None_Match='"other"').status_code == 200


class TestWrite:
    def test_it_creates(self, api):
        response = api.post("customers", {"code": "N1", "name": "Nora", "profile": {"shoe": 38}})

        assert response.status_code == 201
        assert response["Location"].endswith("/api/v1/customers/N1")
        assert api.get("customers/N1").json() == response.json()
        assert Customer.objects.get().profile == {"shoe": 38}

    @pytest.mark.parametrize("path", ["customers", "customers/"])
    def test_no_spelling_of_the_path_loses_a_post(self, api, path):
        assert api.post(path, {"code": "N1"}).status_code == 201

    @pytest.mark.parametrize("taken", ["N1", "OLD"])
    def test_a_code_that_is_taken_is_a_conflict(self, api, taken):
        CustomerAliasFactory(code="OLD", customer__code="N1")

        response = api.post("customers", {"code": taken})

        assert response.status_code == 409
        assert errors(response) == {None: "conflict"}

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({}, "code"),
            ({"code": ""}, "code"),
            ({"code": "a/b"}, "code"),
            ({"code": "x" * 65}, "code"),
            ({"code": "N1", "email": "no address"}, "email"),
            ({"code": "N1", "phone": "0123"}, "phone"),
            ({"code": "N1", "telegram_id": 10**30}, "telegram_id"),
            ({"code": "N1", "registered_at": "2026-01-01"}, "registered_at"),
            ({"code": "N1", "registered_at": "0001-01-01T00:00:00+14:00"}, "registered_at"),
            ({"code": "N1", "profile": []}, "profile"),
            ({"code": "N1", "is_superuser": True}, "is_superuser"),
        ],
    )
    def test_a_wrong_body_is_refused_by_name(self, api, body, name):
        response = api.post("customers", body)

        assert response.status_code == 400
        assert name in errors(response)

    def test_it_changes_only_what_is_sent(self, api):
        customer = CustomerFactory(code="A", name="Anna", country="France")

        response = api.patch("customers/A", {"name": "Änne"})

        assert response.status_code == 200
        customer.refresh_from_db()
        assert (customer.name, customer.country) == ("Änne", "France")

    def test_what_the_server_decides_cannot_be_posted(self, api):
        customer = CustomerFactory(code="A")
        before = api.get("customers/A").json()
        tampered = {
            "id": 999_999,
            "status": "merged",
            "contactable": False,
            "not_contactable_reason": "x",
            "created_at": "2001-01-01T00:00:00Z",
            "updated_at": "2001-01-01T00:00:00Z",
        }

        api.patch("customers/A", tampered)

        after = api.get("customers/A").json()
        assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
        for name in {f.name for f in Customer._meta.get_fields()} - set(before) - {"change_reason"}:
            assert api.patch("customers/A", {name: 1}).status_code == 400, name
        assert Customer.objects.get().pk == customer.pk

    def test_a_code_never_changes(self, api):
        CustomerFactory(code="A")

        assert errors(api.patch("customers/A", {"code": "B"})) == {"code": "immutable"}
        assert api.patch("customers/A", {"code": "A"}).status_code == 200

    def test_a_change_somebody_else_made_is_not_overwritten(self, api):
        CustomerFactory(code="A")
        tag = api.get("customers/A")["ETag"]
        changed = api.patch("customers/A", {"name": "First"}, If_Match=tag)

        late = api.patch("customers/A", {"name": "Second"}, If_Match=tag)

        assert changed.status_code == 200
        assert late.status_code == 412
        assert Customer.objects.get().name == "First"
        assert api.delete("customers/A", If_Match=tag).status_code == 412
        assert api.delete("customers/A", If_Match=changed["ETag"]).status_code == 204

    def test_delete_keeps_the_row(self, api):
        CustomerFactory(code="A")

        assert api.delete("customers/A").status_code == 204
        assert api.delete("customers/A").status_code == 204
        assert api.get("customers/A").json()["status"] == "deleted"
        assert api.get("customers").json()["results"] == []

    def test_history_says_who_why_and_in_which_request(self, api):
        CustomerFactory(code="A")

        api.patch(
            "customers/A", {"name": "Änne", "change_reason": "asked by phone"}, X_Request_ID="r-1"
        )
        api.delete("customers/A", X_Change_Reason="asked by post")

        told = [
            event.pgh_context.metadata
            for event in Customer.pgh_event_models["update"].objects.order_by("pgh_id")
        ]
        assert [data["user"] for data in told] == [api.user.pk] * 2
        assert [data["reason"] for data in told] == ["asked by phone", "asked by post"]
        assert told[0]["request_id"] == "r-1"
