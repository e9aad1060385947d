"""Count what the rules of data quality look for, each kind of row in one pass (scoring.md, D.4).

Rules about orders and lines look at the last 365 days up to the end of ``as_of``: older mistakes
neither move a recommendation much nor can anybody repair them. Only ``FUTURE_DATE`` looks past
``as_of``, at what bears a date later than the present.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from analytics.models import RfmRun
from analytics.selectors.segmentation_values import end_of
from orders.models import LabelSuggestion
from recommendations.scoring.quality import Counted
from recommendations.selectors import quality_sql as sql

WINDOW_DAYS = 365


def count_quality(*, as_of: date) -> list[Counted]:
    """Return for every rule how often it hits, of how many, with up to ten samples.

    Samples are codes of customers, keys of products and numbers of orders, never names.
    """
    newest = RfmRun.objects.kept().filter(as_of__lte=as_of).order_by("-as_of", "-id").first()
    params = {
        "day": as_of,
        "end": end_of(as_of),
        "since": end_of(as_of - timedelta(days=WINDOW_DAYS)),
        "month": end_of(as_of - timedelta(days=30)),
        "half_year": end_of(as_of - timedelta(days=180)),
        "now": timezone.now(),
        "zone": settings.TIME_ZONE,
        "rfm": newest.pk if newest else 0,
        "zero": ["quantity_zero"],
    }
    return [counted for query in _queries() for counted in _read(query, params)]


def _queries() -> Sequence[str]:
    return (
        sql.people(),
        sql.orders(),
        sql.lines(),
        sql.products(),
        sql.DUPLICATE_LINES,
        sql.RETURNS,
        sql.RECENT_DUPLICATES,
        sql.DIVERSITY,
        sql.STALE,
        sql.refused(LabelSuggestion._meta.db_table),
    )


def _read(query: str, params: dict[str, Any]) -> Iterator[Counted]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        for code, count, total, samples in cursor.fetchall():
            yield Counted(code, int(count or 0), int(total or 0), tuple(samples or ()))
