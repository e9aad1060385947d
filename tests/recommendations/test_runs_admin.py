"""The pages of runs and settings of recommendations: what they say, to whom, what they start."""

import json

import pytest
from django.urls import reverse

from crm_project.common.models import Job
from recommendations.models import RecoConfig, RecoRun
from recommendations.services.configs import active_config, create_config
from recommendations.services.runs import recommend
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow
from tests.factories import UserFactory
from tests.recommendations.run_shop import DAY, small_shop

pytestmark = pytest.mark.django_db
RUNS = "admin:recommendations_recorun_changelist"
CONFIGS = "admin:recommendations_recoconfig_changelist"
DIFF = "admin:recommendations_config_diff"


def page(row):
    return reverse(f"admin:recommendations_{row._meta.model_name}_change", args=[row.pk])


def does(row, name):
    model = row._meta.model_name
    return reverse(f"admin:recommendations_{model}_{name}", args=[row.pk])


def dialog(model, name):
    return reverse(f"admin:recommendations_{model}_{name}")


@pytest.fixture
def made():
    small_shop(customers=12)
    return recommend(as_of=DAY)


@pytest.fixture
def reader(client):
    """A colleague who may look and nothing else."""
    user = UserFactory(staff=True)
    allow(user, "view_recorun", "view_recoconfig")
    client.force_login(user)
    return client


class TestRuns:
    def test_before_the_first_run_the_page_says_what_to_do(self, admin_client, reader):
        assert (
            "Nothing has been recommended yet" in admin_client.get(reverse(RUNS)).content.decode()
        )
        assert "Somebody with the right" in reader.get(reverse(RUNS)).content.decode()

    def test_the_list_shows_counts_with_a_fixed_number_of_queries(
        self, admin_client, made, django_assert_max_num_queries
    ):
        recommend(as_of=DAY)
        with django_assert_max_num_queries(12):
            text = admin_client.get(reverse(RUNS)).content.decode()
        assert f"{made.counts['items']}" in text
        assert made.config.hash[:8] in text

    def test_the_page_says_what_was_found_and_what_it_was_made_from(self, admin_client, made):
        text = admin_client.get(page(made)).content.decode()

        for part in ("Products by scenario", "Customers not to be contacted", made.result_hash,
                     made.data_version["sha256"], made.code_version, "No back-test has been run",
                     f"?run={made.pk}"):  # fmt: skip
            assert part in text, part

    def test_a_run_that_failed_shows_why_and_hostile_texts_stay_texts(self, admin_client):
        run = RecoRun.objects.create(
            as_of=DAY, time_zone="UTC", config=active_config(), status="failed", error=HOSTILE,
            words=[HOSTILE], customers_chosen=[HOSTILE],
            quality={"findings": [{"code": HOSTILE, "count": 1, "words": HOSTILE, "stops": True}]},
        )  # fmt: skip
        text = admin_client.get(page(run)).content.decode()
        assert HOSTILE not in text
        assert "&lt;script&gt;" in text

    def test_a_run_is_started_with_what_was_asked(self, admin_client):
        small_shop(customers=4)
        config = active_config()
        admin_client.post(
            dialog("recorun", "recommend_now"),
            {
                **SUBMITTED,
                "as_of": DAY.isoformat(),
                "config": config.pk,
                "customers": "S001,\nS002",
            },
        )
        assert Job.objects.get().params == {
            "as_of": DAY.isoformat(), "config": config.hash, "customers": ["S001", "S002"],
            "origin": "admin",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "asked", [{"as_of": "soon"}, {"config": "99"}, {"customers": "nobody"}]
    )
    def test_what_makes_no_sense_starts_nothing(self, admin_client, asked):
        answer = admin_client.post(dialog("recorun", "recommend_now"), {**SUBMITTED, **asked})
        assert answer.status_code == 200
        assert not Job.objects.exists()

    def test_readers_may_look_but_start_nothing(self, reader, made):
        assert reader.get(reverse(RUNS)).status_code == 200
        assert reader.get(page(made)).status_code == 200
        answer = reader.post(dialog("recorun", "recommend_now"), SUBMITTED)
        assert answer.status_code == 403
        assert not Job.objects.exists()

    def test_strangers_see_nothing(self, client, made):
        client.force_login(UserFactory(staff=True))
        for url in (reverse(RUNS), page(made), reverse(CONFIGS), reverse(DIFF)):
            assert client.get(url).status_code == 403, url


class TestSettings:
    def test_new_settings_are_written_as_a_draft_activated_and_compared(self, admin_client):
        old = active_config()
        admin_client.post(
            dialog("recoconfig", "write_new"),
            {**SUBMITTED, "name": "Two", "parent": old.pk, "comment": "Short letters.",
             "values": json.dumps({"max_recos": 2})},
        )  # fmt: skip
        new = RecoConfig.objects.get(name="Two")
        assert (new.status, new.parent, new.comment) == ("draft", old, "Short letters.")
        assert "max_recos" in admin_client.get(page(new)).content.decode()

        text = admin_client.get(reverse(DIFF)).content.decode()
        assert "1 value differs" in text
        admin_client.post(does(new, "activate"), SUBMITTED)
        assert RecoConfig.objects.active().get() == new

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ("{", "not JSON"), ("[]", "in braces"), ('{"colour": 1}', "not a setting"),
            ("{}", "stored already"), ("[" * 5000, "not JSON"),
        ],
    )  # fmt: skip
    def test_values_that_cannot_be_are_refused_beside_the_field(self, admin_client, values, words):
        active_config()
        answer = admin_client.post(
            dialog("recoconfig", "write_new"), {**SUBMITTED, "name": "x", "values": values}
        )
        assert words in answer.content.decode()
        assert RecoConfig.objects.count() == 1

    def test_readers_write_activate_and_retire_nothing(self, reader):
        active_config()
        draft = create_config(name="draft", values={"max_recos": 2})
        posts = [
            reader.post(dialog("recoconfig", "write_new"), SUBMITTED),
            reader.post(does(draft, "activate"), SUBMITTED),
            reader.post(does(draft, "retire"), SUBMITTED),
        ]
        assert {answer.status_code for answer in posts} == {403}
        draft.refresh_from_db()
        assert draft.status == "draft"
        assert reader.get(page(draft)).status_code == 200

    def test_a_draft_is_retired_and_the_active_ones_are_not(self, admin_client):
        active = active_config()
        draft = create_config(name=HOSTILE, values={"max_recos": 2}, evidence={"a": HOSTILE})
        assert HOSTILE not in admin_client.get(page(draft)).content.decode()
        admin_client.post(does(draft, "retire"), SUBMITTED)
        draft.refresh_from_db()
        assert draft.status == "retired"
        assert admin_client.post(does(active, "retire"), SUBMITTED).status_code == 403

    @pytest.mark.parametrize("asked", ["", "abc", "99999", HOSTILE])
    def test_a_comparison_with_nothing_asks_to_choose(self, admin_client, asked):
        active_config()
        create_config(name="other", values={"max_recos": 2})
        text = admin_client.get(reverse(DIFF), {"left": asked, "right": asked}).content.decode()
        assert "Choose two" in text
        assert HOSTILE not in text
