"""Group customers by behaviour, by taste, or by both: k-means on two blocks of equal variance.

The means are fitted on a sample drawn with the seed; then every customer is assigned, chunk by
chunk, so memory does not grow with the shop. :mod:`analytics.scoring.blocks` makes the points.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analytics.scoring.agreement import contingency
from analytics.scoring.blocks import Scaling, fit_scaling
from analytics.scoring.stability import (
    STABLE,
    UNSTABLE,
    Floats,
    Rows,
    Silhouette,
    Stability,
    bootstrap_jaccard,
    sample_rows,
    silhouette,
)

KS = tuple(range(3, 13))
"""Numbers of groups that are tried."""

FIT_SAMPLE, TRIAL_SAMPLE, CHUNK = 20_000, 4_000, 50_000
"""Customers that fit the means; that judge a number of groups; that are assigned at once."""

STARTS, TRIAL_RESAMPLES, RESAMPLES = 10, 20, 100
"""k-means++ starts, resamples per number of groups tried, and for the number chosen."""

BLURRED = 0.25
"""Silhouette below which groups are no substantial structure (Kaufman and Rousseeuw 1990)."""

SAME_GROUP = 0.2
"""Jaccard similarity below which a group is a new one and gets a new number."""

Numbers = npt.NDArray[np.int64]


class TooFewCustomersError(ValueError):
    """There are fewer different customers than groups to make."""


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Fitted k-means: one centre per group, numbered from 1 by falling size."""

    centres: Floats
    inertia: float

    def assign(self, points: Floats) -> Numbers:
        """Return the number of the nearest centre for each point."""
        # |x - c|² less |x|², which is the same for every centre.
        far = (self.centres**2).sum(axis=1) - 2 * points @ self.centres.T
        return np.asarray(far.argmin(axis=1) + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Candidate:
    """How one number of groups did: cohesion, and whether the groups come back."""

    k: int
    silhouette: float
    mean_jaccard: float
    worst_jaccard: float

    @property
    def stable(self) -> bool:
        """The mean is stable, and no group is unstable."""
        return self.mean_jaccard >= STABLE and self.worst_jaccard >= UNSTABLE


@dataclass(frozen=True, slots=True)
class Choice:
    """The number of groups chosen, why, and what was tried."""

    k: int
    words: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """A finished segmentation: a group number per customer, and how far to believe it."""

    numbers: Numbers
    choice: Choice
    silhouette: Silhouette
    stability: Stability
    scaling: Scaling
    means: Means
    seed: int
    fit_sample: int

    @property
    def sizes(self) -> dict[int, int]:
        """Customers per group number."""
        found, counts = np.unique(self.numbers, return_counts=True)
        return {int(number): int(count) for number, count in zip(found, counts, strict=True)}


def fit_means(points: Floats, k: int, *, seed: int, starts: int = STARTS) -> Means:
    """Run k-means; equal sizes are ordered by their centres, so that numbers are repeatable."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - loads for seconds
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - loads for seconds

    model = KMeans(n_clusters=k, n_init=starts, random_state=seed)
    with warnings.catch_warnings():
        # A resample may hold fewer different customers than groups: then groups stay empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = model.fit_predict(points)
    sizes = np.bincount(labels, minlength=k)
    centres = model.cluster_centers_
    order = sorted(range(k), key=lambda group: (-int(sizes[group]), centres[group].tolist()))
    return Means(centres=centres[order], inertia=float(model.inertia_))


def _judge(
    points: Floats, k: int, *, seed: int, starts: int, resamples: int, limit: int
) -> tuple[Means, Silhouette, Stability]:
    means = fit_means(points, k, seed=seed, starts=starts)
    numbers = means.assign(points)

    def refit(rows: Rows, again: int) -> Numbers:
        # Fewer starts than the fit itself: a solution that needs luck is not a stable one.
        drawn = points[rows]
        return fit_means(drawn, min(k, len(drawn)), seed=again, starts=1).assign(drawn)

    return (
        means,
        silhouette(points, numbers, seed=seed, limit=limit),
        bootstrap_jaccard(numbers, refit, seed=seed, resamples=resamples, limit=limit),
    )


def choose(candidates: Sequence[Candidate]) -> Choice:
    """Take the best silhouette among stable numbers of groups; if none is, the most stable.

    >>> blurred, clear = Candidate(3, 0.30, 0.70, 0.50), Candidate(4, 0.25, 0.90, 0.80)
    >>> choose([blurred, clear]).k, choose([blurred]).k
    (4, 3)
    """
    stable = [candidate for candidate in candidates if candidate.stable]
    if stable:
        best = max(stable, key=lambda one: (one.silhouette, -one.k))
        reason = f"the best silhouette among {len(stable)} stable of {len(candidates)} tried"
    else:
        best = max(candidates, key=lambda one: (one.mean_jaccard, one.silhouette, -one.k))
        reason = f"none of {len(candidates)} tried is stable, this is the least unstable"
    words = (
        f"{best.k} groups: {reason} (silhouette {best.silhouette:.2f}, "
        f"mean Jaccard {best.mean_jaccard:.2f}, worst {best.worst_jaccard:.2f})."
    )
    if best.silhouette < BLURRED:
        words += " They hardly stand apart from each other: take them for shades, not for kinds."
    return Choice(k=best.k, words=words, candidates=tuple(candidates))


def choose_k(
    points: Floats, *, seed: int, ks: Sequence[int] = KS, resamples: int = TRIAL_RESAMPLES
) -> Choice:
    """Try each number of groups on a sample; numbers beyond the different customers are left out.

    Raises:
        TooFewCustomersError: fewer different customers than the smallest number plus one.

    """
    points = points[sample_rows(len(points), TRIAL_SAMPLE, seed)]
    different = len(np.unique(points, axis=0))
    candidates = []
    for k in (k for k in ks if k < different):
        _, width, stability = _judge(
            points, k, seed=seed, starts=STARTS, resamples=resamples, limit=TRIAL_SAMPLE
        )
        if None not in (width.value, stability.mean, stability.worst):
            candidates.append(
                Candidate(
                    k=k,
                    silhouette=width.value or 0.0,
                    mean_jaccard=stability.mean or 0.0,
                    worst_jaccard=stability.worst or 0.0,
                )
            )
    if not candidates:
        message = f"{different} different customers are too few to make groups."
        raise TooFewCustomersError(message)
    return choose(candidates)


def cluster(
    rfm: Floats,
    taste: Floats,
    *,
    taste_share: float,
    seed: int,
    ks: Sequence[int] = KS,
    trial_resamples: int = TRIAL_RESAMPLES,
    resamples: int = RESAMPLES,
    progress: Callable[[int], None] = lambda done: None,
) -> Clustering:
    """Segment customers from ``rfm_features`` and taste vectors, row by row the same people.

    The same rows in the same order give the same result. ``progress`` hears how many customers
    have been assigned.
    """
    if len(rfm) != len(taste):
        message = f"{len(rfm)} customers have RFM values, {len(taste)} have a taste vector."
        raise ValueError(message)
    if not len(rfm):
        raise TooFewCustomersError("There are no customers to group.")
    rows = sample_rows(len(rfm), FIT_SAMPLE, seed)
    scaling = fit_scaling(rfm[rows], taste[rows], taste_share=taste_share)
    points = scaling.points(rfm[rows], taste[rows])
    # Hundreds of small fits: threads that wait for each other made them 20 times slower.
    with threadpool_limits(limits=1):
        choice = choose_k(points, seed=seed, ks=ks, resamples=trial_resamples)
        means, width, stability = _judge(
            points, choice.k, seed=seed, starts=STARTS, resamples=resamples, limit=TRIAL_SAMPLE
        )
    numbers = np.empty(len(rfm), dtype=np.int64)
    for start in range(0, len(rfm), CHUNK):
        part = slice(start, start + CHUNK)
        numbers[part] = means.assign(scaling.points(rfm[part], taste[part]))
        progress(min(start + CHUNK, len(rfm)))
    return Clustering(numbers, choice, width, stability, scaling, means, seed, len(rows))


def match_numbers(
    previous: npt.NDArray[np.integer],
    current: npt.NDArray[np.integer],
    *,
    numbers: Iterable[int] = (),
    last_used: int = 0,
) -> dict[int, int]:
    """Map current group numbers to those of the previous run, over customers who are in both.

    The assignment with the largest sum of Jaccard similarities wins (Hungarian method). A group
    that resembles none (below :data:`SAME_GROUP`) gets a number above all previous ones and above
    ``last_used``, so that no name written for other customers sticks to it. ``numbers`` names
    all current groups: one of new customers only would not be seen otherwise.

    >>> match_numbers(np.array([1, 1, 2, 2, 2]), np.array([2, 2, 1, 1, 3]), numbers=[1, 2, 3, 4])
    {1: 2, 2: 1, 3: 3, 4: 4}
    """
    kept = _counterparts(previous, current) if len(current) else {}
    fresh = max(last_used, int(previous.max(initial=0))) + 1
    for number in sorted({*numbers, *np.unique(current).tolist()} - kept.keys()):
        kept[number] = fresh
        fresh += 1
    return dict(sorted(kept.items()))


def _counterparts(
    previous: npt.NDArray[np.integer], current: npt.NDArray[np.integer]
) -> dict[int, int]:
    table = contingency(previous, current)
    both = np.array(table.counts)
    similar = both / (both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both)
    olds, news = scipy.optimize.linear_sum_assignment(similar, maximize=True)
    return {
        int(table.right[new]): int(table.left[old])
        for old, new in zip(olds, news, strict=True)
        if similar[old, new] >= SAME_GROUP
    }


def same_number_overlaps(
    previous: npt.NDArray[np.integer], current: npt.NDArray[np.integer]
) -> dict[int, float]:
    """Return the Jaccard similarity of groups with the same number, over customers in both.

    >>> same_number_overlaps(np.array([1, 1, 2, 2]), np.array([1, 1, 1, 3]))
    {1: 0.6666666666666666}
    """
    return {
        number: float((before & now).sum() / (before | now).sum())
        for number in sorted(set(previous.tolist()) & set(current.tolist()))
        for before, now in ((previous == number, current == number),)
    }
