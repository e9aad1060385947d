"""Which products go together, by EASE: a linear model with a closed form.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): with X the customers'
purchases (0 or 1), P = (X'X + lambda I)^-1 and B = -P / diag(P), zero on the diagonal. The score of
a product is the sum of B over the products bought, so each term of the sum is a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from recommendations.scoring.arrays import Floats, Ints, Singles

DECIMALS = 6
"""Weights are rounded: the last bits of an inverse depend on the machine, lists must not."""


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """What having bought one product says about another.

    ``name``: "ease" or "cosine". ``products``: product rows, best known first. ``column``: product
    row → place in ``products``, -1 for products that are bought too rarely. ``matrix``: float32,
    ``[j, i]`` is what j says about i. ``together``: customers who bought both, the same shape.
    """

    name: str
    products: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    matrix: Singles
    together: npt.NDArray[np.int32]


def co_purchases(offsets: Ints, columns: npt.NDArray[np.int32], width: int) -> Floats:
    """Return how many customers bought both products, for every two of ``width`` products.

    ``offsets`` and ``columns``: each customer's product columns; -1 is left out.
    """
    known = columns >= 0
    kept = np.concatenate(([0], np.cumsum(known)))[offsets]
    bought = scipy.sparse.csr_matrix(
        (np.ones(int(kept[-1]), np.float32), columns[known], kept), shape=(len(offsets) - 1, width)
    )
    together = (bought.T @ bought).toarray()
    return np.asarray(together, np.float64)


def ease_matrix(together: Floats, strength: float) -> Singles:
    """Return B for counts of common customers (diagonal: buyers) and lambda ``strength``.

    >>> together = np.array([[4.0, 3, 0], [3, 4, 0], [0, 0, 2]])
    >>> ease_matrix(together, 1.0).astype(float).round(2).tolist()
    [[0.0, 0.6, 0.0], [0.6, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    if not len(together):
        return np.zeros((0, 0), np.float32)
    system = np.array(together, np.float64, order="F")
    system[np.diag_indices_from(system)] += strength
    lower, trouble = scipy.linalg.lapack.dpotrf(system, lower=1, overwrite_a=1)
    inverse, more = scipy.linalg.lapack.dpotri(lower, lower=1, overwrite_c=1)
    if trouble or more:
        raise ValueError("The products' purchases cannot be inverted; raise ease_lambda.")
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    # Adding 0 turns -0 into 0.
    return np.asarray(np.round(weights, DECIMALS) + 0.0, np.float32)
