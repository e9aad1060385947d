"""Segmentations: groups with their number chosen and proved, from rows to rows.

Ours: ``build`` reads all customers, tries ten numbers of groups with resamples, assigns everybody,
writes the members with key and statistics, and shows them.
Peer: scikit-learn in the usual way: rows by a cursor, k-means over everybody for the one number of
groups that ours has found, members written by ``COPY``.
Limit: one ``COPY`` of the same members into a table with the same key.
"""

from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.utils import timezone
from sklearn.cluster import KMeans

from analytics.models import RfmRun, Segmentation
from analytics.scoring.blocks import rfm_features
from analytics.selectors.segmentation_taste import Taste
from analytics.selectors.segmentation_values import behaviour, known_until, members
from analytics.selectors.segmentations import segmentation_movement
from analytics.services.rfm import score_rfm
from analytics.services.segmentation_comparisons import compare
from analytics.services.segmentation_known import Known
from analytics.services.segmentations import _drop_members, build
from benchmarks.framework import Row, Scale, medians, seconds

WIDTH = 128
"""Numbers in a vector of taste."""


def run(scale: Scale) -> list[Row]:
    """Measure building by behaviour and with made-up tastes, comparing, and movement."""
    day = known_until() or timezone.localdate()
    past = day - timedelta(days=90)
    run_of_day = score_rfm(as_of=day, make_current=False, refresh_views=False)
    score_rfm(as_of=past, make_current=False, refresh_views=False)
    rounds = max(1, scale.rounds // 3)
    ours, peer, limit = medians(
        rounds, lambda: _build(day, "rfm"), lambda: _peer(run_of_day), lambda: _limit(run_of_day)
    )
    found = Segmentation.objects.kept().filter(kind="rfm").latest("pk")
    first = Row(
        f"{scale.customers:,} customers in groups by behaviour, their number chosen",
        ours, peer=peer, limit=limit, note=_note(found),
    )  # fmt: skip
    return [first, _with_taste(day), *_judged(past, scale)]


def _build(day: date, *kinds: str, known: Known | None = None) -> dict[str, Segmentation]:
    """Build, and drop what was built before: the disk stays as it was."""
    for old in Segmentation.objects.kept().filter(kind__in=kinds, is_current=False):
        _drop_members(old)
    made = build(as_of=day, kinds=kinds, make_current=False, known=known).made
    return {row.kind: row for row in made}


class MadeTastes(Known):
    """Eight tastes of noisy vectors: what vectors mean does not matter for how long it takes."""

    def taste(self, day: date) -> Taste:
        run_of_day = RfmRun.objects.kept().filter(as_of=day).latest("pk")
        ids = self.behaviour(run_of_day).ids
        source = np.random.default_rng(1)
        vectors = source.standard_normal((len(ids), WIDTH), dtype=np.float32) * 0.3
        vectors[np.arange(len(ids)), source.integers(0, 8, len(ids))] += 1
        return Taste(ids, vectors, "made up")


def _with_taste(day: date) -> Row:
    known = MadeTastes()
    # The orders of the benchmark name no products, so there are no terms to name groups by.
    ours = seconds(lambda: _build(day, "both", known=known))
    found = Segmentation.objects.kept().filter(kind="both").latest("pk")
    return Row(f"the same by behaviour and {WIDTH} numbers of taste", ours, note=_note(found))


def _note(row: Segmentation) -> str:
    spent = ", ".join(f"{name} {took:.1f}" for name, took in row.timings.items() if took >= 0.05)
    return f"{row.k} groups; {spent}"


def _judged(past: date, scale: Scale) -> list[Row]:
    """Compare as of a day whose next 90 days are known, and count who moved since a week before."""
    made = _build(past, "rfm_map", "rfm")
    compared = seconds(lambda: compare(left_id=made["rfm_map"].pk, right_id=made["rfm"].pk))
    week = _older(past - timedelta(days=7))
    moved = medians(scale.rounds, lambda: segmentation_movement(older=week, newer=made["rfm_map"]))
    return [
        Row("comparing two, judged by 90 days of later orders (200 resamples)", compared),
        Row("the matrix of who went from which segment to which", moved[0]),
    ]


def _older(day: date) -> Segmentation:
    return build(as_of=day, kinds=["rfm_map"], make_current=False).made[0]


def _peer(run_of_day: RfmRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select customer_id, recency_days, frequency, monetary from analytics_rfmscore"
            " where run_id = %s",
            [run_of_day.pk],
        )
        rows = cursor.fetchall()
    ids = [row[0] for row in rows]
    features = rfm_features(*np.array([row[1:] for row in rows], dtype=float).T)
    points = (features - features.mean(axis=0)) / features.std(axis=0)
    found = Segmentation.objects.kept().filter(kind="rfm").order_by("-pk").first()
    labels = KMeans(n_clusters=(found.k if found else 4) or 4, n_init=10, random_state=7)
    _copy(ids, labels.fit_predict(points).tolist())


def _limit(run_of_day: RfmRun) -> None:
    ids, numbers = _members(run_of_day)
    _copy(ids.tolist(), numbers.tolist())


def _members(run_of_day: RfmRun) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    found = Segmentation.objects.kept().filter(kind="rfm").order_by("-pk").first()
    if found is not None:
        return members(found.pk)
    ids = behaviour(run_of_day).ids
    return ids, np.ones(len(ids), dtype=np.int64)


def _copy(ids: list[int], numbers: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists bench_members")
        cursor.execute(
            "create table bench_members (customer_id bigint, segmentation_id int, number smallint)"
        )
        with cursor.copy("copy bench_members from stdin") as copy:
            copy.write("".join(f"{i}\t1\t{n}\n" for i, n in zip(ids, numbers, strict=True)))
        cursor.execute("alter table bench_members add primary key (customer_id, segmentation_id)")
        cursor.execute("analyze bench_members")
