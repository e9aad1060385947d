"""Compare the classical segments with each other kind, with a judgement that is never missing.

What matters is judged on a window after the day that is described. While the window is not over,
the same kinds are made as of an earlier day and compared there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics.models import Segmentation, SegmentationComparison
from analytics.selectors.segmentation_values import known_until
from analytics.selectors.segmentations import newest_of
from analytics.services.segmentation_comparisons import (
    LATER_DAYS,
    check_window,
    compare,
    not_over,
)
from analytics.services.segmentation_groups import Effort
from analytics.services.segmentation_known import Known
from analytics.services.segmentations import build
from crm_project.common.exceptions import CrmError, NotReadyError
from crm_project.common.jobs import Progress

Kind = Segmentation.Kind

JUDGED_EVERY_DAYS = 7
"""A judged comparison of an earlier day is used again while a newer one would gain fewer days."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Comparisons of one day, those of the judged day, and why there is no judged one."""

    comparisons: tuple[SegmentationComparison, ...]
    judged: tuple[SegmentationComparison, ...] = ()
    reason: str = ""

    @property
    def words(self) -> str:
        """One line for people."""
        if not self.comparisons:
            return "Nothing was compared."
        days = sorted({row.as_of for row in (*self.comparisons, *self.judged) if row.later_judged})
        judged = f"judged as of {days[-1]:%Y-%m-%d}" if days else "not judged by later revenue yet"
        return f"{len(self.comparisons)} comparisons as of {self.comparisons[0].as_of}, {judged}."


def compare_asked(
    *,
    left_id: int | None = None,
    right_id: int | None = None,
    as_of: date | None = None,
    later_days: int = LATER_DAYS,
    user: Any = None,
    progress: Progress | None = None,
) -> Compared:
    """Compare the two that were named; without names, the RFM map with each other kind.

    Raises ``CrmError`` where only one was named, or a day beside them.
    """
    more: dict[str, Any] = {"later_days": later_days, "user": user, "progress": progress}
    if left_id is None and right_id is None:
        return compare_newest(as_of=as_of, **more)
    if left_id is None or right_id is None or as_of is not None:
        raise CrmError("Name either two segmentations, or a day, or neither.")
    return Compared((compare(left_id=left_id, right_id=right_id, **more),))


def compare_newest(
    *,
    as_of: date | None = None,
    later_days: int = LATER_DAYS,
    effort: Effort | None = None,
    user: Any = None,
    progress: Progress | None = None,
) -> Compared:
    """Compare the RFM map with each other kind, as of one day.

    Args:
        as_of: the day of the segmentations; by default that of the current ones.

    Where the window after that day is not over, the same is done as of the latest day that can be
    judged (segmentations of it are made, and nobody sees them as current), unless a judged
    comparison of less than a week before is there.

    Raises ``NotReadyError`` where nothing was grouped yet.
    """
    check_window(later_days)
    left = newest_of(Kind.RFM_MAP, as_of=as_of)
    if left is None:
        raise NotReadyError("Nothing has been grouped yet. Run: manage.py segment_customers")
    others = {
        kind: found
        for kind in (Kind.RFM, Kind.TASTE, Kind.BOTH)
        if (found := newest_of(kind, as_of=left.as_of)) is not None
    }
    if not others:
        raise NotReadyError(f"Only the RFM map is there as of {left.as_of:%Y-%m-%d}.")
    options = {"later_days": later_days, "effort": effort, "user": user, "known": Known()}
    judged: dict[str, SegmentationComparison] = {}
    reason = ""
    if not_over(left.as_of, later_days):
        judged, reason = _judged(left.as_of, tuple(others), options, progress)
    more = {**options, "progress": progress}
    made = tuple(
        compare(left_id=left.pk, right_id=right.pk, judged=judged.get(kind), **more)
        for kind, right in others.items()
    )
    return Compared(made, tuple(judged.values()), reason)


def _judged(
    day: date, kinds: tuple[str, ...], options: Mapping[str, Any], progress: Progress | None
) -> tuple[dict[str, SegmentationComparison], str]:
    """Return a comparison of an earlier day for each kind, or in words why there is none."""
    days = options["later_days"]
    until = known_until()
    if until is None:
        return {}, "There are no orders yet."
    latest = min(until - timedelta(days=days), day - timedelta(days=1))
    known = _recent(latest, days)
    missing = tuple(kind for kind in kinds if kind not in known)
    if not missing:
        return known, ""
    built = build(
        as_of=latest,
        kinds=(Kind.RFM_MAP, *missing),
        make_current=False,
        effort=options["effort"],
        known=options["known"],
        user=options["user"],
        progress=progress,
    )
    made = {row.kind: row for row in built.made}
    for kind in missing:
        if kind in made and Kind.RFM_MAP in made:
            known[kind] = compare(
                left_id=made[Kind.RFM_MAP].pk, right_id=made[kind].pk, progress=progress, **options
            )
    reasons = sorted({why for kind, why in built.left_out.items() if kind in missing})
    return known, f"As of {latest:%Y-%m-%d}: {' '.join(reasons)}" if reasons else ""


def _recent(latest: date, days: int) -> dict[str, SegmentationComparison]:
    """Return the judged comparisons with the RFM map that are recent enough, by kind."""
    found = SegmentationComparison.objects.filter(
        left__kind=Kind.RFM_MAP,
        later_judged=True,
        later_days=days,
        as_of__gt=latest - timedelta(days=JUDGED_EVERY_DAYS),
        as_of__lte=latest,
    ).select_related("right")
    return {each.right.kind: each for each in found.order_by("as_of", "pk")}
