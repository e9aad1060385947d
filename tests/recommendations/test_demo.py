"""The demo's dates end near today, and its login does not exist in production."""

import lzma
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_project.common.exceptions import CrmError
from crm_project.common.models import User
from recommendations.services import demo

DATA = Path(__file__).parents[2] / demo.DATA


@given(st.dates(min_value=date(2011, 11, 10), max_value=date(2100, 1, 1)))
def test_the_newest_order_is_one_to_seven_days_old_and_keeps_its_weekday(today):
    moved = demo.NEWEST + timedelta(days=demo.shift_days(today=today))

    assert 1 <= (today - moved).days <= 7
    assert moved.weekday() == demo.NEWEST.weekday()


def test_the_newest_day_is_that_of_the_file():
    with lzma.open(DATA, "rt", encoding="utf-8") as lines:
        next(lines)
        newest = max(line.rsplit(",", 4)[1][:10] for line in lines)

    assert newest == demo.NEWEST.isoformat()


@pytest.mark.django_db
class TestLogin:
    def test_it_is_made_once_and_its_password_is_not_reset(self):
        demo.ensure_login().set_password("another")

        assert demo.ensure_login() == User.objects.get()

    def test_it_is_refused_in_production(self, settings):
        settings.PRODUCTION = True

        with pytest.raises(CrmError, match="not for production"):
            demo.ensure_login()
        assert not User.objects.exists()
