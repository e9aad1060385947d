"""What the dashboard says of predictions and segmentations, and what it leaves open."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from analytics.models import MetricsRun, Segmentation, SegmentationComparison
from analytics.selectors.outlook import outlook, verdicts

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 1)


def predictions(**fields):
    given = {
        "quality": "good",
        "words": ["BG/NBD is degenerate here, so MBG/NBD speaks."],
        "bands": {"counts": {"low": 5, "medium": 3, "high": 1_234}},
        "fingerprint": {"ltv": "1250000.5000"},
        **fields,
    }
    return MetricsRun.objects.create(
        as_of=DAY, time_zone="UTC", status="succeeded", is_current=True, **given
    )


def comparison(**fields):
    left, right = (
        Segmentation.objects.create(
            kind=kind, as_of=DAY, time_zone="UTC", seed=1, status="succeeded", is_current=True,
            k=3, customers=9,
        )
        for kind in ("rfm_map", "rfm")
    )  # fmt: skip
    return SegmentationComparison.objects.create(
        left=left, right=right, as_of=DAY, later_days=90, later_since=date(2026, 3, 2),
        later_until=date(2026, 5, 30), verdict="They agree in part. The rest is long.", **fields,
    )  # fmt: skip


def text_of(client):
    return client.get(reverse("admin:index")).content.decode()


class TestPredictions:
    def test_before_the_first_run_there_is_no_outlook(self, admin_client):
        assert outlook() is None
        assert "Predictions appear with the first run" in text_of(admin_client)

    def test_bands_and_money_are_those_of_the_run(self, admin_client):
        predictions()
        found = outlook()
        assert (found.leaving, found.undecided, found.staying) == (1_234, 3, 5)
        assert found.ltv == Decimal("1250000.5")
        text = text_of(admin_client)
        assert "1,234" in text
        assert "£1.25 M" in text
        assert "BG/NBD is degenerate here" in text

    def test_too_little_data_is_a_reason_and_no_zero(self, admin_client):
        predictions(quality="none", words=["Only 3 customers came back."], predicted=0)
        found = outlook()
        assert (found.leaving, found.ltv) == (None, None)
        assert found.reason == "Only 3 customers came back."
        text = text_of(admin_client)
        assert "Only 3 customers came back." in text
        assert "Likely to leave" not in text

    @pytest.mark.parametrize("shown", [{"bands": {}}, {"fingerprint": {}}])
    def test_a_run_without_a_sum_shows_a_dash(self, admin_client, shown):
        predictions(**shown)
        assert admin_client.get(reverse("admin:index")).status_code == 200


class TestVerdicts:
    def test_a_verdict_quotes_the_judgement_of_an_earlier_day(self, admin_client):
        words = "Of revenue in the 90 days after 2025-11-01, the map explains 4 %."
        later = {
            "outcomes": [{"key": "conversion", "words": "x"}, {"key": "revenue", "words": words}]
        }
        found = comparison()
        earlier = SegmentationComparison.objects.create(
            left=found.right, right=found.left, as_of=DAY, later_days=90, later_judged=True,
            later_since=found.later_since, later_until=found.later_until,
            results={"later": later},
        )  # fmt: skip
        SegmentationComparison.objects.filter(pk=found.pk).update(judged=earlier)
        Segmentation.objects.exclude(pk=found.left_id)
        one = next(verdict for verdict in verdicts() if verdict.comparison == found)
        assert one.agreement == "They agree in part."
        assert one.judgement == words
        assert words in text_of(admin_client)

    def test_without_a_judgement_only_the_agreement_is_said(self):
        comparison()
        assert [one.judgement for one in verdicts()] == [""]


def test_each_card_needs_its_permission(client, staff_user):
    predictions()
    comparison()
    client.force_login(staff_user)
    assert 'id="outlook"' not in text_of(client)
    assert 'id="verdict"' not in text_of(client)
    for codename, card in (("view_metricsrun", "outlook"), ("view_segmentation", "verdict")):
        staff_user.user_permissions.set([Permission.objects.get(codename=codename)])
        client.force_login(staff_user)
        assert f'id="{card}"' in text_of(client)
