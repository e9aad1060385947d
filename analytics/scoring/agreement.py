"""How far two ways to group the same customers agree, from their table of counts alone.

Every measure reads the contingency table only, so that the database may count a million
customers and Python sees a few hundred numbers. Names of groups carry no meaning here: renaming
them changes nothing.

Sources: Hubert and Arabie 1985 (adjusted Rand index); Strehl and Ghosh 2002, with the mean of both
entropies below (normalised mutual information); Cramér 1946 (V).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, fsum, log, sqrt

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Contingency:
    """How many customers are in both group *i* of the left and group *j* of the right."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        """Customers counted."""
        return sum(self.left_sizes)

    @property
    def left_sizes(self) -> tuple[int, ...]:
        """Customers in each group of the left."""
        return tuple(sum(row) for row in self.counts)

    @property
    def right_sizes(self) -> tuple[int, ...]:
        """Customers in each group of the right."""
        return tuple(sum(column) for column in zip(*self.counts, strict=True))

    @property
    def row_shares(self) -> tuple[tuple[float, ...], ...]:
        """Of each left group, the share that is in each right group (0 to 1)."""
        return tuple(
            tuple(count / size for count in row)
            for row, size in zip(self.counts, self.left_sizes, strict=True)
        )

    @property
    def column_shares(self) -> tuple[tuple[float, ...], ...]:
        """Of each right group, the share that comes from each left group (0 to 1)."""
        sizes = self.right_sizes
        return tuple(
            tuple(count / size for count, size in zip(row, sizes, strict=True))
            for row in self.counts
        )


def contingency(
    left: Sequence[object] | npt.NDArray[np.generic],
    right: Sequence[object] | npt.NDArray[np.generic],
) -> Contingency:
    """Count the pairs of groups. Both name one group per customer, in the same order.

    >>> table = contingency(["a", "a", "b"], [1, 2, 2])
    >>> table.left, table.right, table.counts
    (('a', 'b'), ('1', '2'), ((1, 1), (0, 1)))
    """
    if len(left) != len(right):
        message = f"The left has {len(left)} customers, the right {len(right)}."
        raise ValueError(message)
    if not len(left):
        raise ValueError("There are no customers to compare.")
    left_names, rows = np.unique(np.asarray(left), return_inverse=True)
    right_names, columns = np.unique(np.asarray(right), return_inverse=True)
    shape = (len(left_names), len(right_names))
    cells = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
    return Contingency(
        left=tuple(str(name) for name in left_names),
        right=tuple(str(name) for name in right_names),
        counts=tuple(tuple(int(count) for count in row) for row in cells),
    )


def adjusted_rand_index(table: Contingency) -> float:
    """Return 1 for equal groupings, about 0 for chance, below 0 for less than chance.

    Whole numbers up to the last division: a million customers make products beyond 64 bits.

    >>> adjusted_rand_index(contingency([1, 1, 2, 2], ["x", "x", "y", "y"]))
    1.0
    >>> adjusted_rand_index(contingency([1, 1, 2, 2], [1, 2, 1, 2]))
    -0.5
    """
    together = sum(comb(count, 2) for row in table.counts for count in row)
    left = sum(comb(size, 2) for size in table.left_sizes)
    right = sum(comb(size, 2) for size in table.right_sizes)
    pairs = comb(table.total, 2)
    room = pairs * (left + right) - 2 * left * right
    if not room:
        return 1.0
    return 2 * (pairs * together - left * right) / room


def _entropy(sizes: Sequence[int], total: int) -> float:
    return -fsum(size / total * log(size / total) for size in sizes if size)


def normalised_mutual_information(table: Contingency) -> float:
    """Return what one grouping tells about the other, from 0 (nothing) to 1 (all).

    Unlike the adjusted Rand index it is not corrected for chance: many small groups raise it.

    >>> normalised_mutual_information(contingency([1, 1, 2, 2], ["x", "x", "y", "y"]))
    1.0
    >>> normalised_mutual_information(contingency([1, 1, 2, 2], [1, 2, 1, 2]))
    0.0
    """
    total, lefts, rights = table.total, table.left_sizes, table.right_sizes
    mean = (_entropy(lefts, total) + _entropy(rights, total)) / 2
    if not mean:
        return 1.0
    shared = fsum(
        count / total * log(count * total / (lefts[i] * rights[j]))
        for i, row in enumerate(table.counts)
        for j, count in enumerate(row)
        if count
    )
    return min(1.0, max(0.0, shared / mean))


def cramers_v(table: Contingency) -> float | None:
    """Return the strength of association from 0 to 1; None if a side has a single group.

    >>> cramers_v(contingency([1, 1, 2, 2], ["x", "x", "y", "y"]))
    1.0
    >>> cramers_v(contingency([1, 1], [1, 2])) is None
    True
    """
    free = min(len(table.left), len(table.right)) - 1
    if not free:
        return None
    lefts, rights = table.left_sizes, table.right_sizes
    # chi² / n, without the expected counts: the sum of n_ij² / (n_i n_j), less 1.
    excess = (
        fsum(
            count * count / (lefts[i] * rights[j])
            for i, row in enumerate(table.counts)
            for j, count in enumerate(row)
        )
        - 1
    )
    return min(1.0, sqrt(max(0.0, excess) / free))
