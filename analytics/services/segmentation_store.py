"""Write a finished segmentation: numbers of the one before, members, names, and the pointer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.utils import timezone

from analytics.models import Segment, Segmentation, SegmentationCluster
from analytics.models.segmentations import LONGEST_NAME
from analytics.scoring.cluster_names import ClusterName
from analytics.scoring.clustering import match_numbers, same_number_overlaps
from analytics.scoring.segmentation_json import (
    evidence_json,
    renumbered_silhouette,
    renumbered_stability,
)
from analytics.selectors.segmentation_values import last_number, members, rows_of
from analytics.services.segmentation_groups import Grouped, proposed_names

Kind = Segmentation.Kind

CHUNK = 100_000
"""Members written by one call."""

KEEPS_NAME = 0.5
"""Jaccard similarity with the group before from which a person's name is kept."""

_LOCK = 7_264_004
"""The advisory lock of segmentations; any number that nothing else uses."""


def lock() -> bool:
    """Take the lock of segmentations until the transaction ends; False: another has it."""
    return bool(_one("select pg_try_advisory_xact_lock(%s)", [_LOCK]))


def call(function: str, *arguments: Any) -> Any:
    """Call a function of ``crm_private`` that takes a segmentation first."""
    holes = ", ".join(["%s"] * len(arguments))
    return _one(f"select crm_private.{function}({holes})", list(arguments))


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """The segmentation before: its clusters by number, and the overlap with each."""

    clusters: Mapping[int, SegmentationCluster]
    overlaps: Mapping[int, float]


def previous_of(segmentation: Segmentation) -> Segmentation | None:
    """Return the one to number groups by: the newest of its kind up to its day, else the nearest.

    A first look at the past has nothing before it; then the current one gives the numbers, which
    changes what groups are called and nobody's group.
    """
    others = Segmentation.objects.kept().filter(kind=segmentation.kind).exclude(pk=segmentation.pk)
    earlier = others.filter(as_of__lte=segmentation.as_of).order_by("-as_of", "-pk").first()
    return earlier or others.order_by("as_of", "-is_current", "-pk").first()


def numbered(segmentation: Segmentation, grouped: Grouped) -> tuple[Grouped, Before]:
    """Give the groups the numbers of the segmentation before."""
    previous = previous_of(segmentation)
    if previous is None:
        return grouped, Before({}, {})
    ids, numbers = members(previous.pk)
    rows, found = rows_of(ids, grouped.ids)
    if grouped.kind != Kind.RFM_MAP:
        mapping = match_numbers(
            numbers[rows],
            grouped.numbers[found],
            numbers=grouped.sizes,
            last_used=last_number(segmentation.kind),
        )
        grouped = _renumbered(grouped, mapping)
    overlaps = same_number_overlaps(numbers[rows], grouped.numbers[found])
    # Locked, so that a rename at this moment is either seen here or made after us.
    clusters = SegmentationCluster.objects.select_for_update().filter(segmentation=previous)
    return grouped, Before({each.number: each for each in clusters.order_by("number")}, overlaps)


def _renumbered(grouped: Grouped, mapping: Mapping[int, int]) -> Grouped:
    table = np.zeros(max(mapping) + 1, dtype=np.int64)
    table[list(mapping)] = list(mapping.values())
    return replace(
        grouped,
        numbers=table[grouped.numbers],
        silhouette=renumbered_silhouette(grouped.silhouette, mapping.__getitem__),
        stability=renumbered_stability(grouped.stability, mapping.__getitem__),
        terms={mapping[number]: counts for number, counts in grouped.terms.items()},
    )


def write(segmentation: Segmentation, grouped: Grouped) -> None:
    """Write a finished segmentation with numbers, members and names; the pointer stays."""
    grouped, before = numbered(segmentation, grouped)
    write_members(segmentation, grouped)
    write_clusters(segmentation, proposed_names(grouped), before)
    finish(segmentation, grouped)


def write_members(segmentation: Segmentation, grouped: Grouped) -> None:
    """Write who is in which group into a table of its own, and make it readable."""
    call("segmentation_make", segmentation.pk)
    if grouped.kind == Kind.RFM_MAP:
        call("segmentation_fill_map", segmentation.pk, segmentation.rfm_run_id)
    else:
        for start in range(0, len(grouped.ids), CHUNK):
            _fill(
                segmentation,
                grouped.ids[start : start + CHUNK],
                grouped.numbers[start : start + CHUNK],
            )
    call("segmentation_seal", segmentation.pk)


def _fill(
    segmentation: Segmentation, ids: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]
) -> None:
    _one(
        "select crm_private.segmentation_fill(%s, %s::bigint[], %s::smallint[])",
        [segmentation.pk, ids.tolist(), numbers.tolist()],
    )


def write_clusters(
    segmentation: Segmentation, names: Mapping[int, ClusterName], before: Before
) -> None:
    """Write the groups with their names; what a person called a group stays while it is alike."""
    rows = [_cluster(segmentation, found, before) for found in names.values()]
    if segmentation.kind == Kind.RFM_MAP:
        called = dict(Segment.objects.values_list("pk", "name"))
        for row in rows:
            row.name = row.automatic_name = called[row.number]
    taken = {row.name.casefold() for row in rows if row.named_by_person}
    for row in rows:
        if not row.named_by_person and row.name.casefold() in taken:
            row.name = fitting(row.automatic_name, f" ({row.number})")
    SegmentationCluster.objects.bulk_create(rows)


def _cluster(segmentation: Segmentation, found: ClusterName, before: Before) -> SegmentationCluster:
    automatic = fitting(found.name)
    row = SegmentationCluster(
        segmentation=segmentation,
        number=found.number,
        name=automatic,
        automatic_name=automatic,
        size=found.size,
        overlap=before.overlaps.get(found.number),
        evidence=evidence_json(found),
    )
    old = before.clusters.get(found.number)
    if old is None:
        return row
    if not old.named_by_person:
        row.former_name = old.former_name
    elif (row.overlap or 0) >= KEEPS_NAME:
        row.name, row.named_by_person = old.name, True
    else:
        row.former_name = old.name
    return row


def fitting(name: str, ending: str = "") -> str:
    """Cut a name to what the column holds, with its ending."""
    room = LONGEST_NAME - len(ending)
    return (name if len(name) <= room else name[: room - 1].rstrip() + "…") + ending


def finish(segmentation: Segmentation, grouped: Grouped) -> None:
    """Fill in what the segmentation says about itself; the pointer is moved by ``publish``."""
    segmentation.k = len(grouped.sizes)
    segmentation.customers = len(grouped.ids)
    segmentation.left_out = grouped.left_out
    segmentation.params = grouped.params
    segmentation.quality = grouped.quality()
    segmentation.status = Segmentation.Status.SUCCEEDED
    segmentation.finished_at = timezone.now()
    segmentation.save()


def publish(segmentations: list[Segmentation]) -> None:
    """Let everybody see these, each in place of the current one of its kind."""
    for segmentation in segmentations:
        Segmentation.objects.filter(kind=segmentation.kind, is_current=True).update(
            is_current=False
        )
        segmentation.is_current = True
        segmentation.save(update_fields=["is_current"])


def _one(sql: str, params: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
