"""The pages of segmentations: groups with their evidence, names, comparisons."""

from datetime import date

import pytest
from django.urls import reverse

from analytics.models import SegmentationCluster
from crm_project.common import jobs
from crm_project.common.formats import MINUS
from crm_project.common.models import Job
from tests.analytics.admin_pages import HOSTILE, SUBMITTED, allow
from tests.analytics.pages_data import NAMES, comparison, results, segmentation

pytestmark = pytest.mark.django_db
LIST = "admin:analytics_segmentation_changelist"
COMPARE = "admin:analytics_segmentation_compare"


def page_of(row):
    return reverse("admin:analytics_segmentation_change", args=[row.pk])


@pytest.fixture
def two(db):
    return segmentation("rfm_map"), segmentation("taste")


@pytest.fixture
def known_jobs():
    """The work itself is not done here; its handlers are there with the services."""
    added = [kind for kind in ("segment_customers", "compare_segmentations")
             if kind not in jobs._kinds]  # fmt: skip
    for kind in added:
        jobs.register(kind, lambda context: None)
    yield
    for kind in added:
        del jobs._kinds[kind]


class TestTheGroups:
    def test_each_has_its_evidence_and_how_far_to_believe_it(self, admin_client):
        page = admin_client.get(page_of(segmentation()))

        groups = page.context["shown"].groups
        assert [(group.word, group.tone) for group in groups] == [
            ("stable", "crm-tag-good"),
            ("doubtful", "crm-tag-warn"),
            ("unstable", "crm-tag-bad"),
        ]
        assert groups[0].medians[2] == ("Money", "£410.50")
        assert groups[0].terms[0] == ("riesling", "40.0 %")
        text = page.content.decode()
        assert "the best silhouette among those that come back" in text
        assert "unstable" in text

    def test_names_and_terms_are_escaped(self, admin_client):
        row = segmentation(names=[HOSTILE, "b", "c"])
        row.clusters.update(former_name=HOSTILE)

        text = admin_client.get(page_of(row)).content.decode()

        assert HOSTILE not in text
        assert "&lt;script&gt;" in text

    @pytest.mark.parametrize(
        "changed",
        [
            {"status": "failed", "error": HOSTILE, "quality": {}, "is_current": False},
            {"status": "left_out", "error": "No vectors.", "quality": {}, "is_current": False},
            {"status": "running", "quality": {}, "is_current": False, "finished_at": None},
            {"quality": {"silhouette": None, "stability": {"groups": [{"number": 1}]}}},
        ],
        ids=["failed", "left out", "running", "little known"],
    )
    def test_one_that_is_not_there_says_why(self, admin_client, changed):
        names = NAMES if "status" not in changed else []
        page = admin_client.get(page_of(segmentation(names=names, **changed)))

        assert page.status_code == 200
        assert HOSTILE not in page.content.decode()
        assert changed.get("error", "") in page.content.decode() or changed["error"] == HOSTILE

    def test_more_groups_cost_no_more_queries(self, admin_client, django_assert_max_num_queries):
        row = segmentation(names=[f"Group {number}" for number in range(12)])
        admin_client.get(page_of(row))

        with django_assert_max_num_queries(18):
            admin_client.get(page_of(row))


class TestNames:
    def rename(self, client, cluster, name):
        return client.post(reverse("admin:analytics_cluster_rename", args=[cluster.pk]),
                           {"name": name})  # fmt: skip

    def test_a_person_may_call_a_group_what_they_like(self, admin_client):
        cluster = segmentation().clusters.first()

        answer = self.rename(admin_client, cluster, "Riesling lovers")

        assert answer.url.endswith("#group-1")
        cluster.refresh_from_db()
        assert (cluster.name, cluster.named_by_person) == ("Riesling lovers", True)

    def test_a_name_that_is_taken_is_refused_in_words(self, admin_client):
        cluster = segmentation().clusters.first()

        self.rename(admin_client, cluster, NAMES[1])
        text = admin_client.get(page_of(cluster.segmentation)).content.decode()

        assert "has this name already" in text
        assert SegmentationCluster.objects.get(pk=cluster.pk).name == NAMES[0]

    def test_segments_of_the_map_have_no_field_for_it(self, admin_client):
        assert (
            "crm-rename" not in admin_client.get(page_of(segmentation("rfm_map"))).content.decode()
        )

    def test_it_needs_the_right_and_a_post(self, client, admin_client, staff_user):
        cluster = segmentation().clusters.first()
        url = reverse("admin:analytics_cluster_rename", args=[cluster.pk])
        assert admin_client.get(url).status_code == 405

        allow(staff_user, "view_segmentation")
        client.force_login(staff_user)

        assert self.rename(client, cluster, "Mine").status_code == 403
        assert "crm-rename" not in client.get(page_of(cluster.segmentation)).content.decode()


class TestTheList:
    def test_before_the_first_it_says_what_to_do(self, admin_client):
        assert "Group customers now" in admin_client.get(reverse(LIST)).content.decode()

    def test_the_verdict_comes_first(self, admin_client, two):
        comparison(*two)

        text = admin_client.get(reverse(LIST)).content.decode()

        assert text.index("agree in part") < text.index(NAMES[0])

    def test_it_needs_the_right_to_see_them(self, client, staff_user):
        client.force_login(staff_user)
        assert client.get(reverse(LIST)).status_code == 403

    def test_a_click_starts_a_job(self, admin_client, known_jobs):
        url = reverse("admin:analytics_segmentation_build_now")
        data = {**SUBMITTED, "as_of": "2011-12-09", "kinds": ["taste"]}

        admin_client.post(url, data)

        job = Job.objects.get(kind="segment_customers")
        assert job.params == {"as_of": "2011-12-09", "kinds": ["taste"], "make_current": True}

    def test_a_look_at_the_past_changes_nothing_that_people_see_today(
        self, admin_client, known_jobs
    ):
        segmentation("taste")
        url = reverse("admin:analytics_segmentation_build_now")

        admin_client.post(url, {**SUBMITTED, "as_of": "2011-12-08"})

        assert Job.objects.get(kind="segment_customers").params["make_current"] is False


class TestTheComparison:
    def test_it_opens_with_the_newest_and_its_verdict(self, admin_client, two):
        comparison(*two)

        page = admin_client.get(reverse(COMPARE))

        text = page.content.decode()
        assert "agree in part (adjusted Rand index 0.21)" in text
        assert "0 is as by chance, 1 always" in text
        later = page.context["shown"].later
        assert [row.value for row in later[0].chart.rows] == ["12.0 %", "1.0 %", f"{MINUS}11.0 %"]
        assert later[0].chart.rows[2].interval == f"{MINUS}14.0 % to {MINUS}8.0 %"

    def test_either_order_finds_the_same(self, admin_client, two):
        row = comparison(*two)

        page = admin_client.get(reverse(COMPARE), {"left": two[1].pk, "right": two[0].pk})

        assert page.context["shown"].comparison == row

    def test_while_the_window_is_open_the_judged_one_of_an_earlier_day_speaks(self, admin_client):
        day = date(2011, 9, 1)
        before = [segmentation(kind, as_of=day, is_current=False) for kind in ("rfm_map", "taste")]
        judged = comparison(*before)
        comparison(segmentation("rfm_map"), segmentation("taste"), judged=False)
        type(judged).objects.exclude(pk=judged.pk).update(judged=judged)

        found = admin_client.get(reverse(COMPARE)).context["shown"]

        assert "as of 1 Sep 2011" in found.later_note
        assert found.later[0].chart is not None

    def test_without_any_judgement_it_says_why(self, admin_client, two):
        comparison(*two, judged=False)

        text = admin_client.get(reverse(COMPARE)).content.decode()

        assert "The 90 days after are not over." in text

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({}, "Nothing has been compared yet"),
            ({"left": "x", "right": HOSTILE}, "Choose"),
            ({"left": "99999999999999999999"}, "choose another"),
        ],
    )
    def test_what_is_not_there_is_no_error(self, admin_client, two, asked, words):
        text = admin_client.get(reverse(COMPARE), asked).content.decode()

        assert words.casefold() in text.casefold()
        assert HOSTILE not in text

    def test_two_of_different_days_are_not_compared(self, admin_client, two, known_jobs):
        other = segmentation("both", as_of=date(2011, 1, 1))
        asked = {"left": two[0].pk, "right": other.pk}

        assert "different days" in admin_client.get(reverse(COMPARE), asked).content.decode()
        admin_client.post(reverse(COMPARE), asked)
        assert not Job.objects.exists()

    def test_a_click_starts_a_job(self, admin_client, two, known_jobs):
        admin_client.post(reverse(COMPARE), {"left": two[0].pk, "right": two[1].pk})

        job = Job.objects.get(kind="compare_segmentations")
        assert job.params == {"left": two[0].pk, "right": two[1].pk}

    def test_names_are_escaped(self, admin_client, two):
        found = results(HOSTILE, HOSTILE)
        found["contingency"]["rows"][0]["name"] = HOSTILE
        comparison(*two, results=found, verdict=HOSTILE)

        assert HOSTILE not in admin_client.get(reverse(COMPARE)).content.decode()

    def test_an_empty_document_is_no_error(self, admin_client, two):
        comparison(*two, results={})

        assert admin_client.get(reverse(COMPARE)).status_code == 200

    def test_it_needs_the_right(self, client, staff_user, two):
        client.force_login(staff_user)
        assert client.get(reverse(COMPARE)).status_code == 403
        allow(staff_user, "view_segmentationcomparison")
        assert client.get(reverse(COMPARE)).status_code == 200
        asked = {"left": two[0].pk, "right": two[1].pk}
        assert client.post(reverse(COMPARE), asked).status_code == 403

    def test_it_takes_a_few_queries(self, admin_client, two, django_assert_max_num_queries):
        comparison(*two)
        admin_client.get(reverse(COMPARE))

        with django_assert_max_num_queries(12):
            admin_client.get(reverse(COMPARE))
