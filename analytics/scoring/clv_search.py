"""Find the positive parameters that make observed data most likely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray

BOUND = 8.0
"""The logarithm of a parameter stays between -8 and 8 (0.0003 to 2981)."""

PENALTY = 1e-3
"""Weight of the squared logarithms, only used when the plain search runs into a bound."""

_ROUGH = 1e-8
"""Precision of a coarse search: its answer is only where the fine one begins."""

_SETTLED = 1e-6
"""Slope, in steps of one unit of the part's log-likelihood, at which a search has settled."""

Likelihood = Callable[[FloatArray], tuple[float, FloatArray]]
"""Takes the parameters; returns the log-likelihood and its gradient by them."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best parameters, their log-likelihood, and how the search went."""

    params: dict[str, float]
    log_likelihood: float
    converged: bool
    bound_hits: tuple[str, ...]


def search(
    likelihood: Likelihood,
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    *,
    coarse: Likelihood | None = None,
) -> Found:
    """Return the best of one L-BFGS-B search from each start, over the logarithms.

    ``coarse``: the likelihood of a part of large data; it chooses the one start for all of them,
    and its curvature there tells how far to step, so that few looks at all of the data are needed.

    >>> peak = lambda p: (-float((p[0] - 3) ** 2), np.array([-2 * (p[0] - 3)]))
    >>> found = search(peak, ["p"], [[1.], [10.]])
    >>> round(found.params["p"], 4), found.converged, found.bound_hits
    (3.0, True, ())
    """
    settled = None
    if coarse is not None:
        logs, _ = _best(coarse, starts, PENALTY, precision=_ROUGH)
        starts = [np.exp(logs).tolist()]
        settled = _from_nearby(likelihood, coarse, logs)
    best, converged = settled or _best(likelihood, starts, 0.0)
    hits = tuple(name for name, at in zip(names, best, strict=True) if abs(at) > BOUND - 1e-6)
    if hits:
        best, converged = _best(likelihood, starts, PENALTY)
    params = np.exp(best)
    value, _ = likelihood(params)
    by_name = {name: float(value) for name, value in zip(names, params, strict=True)}
    return Found(by_name, value, converged, hits)


def _from_nearby(
    likelihood: Likelihood, coarse: Likelihood, logs: FloatArray
) -> tuple[FloatArray, bool] | None:
    """Return the best logarithms near those of a part of the data; None where it goes too far.

    In coordinates in which the part is as curved in every direction, all of the data nearly are.
    """
    curvature = _curvature(coarse, logs)
    if not np.isfinite(curvature).all() or np.abs(logs).max() > BOUND - 1:
        return None
    sizes, directions = np.linalg.eigh(curvature)
    if sizes.min() <= 0:
        return None
    step = directions / np.sqrt(sizes)
    scale = max(abs(likelihood(np.exp(logs))[0]), 1.0) / max(abs(coarse(np.exp(logs))[0]), 1.0)

    def cost(place: FloatArray) -> tuple[float, FloatArray]:
        at = logs + step @ place
        params = np.exp(np.clip(at, -BOUND, BOUND))
        value, gradient = likelihood(params)
        return -value / scale, -(step.T @ (gradient * params)) / scale

    result = scipy.optimize.minimize(
        cost, np.zeros(len(logs)), jac=True, method="BFGS", options={"gtol": _SETTLED}
    )
    found = logs + step @ result.x
    steady = float(np.abs(result.jac).max()) < _SETTLED * 100
    return (found, True) if steady and np.abs(found).max() < BOUND - 1 else None


def _curvature(likelihood: Likelihood, logs: FloatArray, *, width: float = 1e-4) -> FloatArray:
    """Return the second derivatives of the cost by the logarithms, from its gradients."""
    rows = []
    for place in np.eye(len(logs)) * width:
        ends = [np.exp(logs + place), np.exp(logs - place)]
        up, down = (-likelihood(params)[1] * params for params in ends)
        rows.append((up - down) / (2 * width))
    found = np.array(rows)
    symmetric: FloatArray = (found + found.T) / 2
    return symmetric


def _best(
    likelihood: Likelihood,
    starts: Sequence[Sequence[float]],
    penalty: float,
    *,
    precision: float = 1e-15,
) -> tuple[FloatArray, bool]:
    """Return the logarithms of the best parameters and whether that search settled."""
    scale = max(abs(likelihood(np.array(starts[0], np.float64))[0]), 1.0)

    def cost(logs: FloatArray) -> tuple[float, FloatArray]:
        params = np.exp(logs)
        value, gradient = likelihood(params)
        value -= penalty * float(logs @ logs)
        return -value / scale, -(gradient * params - 2 * penalty * logs) / scale

    best_logs, best_cost, settled = np.zeros(len(starts[0])), np.inf, False
    for start in starts:
        result = scipy.optimize.minimize(
            cost,
            np.log(np.array(start, np.float64)),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-BOUND, BOUND)] * len(start),
            options={"maxiter": 2000, "ftol": precision, "gtol": 1e-9},
        )
        if result.fun < best_cost:
            best_logs, best_cost = np.asarray(result.x), float(result.fun)
            settled = bool(result.success) or float(np.abs(result.jac).max()) < 1e-6
    return best_logs, settled
