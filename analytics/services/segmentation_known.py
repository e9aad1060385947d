"""What one piece of work has read already: building and comparing look at the same customers."""

from datetime import date

from analytics.models import RfmRun
from analytics.selectors.segmentation_taste import Taste, taste
from analytics.selectors.segmentation_values import Behaviour, behaviour


class Known:
    """Remembers the last behaviour and the last taste that was read, and no more of either."""

    def __init__(self) -> None:
        self._behaviour: tuple[int, Behaviour] | None = None
        self._taste: tuple[date, Taste | str] | None = None

    def behaviour(self, run: RfmRun) -> Behaviour:
        if self._behaviour is None or self._behaviour[0] != run.pk:
            self._behaviour = None  # the old one goes before the new one comes
            self._behaviour = run.pk, behaviour(run)
        return self._behaviour[1]

    def taste(self, day: date) -> Taste | str:
        if self._taste is None or self._taste[0] != day:
            self._taste = None
            self._taste = day, taste(day)
        return self._taste[1]
