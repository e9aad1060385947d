"""Exact averages over a Beta distribution (Gauss-Jacobi quadrature)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray

NODES = 64
"""Points per average; smooth functions are exact to far more digits than the data carry."""


@lru_cache(maxsize=4096)
def beta_nodes(a: float, b: float) -> tuple[FloatArray, FloatArray]:
    """Return points in 0..1 and weights (sum 1): an average over Beta(a, b) is weights @ f(points).

    Source: Golub, Welsch (1969), Calculation of Gauss quadrature rules.

    >>> points, weights = beta_nodes(2., 6.)
    >>> round(float(weights @ points), 9), round(float(weights @ points**2), 9)
    (0.25, 0.083333333)
    """
    low, high = a - 1, b - 1  # exponents at 0 and at 1
    k = np.arange(1, NODES, dtype=np.float64)
    both = low + high
    diagonal = np.empty(NODES)
    diagonal[0] = (low - high) / (both + 2)
    diagonal[1:] = (low - high) * both / ((2 * k + both) * (2 * k + both + 2))
    squares = np.empty(NODES - 1)
    squares[0] = 4 * (1 + low) * (1 + high) / ((2 + both) ** 2 * (3 + both))
    k = k[1:]
    squares[1:] = 4 * k * (k + low) * (k + high) * (k + both)
    squares[1:] /= (2 * k + both) ** 2 * (2 * k + both + 1) * (2 * k + both - 1)
    points, vectors = scipy.linalg.eigh_tridiagonal(diagonal, np.sqrt(squares))
    return np.clip((1 + points) / 2, 1e-300, 1.0), np.square(vectors[0])
