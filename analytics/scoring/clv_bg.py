"""BG/NBD and MBG/NBD: how often a customer buys while active, and when the customer leaves.

While active, purchases follow a Poisson process whose rate differs between customers by
Gamma(r, alpha). BG/NBD lets a customer leave with probability p after each *repeat* purchase;
MBG/NBD also right after the *first* one; p differs by Beta(a, b). Both have one formula here: with
``n = x`` (BG) or ``n = x + 1`` (MBG) chances to leave, only ``n`` differs. Time in weeks.

Sources: Fader, Hardie, Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2);
Batislam, Denizel, Filiztekin (2007), Empirical validation and comparison of models for customer
base analysis, International Journal of Research in Marketing 24(3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from analytics.scoring.clv_histories import FloatArray, Histories, IntArray, thinned
from analytics.scoring.clv_likelihood import Kind, log_likelihood, nbd_log_likelihood
from analytics.scoring.clv_quadrature import beta_nodes
from analytics.scoring.clv_search import Found, search

ALWAYS_ALIVE = 0.99
"""A customer above this P(alive) counts as certainly active in the check for a degenerate fit."""

SHARE_ALWAYS_ALIVE = 0.95
"""From this share of certainly active customers on, the fit says nothing about leaving."""

MIN_GAIN = 2.0
"""Log-likelihood units which leaving must add over a model in which nobody leaves."""

_STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 5.0, 0.8, 2.0), (0.8, 15.0, 0.3, 5.0), (3.0, 40.0, 1.5, 1.5))
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model of buying and leaving.

    ``params``: r, alpha (weeks), a, b. ``log_likelihood``: of the data, without any penalty.
    ``bound_hits``: parameters that ran into the end of their range in the plain fit.
    ``degenerate``: P(alive) tells nothing; do not store churn from this fit. ``gain``: units of
    log-likelihood over a model in which nobody leaves. ``words``: the same for people.
    """

    name: str
    kind: Kind
    params: dict[str, float]
    log_likelihood: float
    converged: bool
    bound_hits: tuple[str, ...]
    degenerate: bool
    gain: float
    share_always_alive: float
    words: str

    def p_alive(self, h: Histories) -> FloatArray:
        """Return the probability that each customer is still active at the described day."""
        return p_alive(self.kind, self._vector(), h)

    def p_purchase(self, h: Histories, weeks: float) -> FloatArray:
        """Return the probability of at least one purchase in the next ``weeks`` weeks (exact)."""
        return p_purchase(self.kind, self._vector(), h, weeks)

    def expected(self, h: Histories, weeks: float) -> FloatArray:
        """Return the expected number of purchase days in the next ``weeks`` weeks."""
        return expected(self.kind, self._vector(), h, weeks)

    def _vector(self) -> FloatArray:
        return np.array([self.params[name] for name in ("r", "alpha", "a", "b")])


def p_alive(kind: Kind, params: FloatArray, h: Histories) -> FloatArray:
    """Return 1 / (1 + odds of having left); 1 for x = 0 under BG/NBD, by its construction.

    >>> one_time = Histories.of(x=[0], t_x=[0], T=[52])
    >>> p = np.array([.5, 6., .9, 1.6])
    >>> p_alive("bg", p, one_time).tolist(), p_alive("mbg", p, one_time).round(3).tolist()
    ([1.0], [0.364])
    """
    alive: FloatArray = scipy.special.expit(-_log_odds_left(kind, params, h))
    return alive


def p_purchase(kind: Kind, params: FloatArray, h: Histories, weeks: float) -> FloatArray:
    """Return P(alive) x P(the next purchase of an active customer comes within ``weeks``)."""
    r, alpha, _, _ = params
    silent = (r + h.x) * np.log1p(-weeks / (alpha + h.T + weeks))
    bought: FloatArray = p_alive(kind, params, h) * -np.expm1(silent)
    return bought


def expected(kind: Kind, params: FloatArray, h: Histories, weeks: float) -> FloatArray:
    """Return the expected purchase days within ``weeks``; 0 for 0 weeks, never below 0.

    The average of (1 - (1 + p s)^-(r+x)) / p over p of Beta(a, b + n), s = weeks / (alpha + T).
    The published closed form (a hypergeometric function over a - 1) is the same number, but fails
    near a = 1 and loses its digits for frequent buyers.
    """
    r, alpha, a, b = params
    small, group = h.grouped()
    different, kept = _counts_and_ages(small)
    given_alive = np.empty(len(different))
    chances = _chances(kind, different)
    for n in np.unique(chances):
        points, weights = beta_nodes(float(a), float(b + n))
        same = np.flatnonzero(chances == n)
        for part in np.array_split(same, len(same) // _AT_ONCE + 1):
            power, horizon = r + different.x[part], weeks / (alpha + different.T[part])
            bought = -np.expm1(-power[:, None] * np.log1p(np.outer(horizon, points)))
            given_alive[part] = (bought / points) @ weights
    orders: FloatArray = (p_alive(kind, params, small) * given_alive[kept])[group]
    return orders


def _counts_and_ages(h: Histories) -> tuple[Histories, IntArray]:
    """Return each different (x, T) once, and the place of every entry: what comes if active."""
    return Histories(h.x, np.zeros(len(h)), h.T, h.m).grouped()


def fit_bg(h: Histories, *, near: Fit | None = None) -> Fit:
    """Fit BG/NBD. Every customer with one purchase day is "alive" for it: rank with care.

    ``near``: a fit on similar histories, from which the search begins; saves most of its time.
    """
    return _fit("bg", "BG/NBD", h, near)


def fit_mbg(h: Histories, *, near: Fit | None = None) -> Fit:
    """Fit MBG/NBD, the default: it can say that a one-time buyer has left. ``near``: as above."""
    return _fit("mbg", "MBG/NBD", h, near)


def _chances(kind: Kind, h: Histories) -> FloatArray:
    """Return how often each customer could have left."""
    return h.x + 1 if kind == "mbg" else h.x


def _at_least_b(b: float, n: FloatArray) -> FloatArray:
    """Return b + n - 1, and any positive number where n = 0 (there the odds are 0 anyway)."""
    return np.where(n > 0, b + n - 1, 1.0)


def _log_odds_left(kind: Kind, params: FloatArray, h: Histories) -> FloatArray:
    """Return ln of P(left) / P(alive); minus infinity where nobody could leave yet."""
    r, alpha, a, b = params
    n = _chances(kind, h)
    silence = (r + h.x) * (np.log(alpha + h.T) - np.log(alpha + h.t_x))
    return np.where(n > 0, np.log(a) - np.log(_at_least_b(b, n)) + silence, -np.inf)


def _fit(kind: Kind, name: str, h: Histories, near: Fit | None) -> Fit:
    """Fit on the grouped histories and judge the result."""
    if not len(h):
        raise ValueError("There is no customer to fit the model on.")
    small, _ = h.grouped()
    part = thinned(small)
    # A degenerate fit lies at the end of the range, a bad place to begin.
    starts = [tuple(near.params.values())] if near and not near.degenerate else _STARTS
    found = search(
        lambda p: log_likelihood(kind, p, small),
        ("r", "alpha", "a", "b"),
        starts,
        coarse=(lambda p: log_likelihood(kind, p, part)) if len(part) < len(small) else None,
    )
    rate_only = [(found.params["r"], found.params["alpha"])]
    plain = search(lambda p: nbd_log_likelihood(p, small), ("r", "alpha"), rate_only)
    gain = found.log_likelihood - plain.log_likelihood
    vector = np.array(list(found.params.values()))
    certain = p_alive(kind, vector, small) > ALWAYS_ALIVE
    share = float(small.weight() @ certain / small.weight().sum())
    why = degenerate(share_always_alive=share, gain=gain)
    return Fit(
        name,
        kind,
        found.params,
        found.log_likelihood,
        found.converged,
        found.bound_hits,
        bool(why),
        gain,
        share,
        _words(name, found, why),
    )


def degenerate(*, share_always_alive: float, gain: float) -> str:
    """Return in words why P(alive) tells nothing, or the empty text if it does tell something.

    >>> degenerate(share_always_alive=.3, gain=40.)
    ''
    >>> degenerate(share_always_alive=1., gain=40.)
    'it holds 100 % of the customers for certainly active'
    """
    if share_always_alive >= SHARE_ALWAYS_ALIVE:
        return f"it holds {share_always_alive:.0%} of the customers for certainly active".replace(
            "%", " %"
        )
    if gain < MIN_GAIN:
        return "letting customers leave explains the purchases no better than letting nobody leave"
    return ""


def _words(name: str, found: Found, why: str) -> str:
    """Say in one or two sentences how the fit went."""
    if why:
        return f"{name} is of no use here: {why}."
    parts = [f"{name} fits." if found.converged else f"{name} did not settle on one answer."]
    if found.bound_hits:
        parts.append(f"At the end of their range: {', '.join(found.bound_hits)}.")
    return " ".join(parts)
