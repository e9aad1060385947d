"""Whether groups hold together: silhouettes, bootstrap Jaccard, and purity among neighbours.

Work that grows with the square of the customers is done on a sample drawn with a stated seed; each
result says how many customers it saw. Memory is bounded by the sample, not by the shop.

Sources: Rousseeuw 1987 (silhouette); Hennig 2007 (cluster-wise Jaccard under resampling).
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.generic]
Rows = npt.NDArray[np.intp]

STABLE, UNSTABLE = 0.75, 0.6
"""Mean Jaccard from which a group counts as stable, and below which as unstable."""

SAMPLE = 5_000
"""Customers that silhouettes and resampling look at unless told otherwise."""

Refit = Callable[[Rows, int], Labels]
"""Groups the given rows anew (rows, seed) and returns one label for each of them."""


@dataclass(frozen=True, slots=True)
class Silhouette:
    """Mean silhouette (-1 to 1) over a sample, and by group; None if it has no meaning."""

    value: float | None
    by_group: tuple[tuple[str, float], ...]
    sample: int
    customers: int


@dataclass(frozen=True, slots=True)
class GroupStability:
    """Mean Jaccard similarity (0 to 1) of one group with its best match in the resamples."""

    group: str
    size: int
    jaccard: float | None
    resamples: int

    @property
    def word(self) -> str:
        """Say ``stable``, ``doubtful`` or ``unstable``; ``unknown`` if no resample held it."""
        if self.jaccard is None:
            return "unknown"
        if self.jaccard >= STABLE:
            return "stable"
        return "doubtful" if self.jaccard >= UNSTABLE else "unstable"


@dataclass(frozen=True, slots=True)
class Stability:
    """Every group's stability; sizes are those of the sample."""

    groups: tuple[GroupStability, ...]
    sample: int
    customers: int

    @property
    def mean(self) -> float | None:
        """Mean over the groups that could be judged."""
        known = [group.jaccard for group in self.groups if group.jaccard is not None]
        return fmean(known) if known else None

    @property
    def worst(self) -> float | None:
        """The least stable group's value."""
        known = [group.jaccard for group in self.groups if group.jaccard is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class NeighbourPurity:
    """Share of nearest neighbours in the same group, beside what chance would give."""

    value: float
    chance: float
    neighbours: int
    sample: int
    pool: int


def sample_rows(customers: int, limit: int, seed: int) -> Rows:
    """Draw at most ``limit`` row numbers without repetition, ascending.

    >>> sample_rows(3, 10, seed=1).tolist()
    [0, 1, 2]
    >>> len(sample_rows(1000, 10, seed=1))
    10
    """
    if customers <= limit:
        return np.arange(customers)
    drawn = np.random.default_rng(seed).choice(customers, limit, replace=False)
    return np.sort(drawn)


def silhouette(points: Floats, labels: Labels, *, seed: int, limit: int = SAMPLE) -> Silhouette:
    """Measure in the space of ``points`` how much nearer customers are to their own group.

    Values of spaces of different kinds (numbers, text) must not be compared with each other.

    >>> far = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> round(silhouette(far, np.array([1, 1, 2, 2]), seed=1).value, 2)
    0.99
    """
    rows = sample_rows(len(labels), limit, seed)
    names, codes = np.unique(labels[rows], return_inverse=True)
    if not 1 < len(names) < len(rows):
        return Silhouette(value=None, by_group=(), sample=len(rows), customers=len(labels))
    from sklearn.metrics import silhouette_samples  # noqa: PLC0415 - loads for seconds

    widths = silhouette_samples(points[rows], codes)
    sizes = np.bincount(codes)
    means = np.bincount(codes, weights=widths) / sizes
    return Silhouette(
        value=float(widths.mean()),
        by_group=tuple((str(name), float(mean)) for name, mean in zip(names, means, strict=True)),
        sample=len(rows),
        customers=len(labels),
    )


def best_jaccards(before: Labels, after: Labels) -> dict[str, float]:
    """Return, for each group before, its Jaccard similarity with the most similar one after.

    >>> best_jaccards(np.array([1, 1, 2, 2]), np.array([7, 7, 7, 8]))
    {'1': 0.6666666666666666, '2': 0.5}
    """
    names, rows = np.unique(before, return_inverse=True)
    others, columns = np.unique(after, return_inverse=True)
    shape = (len(names), len(others))
    both = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    best = (both / either).max(axis=1)
    return {str(name): float(value) for name, value in zip(names, best, strict=True)}


def bootstrap_jaccard(
    labels: Labels, refit: Refit, *, seed: int, resamples: int = 100, limit: int = SAMPLE
) -> Stability:
    """Group resampled customers anew again and again; see which groups come back.

    A customer drawn twice counts once, as in Hennig's default: copies would make groups of
    their own. ``refit`` gets row numbers of ``labels``.
    """
    base = sample_rows(len(labels), limit, seed)
    source = np.random.default_rng(seed)
    names, sizes = np.unique(labels[base], return_counts=True)
    found: dict[str, list[float]] = {str(name): [] for name in names}
    for number in range(resamples):
        drawn = np.unique(source.choice(base, len(base)))
        for name, value in best_jaccards(labels[drawn], refit(drawn, seed + number)).items():
            found[name].append(value)
    groups = (
        GroupStability(
            group=name,
            size=int(size),
            jaccard=fmean(values) if values else None,
            resamples=len(values),
        )
        for (name, values), size in zip(found.items(), sizes, strict=True)
    )
    return Stability(groups=tuple(groups), sample=len(base), customers=len(labels))


def neighbour_purity(
    points: Floats,
    labels: Labels,
    *,
    seed: int,
    neighbours: int = 10,
    limit: int = 2_000,
    pool_limit: int = 50_000,
) -> NeighbourPurity | None:
    """Return the share of the nearest customers in ``points`` that are in the same group.

    A sample of ``limit`` customers asks, among a pool of ``pool_limit``; None with too few.

    >>> far = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> neighbour_purity(far, np.array([1, 1, 2, 2]), seed=1, neighbours=1).value
    1.0
    """
    pool = sample_rows(len(labels), pool_limit, seed)
    if len(pool) <= neighbours:
        return None
    asking = sample_rows(len(pool), limit, seed + 1)
    _, codes = np.unique(labels[pool], return_inverse=True)
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - loads for seconds

    index = NearestNeighbors(n_neighbors=neighbours + 1, algorithm="brute").fit(points[pool])
    near = index.kneighbors(points[pool[asking]], return_distance=False)
    others = near != asking[:, None]
    # Of customers at the same place any may come first: without oneself in the list, drop the last.
    others[others.all(axis=1), -1] = False
    same = (codes[near] == codes[asking][:, None]) & others
    shares = np.bincount(codes) / len(pool)
    return NeighbourPurity(
        value=float(same.sum() / (len(asking) * neighbours)),
        chance=float((shares**2).sum()),
        neighbours=neighbours,
        sample=len(asking),
        pool=len(pool),
    )
