"""Saved segments over REST: describe, try, rebuild, read and explain."""

import pytest

from analytics.models import SavedSegment, SavedSegmentExport
from analytics.selectors import segment_columns
from analytics.services.rfm import score_rfm
from crm_project.common.models import Job
from customers.selectors.countries import countries
from tests.analytics.saved_segments import ANYBODY, asks, segment
from tests.api import errors
from tests.factories import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db

FRENCH = asks("customer.country", "is", "France")
FORMULA = '=HYPERLINK("http://evil.example")'
HOSTILE = ["'; drop table x; --", "%s %(x)s %", "{0}", '"', "\\", "a\u2028b", "x" * 201]


@pytest.fixture
def french():
    CustomerFactory(code="C1", country="France", name=FORMULA)
    CustomerFactory(code="C2", country="France")
    CustomerFactory(code="C3", country="Spain")
    return segment("french", FRENCH, built=True)


class TestDescribing:
    def test_a_segment_is_created_with_its_sentence(self, api, french):
        body = {"slug": "spanish", "name": "Spanish", "change_reason": "asked",
                "rule": asks("customer.country", "is", "Spain")}  # fmt: skip

        response = api.post("saved-segments", body)

        assert response.status_code == 201
        assert response["Location"].endswith("/saved-segments/spanish")
        shown = response.json()
        assert shown["words"] == "Customers whose country is Spain."
        assert (shown["owner"], shown["member_count"]) == (api.user.username, None)

    def test_every_problem_of_a_rule_has_its_place(self, api, french):
        rule = {"and": [asks("gone", "is", 1), asks("rfm.frequency", "at_least", "many")]}

        response = api.post("saved-segments", {"slug": "a", "name": "A", "rule": rule})

        assert response.status_code == 400
        assert errors(response) == {
            "rule.and.0.field": "unknown_field",
            "rule.and.1.value": "not_a_number",
        }
        wrong = api.post("saved-segments", {"slug": "a", "name": "A", "rule": []})
        assert errors(wrong) == {"rule": "not_a_rule"}

    def test_a_change_needs_the_version_that_was_seen(self, api, french):
        tag = api.get("saved-segments/french")["ETag"]

        first = api.patch("saved-segments/french", {"name": "From France"}, If_Match=tag)
        second = api.patch("saved-segments/french", {"name": "French!"}, If_Match=tag)

        assert (first.status_code, second.status_code) == (200, 412)
        assert first.json()["is_stale"] is False
        changed = api.patch("saved-segments/french", {"rule": ANYBODY})
        assert changed.json()["is_stale"] is True

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"slug": "french", "name": "New"}, 409),
            ({"slug": "new", "name": "French"}, 409),
            ({"slug": "New", "name": "New"}, 400),
            ({"slug": "fields", "name": "New"}, 400),
            ({"slug": "new", "name": "  "}, 400),
            ({"slug": "new", "name": "New", "member_total": 1}, 400),
        ],
    )
    def test_names_are_unique_and_well_formed(self, api, french, body, status):
        assert api.post("saved-segments", {"rule": FRENCH, **body}).status_code == status

    def test_the_slug_stays(self, api, french):
        assert errors(api.patch("saved-segments/french", {"slug": "x"})) == {"slug": "immutable"}
        assert api.patch("saved-segments/french", {"slug": "french"}).status_code == 200

    def test_archived_segments_have_no_members_and_come_back(self, api, french):
        assert api.delete("saved-segments/french").status_code == 204
        assert not french.members.exists()
        assert api.get("saved-segments").json()["count"] == 0
        assert api.get("saved-segments", {"archived": "true"}).json()["count"] == 1
        assert api.patch("saved-segments/french", {"name": "x"}).status_code == 409

        restored = api.post("saved-segments/french/restore")

        assert restored.json()["is_archived"] is False
        assert restored.json()["built_at"] is None


class TestTrying:
    def test_it_counts_and_shows_without_storing(self, api, french):
        response = api.post("saved-segments/preview", {"rule": FRENCH, "limit": 1})

        assert response.json() == {
            "words": "Customers whose country is France.",
            "count": 2,
            "too_slow": "",
            "customers": [
                {"customer": "C1", "name": FORMULA, "values": {"customer.country": "France"}}
            ],
        }
        assert SavedSegment.objects.count() == 1

    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_values_are_values(self, api, french, text):
        CustomerFactory(code="H", country=text[:80])
        rule = {"or": [asks("customer.code", "contains", text), asks("customer.code", "is", text)]}

        response = api.post("saved-segments/preview", {"rule": rule})

        refused = text.endswith("x" * 201) or "\u2028" in text
        assert response.status_code == (400 if refused else 200)
        if not refused:
            assert response.json()["count"] == 0

    def test_names_need_the_right_to_read_customers(self, api, french):
        reader = api.with_scopes("segments:read")

        shown = reader.post("saved-segments/preview", {"rule": FRENCH}).json()["customers"]

        assert "name" not in shown[0]

    def test_a_rule_that_takes_too_long_is_told(self, api, french, settings, monkeypatch):
        settings.CRM_SEGMENT_COUNT_SECONDS = 0.05
        slow = "(select c.country from pg_sleep(5))"
        monkeypatch.setitem(segment_columns.EXPRESSIONS, "customer.country", slow)

        shown = api.post("saved-segments/preview", {"rule": FRENCH}).json()

        assert shown["count"] is None
        assert "0.05 seconds" in shown["too_slow"]

    def test_the_fields_are_offered_with_todays_choices(self, api, french):
        # They are kept for ten minutes, perhaps since a test without these customers.
        countries(fresh=True)

        shown = {f["name"]: f for f in api.get("saved-segments/fields").json()["results"]}

        offered = [choice["value"] for choice in shown["customer.country"]["choices"]]
        assert offered == ["France", "Spain"]
        assert shown["customer.country"]["questions"][0]["operator"] == "is"
        assert "champions" in {c["value"] for c in shown["rfm.segment"]["choices"]}


class TestMembers:
    def test_they_are_paged_by_cursor(self, api, french):
        first = api.get("saved-segments/french/members", {"limit": 1}).json()
        second = api.client.get(
            first["next"], headers={"Authorization": f"Bearer {api.secret}"}
        ).json()

        assert [row["customer"] for row in first["results"]] == ["C1"]
        assert [row["customer"] for row in second["results"]] == ["C2"]
        assert second["next"] is None
        assert first["results"][0]["name"] == FORMULA

    def test_deleted_customers_are_not_shown(self, api, french):
        CustomerFactory._meta.model.objects.filter(code="C1").update(status="deleted")

        assert len(api.get("saved-segments/french/members").json()["results"]) == 1

    def test_names_need_the_right_to_read_customers(self, api, french):
        reader = api.with_scopes("segments:read")

        rows = reader.get("saved-segments/french/members").json()["results"]
        text = reader.get("saved-segments/french/members.csv").getvalue().decode()

        assert set(rows[0]) == {"customer", "since"}
        assert text.splitlines()[0] == "code,member_since"
        assert SavedSegmentExport.objects.get().personal is False

    def test_the_file_is_safe_to_open_and_is_remembered(self, api, french):
        text = api.get("saved-segments/french/members.csv").getvalue().decode()

        lines = text.splitlines()
        assert lines[0].startswith("code,name,email,phone,language,country,contactable")
        assert lines[1].startswith("C1,\"'=HYPERLINK(")
        export = SavedSegmentExport.objects.get()
        assert (export.rows, export.user, export.way, export.personal) == (2, api.user, "api", True)
        assert export.finished_at is not None

    def test_a_segment_that_was_never_built_has_no_file(self, api, french):
        segment("empty", FRENCH)

        response = api.get("saved-segments/empty/members.csv")

        assert errors(response) == {None: "not_ready"}
        assert not SavedSegmentExport.objects.exists()


def test_a_rebuild_is_a_job(api, french):
    response = api.post("saved-segments/french/rebuild")

    assert response.status_code == 202
    assert Job.objects.get().params == {"slugs": ["french"]}


class TestWhy:
    def test_each_part_has_its_answer_and_what_was_found(self, api, french):
        score_rfm()
        rule = {"and": [FRENCH, {"not": asks("rfm.recency", "more_than", 30)}]}
        SavedSegment.objects.update(rule=rule)

        shown = api.get("saved-segments/french/why/C1").json()

        assert (shown["matches"], shown["is_member"], shown["left_out"]) == (False, True, "")
        first, second = shown["explanation"]["parts"]
        assert (first["answer"], first["found"]) == (True, "France")
        assert (second["answer"], second["parts"][0]["found"]) == (None, "not known")

    def test_who_is_in_no_segment_at_all_is_said(self, api, french):
        CustomerFactory(code="T", country="France", is_test=True)

        shown = api.get("saved-segments/french/why/T").json()

        assert shown["matches"] is False
        assert "test customer" in shown["left_out"]

    def test_unknown_customers_and_segments_are_404(self, api, french):
        assert api.get("saved-segments/french/why/nobody").status_code == 404
        assert api.get("saved-segments/gone/why/C1").status_code == 404


class TestRights:
    def test_reading_does_not_allow_writing(self, api, french):
        reader = api.with_scopes("segments:read")

        for path in ("saved-segments", "saved-segments/french/rebuild"):
            assert reader.post(path, {}).status_code == 403
        assert reader.delete("saved-segments/french").status_code == 403
        assert api.with_scopes("customers:read").get("saved-segments").status_code == 403

    def test_staff_need_the_right_to_export(self, client, french):
        user = UserFactory(staff=True)
        client.force_login(user)

        assert client.get("/api/v1/saved-segments/french/members.csv").status_code == 403

    def test_a_list_asks_as_often_for_many_as_for_few(
        self, api, french, django_assert_max_num_queries
    ):
        for place in range(12):
            segment(f"s{place}", FRENCH)
        api.get("saved-segments")
        with django_assert_max_num_queries(11):
            assert len(api.get("saved-segments").json()["results"]) == 13
