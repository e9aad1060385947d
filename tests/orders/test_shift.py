"""Dates can be moved on their way in, as the demo does: the clock's time stays."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from customers.importers.errors import InputError
from customers.importers.options import Options
from customers.importers.values import moment

LONDON = ZoneInfo("Europe/London")
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def test_nine_o_clock_stays_nine_o_clock_in_summer():
    winter = "2011-01-05 09:00"
    shift = Options.of({"shift_days": 26 * 7}).shift()

    found = moment(winter, zone=LONDON, order="", latest=FAR, shift=shift)

    assert found == datetime(2011, 7, 6, 8, 0, tzinfo=UTC)


def test_without_the_option_nothing_moves():
    assert Options.of({}).shift() == timedelta(0)


@pytest.mark.parametrize("value", ["a week", "1.5", "9999999"])
def test_anything_but_a_number_of_days_is_refused(value):
    with pytest.raises(InputError, match="shift_days"):
        Options.of({"shift_days": value})
