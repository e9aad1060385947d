"""A pipeline as of an earlier day leaves the current figures alone."""

from datetime import date

import pytest

from analytics.models import RfmRun
from analytics.services import pipeline_registry as registry
from analytics.services import pipeline_steps
from analytics.services.pipeline import run_pipeline
from analytics.services.rfm import score_rfm
from tests.analytics.pipeline_support import outcomes
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db

SHOP = {
    "A": [("2011-11-09", "10")],
    "B": [("2011-11-08", "20"), ("2011-10-01", "20")],
    "C": [("2011-09-01", "30")],
}


class TestPast:
    def test_a_day_before_the_current_one_leaves_what_people_see(self):
        shop(SHOP)
        current = score_rfm(as_of=date(2011, 11, 9))

        run = run_pipeline(as_of=date(2011, 10, 15), only=["totals", "rfm", "movement"])

        assert run.make_current is False
        assert outcomes(run)["rfm"] == "succeeded"
        assert RfmRun.objects.get(is_current=True) == current
        assert RfmRun.objects.get(as_of=date(2011, 10, 15)).scored == 2

    def test_a_later_day_takes_the_pointer(self):
        shop(SHOP)
        score_rfm(as_of=date(2011, 10, 15))
        run_pipeline(as_of=date(2011, 11, 9), only=["rfm", "movement"])
        assert RfmRun.objects.get(is_current=True).as_of == date(2011, 11, 9)

    def test_movement_compares_with_the_day_before_it(self):
        shop(SHOP)
        score_rfm(as_of=date(2011, 10, 15))
        run = run_pipeline(as_of=date(2011, 11, 9), only=["rfm", "movement"])
        row = run.steps.get(name="movement")
        assert (row.status, row.words) == ("succeeded", "Compared with 2011-10-15.")
        assert row.rows > 0

    def test_what_describes_the_present_only_is_skipped_for_the_past(self):
        for work in (pipeline_steps.profiles, pipeline_steps.embeddings):
            with pytest.raises(registry.StepNotNeededError, match="present only"):
                work(registry.StepContext(as_of=date(2011, 1, 1), make_current=False))
