"""Compare two segmentations of one day, and see what each explains of what customers did later."""

from dataclasses import dataclass
from datetime import date, timedelta
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analytics.models import Segmentation, SegmentationComparison
from analytics.scoring import comparison as sides
from analytics.scoring.blocks import TASTE_SHARES, fit_scaling, rfm_features
from analytics.scoring.segmentation_json import (
    comparison_json,
    silhouette_of,
    stability_of,
)
from analytics.selectors import segmentation_values as read
from analytics.selectors.segmentation_taste import Taste
from analytics.services.segmentation_groups import Effort, rfm_points
from analytics.services.segmentation_known import Known
from analytics.services.segmentations import SEED
from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.jobs import Progress
from crm_project.common.services import refresh

Kind = Segmentation.Kind
Floats = npt.NDArray[np.floating]

LATER_DAYS = 90
"""Length of the later window."""

NAMES: dict[str, str] = {
    Kind.RFM_MAP: "RFM map",
    Kind.RFM: "Behaviour clustering",
    Kind.TASTE: "Taste clustering",
    Kind.BOTH: "Combined clustering",
}
"""What the verdict calls the kinds."""

_LOCK = 7_264_005
"""The advisory lock of comparisons; any number that nothing else uses."""


def compare(
    *,
    left_id: int,
    right_id: int,
    later_days: int = LATER_DAYS,
    judged: SegmentationComparison | None = None,
    effort: Effort | None = None,
    known: Known | None = None,
    user: Any = None,
    progress: Progress | None = None,
) -> SegmentationComparison:
    """Compare two segmentations of the same day, over the customers who are in both.

    Comparing the same two again replaces the results.

    Args:
        left_id, right_id: the segmentations; their members must still be kept.
        later_days: length of the window after their day.
        judged: the same comparison of an earlier day, quoted where the window is not over.
        known: what the same piece of work has read before.

    Raises ``CrmError`` for two that cannot be compared, and ``ConflictError`` while another
    comparison is under way.
    """
    left, right = _chosen(left_id, right_id)
    check_window(later_days)
    with (
        refresh.record("comparison", as_of=read.end_of(left.as_of)) as state,
        transaction.atomic(),
    ):
        if not _lock():
            raise ConflictError("Segmentations are being compared already; try again afterwards.")
        work = _Work(left, right, later_days, effort or Effort(), known or Known(), progress)
        found = work.do(judged)
        row, _ = SegmentationComparison.objects.update_or_create(
            left=left, right=right, defaults={**found, "created_by": user}
        )
        state.rows = row.results["customers"]
    return row


def check_window(later_days: int) -> None:
    """Raise ``CrmError`` for a later window that makes no sense."""
    if not 1 <= later_days <= 366:
        raise CrmError("The later window is 1 to 366 days long.")


def _chosen(left_id: int, right_id: int) -> tuple[Segmentation, Segmentation]:
    found = Segmentation.objects.kept().select_related("rfm_run").in_bulk({left_id, right_id})
    for key in (left_id, right_id):
        if key not in found:
            raise CrmError(f"There is no segmentation {key} with members (or no longer).")
    left, right = found[left_id], found[right_id]
    if left == right:
        raise CrmError("A segmentation cannot be compared with itself.")
    if left.as_of != right.as_of:
        raise CrmError(
            f"They describe different days ({left.as_of:%Y-%m-%d} and {right.as_of:%Y-%m-%d});"
            " compare two of the same day, or look at the movement between two of one kind."
        )
    return left, right


def _lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


@dataclass(slots=True)
class _Work:
    """One comparison inside its transaction."""

    left: Segmentation
    right: Segmentation
    later_days: int
    effort: Effort
    known: Known
    progress: Progress | None

    def do(self, judged: SegmentationComparison | None) -> dict[str, Any]:
        """Return the fields of the comparison's row."""
        started = perf_counter()
        self._tell(0, "Reading members")
        ids, left, right = read.common_members(self.left.pk, self.right.pk)
        if not len(ids):
            raise CrmError("They have no customer in common.")
        space = self._behaviour_space(ids)
        self._tell(1, "Reading what they did later")
        day, days = self.left.as_of, self.later_days
        reason = not_over(day, days)
        later = {} if reason else _outcomes(ids, day, days)
        self._tell(2, "Comparing")
        read_in = perf_counter() - started
        # Many small pieces of work: threads that wait for each other only cost.
        with threadpool_limits(limits=1):
            found = sides.compare(
                self._side(self.left, left, None),
                self._side(self.right, right, self._space(ids, space)),
                seed=SEED,
                rfm_space=space,
                later=later,
                resamples=self.effort.resamples,
            )
        return {
            "as_of": day,
            "later_days": days,
            "later_since": day + timedelta(days=1),
            "later_until": day + timedelta(days=days),
            "later_judged": not reason,
            "judged": judged,
            "results": self._results(found, len(ids), reason),
            "verdict": _verdict(found, reason, judged),
            "timings": {
                "read": round(read_in, 4),
                "compare": round(perf_counter() - started - read_in, 4),
            },
        }

    def _tell(self, done: int, words: str) -> None:
        if self.progress is not None:
            self.progress(done, 3, words)

    def _side(self, row: Segmentation, labels: Any, space: Floats | None) -> sides.Side:
        return sides.Side(
            name=NAMES[row.kind],
            labels=labels,
            space=space,
            silhouette=silhouette_of(row.quality["silhouette"]),
            stability=stability_of(row.quality["stability"]),
        )

    def _results(self, found: sides.Comparison, common: int, reason: str) -> dict[str, Any]:
        return comparison_json(
            found,
            kinds=(self.left.kind, self.right.kind),
            names=(_names(self.left), _names(self.right)),
            alone=((self.left.customers or 0) - common, (self.right.customers or 0) - common),
            outcome_keys=[] if reason else ["revenue", "conversion"],
            later_reason=reason,
        )

    def _behaviour(self, row: Segmentation, ids: read.Ids) -> npt.NDArray[np.float64] | None:
        """Return recency, orders and money of these customers; None if they are gone."""
        run = row.rfm_run
        if run is None or run.scores_dropped_at is not None:
            return None
        known = self.known.behaviour(run)
        rows, found = read.rows_of(known.ids, ids)
        return known.values[rows] if found.all() else None

    def _behaviour_space(self, ids: read.Ids) -> Floats | None:
        values = self._behaviour(self.left, ids)
        return None if values is None else rfm_points(values)

    def _space(self, ids: read.Ids, behaviour: Floats | None) -> Floats | None:
        """Return the right's space, where neighbours are looked for; None if it is not known."""
        kind = self.right.kind
        if kind in {Kind.RFM_MAP, Kind.RFM}:
            return behaviour
        taste, values = self.known.taste(self.right.as_of), self._behaviour(self.right, ids)
        if not isinstance(taste, Taste) or values is None:
            return None
        rows, found = read.rows_of(taste.ids, ids)
        if not found.all():
            return None
        features, vectors = rfm_features(*values.T), taste.vectors[rows]
        scaling = fit_scaling(features, vectors, taste_share=TASTE_SHARES[kind])
        return scaling.points(features, vectors)


def _names(row: Segmentation) -> dict[int, str]:
    return dict(row.clusters.values_list("number", "name"))


def _outcomes(ids: read.Ids, day: date, days: int) -> dict[str, npt.NDArray[np.float64]]:
    revenue, bought = read.later_outcomes(ids, as_of=day, days=days)
    after = f"in the {days} days after {day:%Y-%m-%d}"
    return {f"revenue {after}": revenue, f"purchases {after}": bought}


def not_over(day: date, days: int) -> str:
    """Return why the window after a day cannot be judged yet; empty if it can."""
    until = read.known_until()
    if until is not None and day + timedelta(days=days) <= until:
        return ""
    known = f"all orders are known up to {until:%Y-%m-%d}" if until else "there are no orders yet"
    return f"the {days} days after {day:%Y-%m-%d} are not over ({known})"


def _verdict(found: sides.Comparison, reason: str, judged: SegmentationComparison | None) -> str:
    if not reason:
        return found.verdict
    ending = f"What each explains of later revenue cannot be said yet: {reason}."
    if judged is None:
        return f"{found.verdict} {ending}"
    words = [outcome["words"] for outcome in judged.results["later"]["outcomes"]]
    return " ".join((found.verdict, ending, f"As of {judged.as_of:%Y-%m-%d}:", *words))
