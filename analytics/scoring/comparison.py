"""Two segmentations of the same customers side by side, ending in a sentence with its numbers.

The parts are :mod:`agreement` (do they say the same), :mod:`stability` (do groups hold together)
and :mod:`explained` (what matters to the owner: later revenue). Nothing here knows which side is
RFM and which is taste; the caller gives the names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.scoring.agreement import (
    Contingency,
    adjusted_rand_index,
    contingency,
    cramers_v,
    normalised_mutual_information,
)
from analytics.scoring.explained import Explained, explained
from analytics.scoring.stability import (
    Floats,
    Labels,
    NeighbourPurity,
    Refit,
    Silhouette,
    Stability,
    bootstrap_jaccard,
    neighbour_purity,
    silhouette,
)

AGREEMENT = ((0.1, "agree little"), (0.4, "agree in part"), (0.8, "agree largely"))
"""Adjusted Rand index below which the words apply; above the last they are almost the same."""

PLACES = 9
"""Results are the same on every run; sums in another order may differ beyond this place."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One segmentation: its name, a group per customer, its own space, and how to make it anew.

    ``refit`` gets row numbers and a seed and groups those customers again: k-means anew, or RFM
    with the cut points of the resample. What was measured when the groups were made is given as
    ``silhouette`` and ``stability`` and not measured again; without either it is left out.
    """

    name: str
    labels: Labels
    space: Floats | None = None
    refit: Refit | None = None
    silhouette: Silhouette | None = None
    stability: Stability | None = None


@dataclass(frozen=True, slots=True)
class SideResult:
    """What is known about one side alone."""

    name: str
    groups: int
    own_silhouette: Silhouette | None
    rfm_silhouette: Silhouette | None
    stability: Stability | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All results of a comparison; each part says how many customers it saw."""

    customers: int
    seed: int
    table: Contingency
    adjusted_rand: float
    mutual_information: float
    cramers_v: float | None
    left: SideResult
    right: SideResult
    purity: NeighbourPurity | None
    later: tuple[Explained, ...]
    verdict: str


def _side(side: Side, rfm_space: Floats | None, seed: int, resamples: int) -> SideResult:
    own = side.silhouette
    if own is None and side.space is not None:
        own = silhouette(side.space, side.labels, seed=seed)
    shared = None if rfm_space is None else silhouette(rfm_space, side.labels, seed=seed)
    stability = side.stability
    if stability is None and side.refit is not None:
        stability = bootstrap_jaccard(side.labels, side.refit, seed=seed, resamples=resamples)
    return SideResult(
        name=side.name,
        groups=len(np.unique(side.labels)),
        own_silhouette=own,
        rfm_silhouette=shared,
        stability=stability,
    )


def agreement_words(left: str, right: str, index: float) -> str:
    """Say how far the two agree.

    >>> agreement_words("RFM", "Taste", 0.06)
    'RFM and Taste agree little (adjusted Rand index 0.06).'
    """
    words = next((words for limit, words in AGREEMENT if index < limit), "are almost the same")
    return f"{left} and {right} {words} (adjusted Rand index {round(index, 2) + 0.0:.2f})."


def _percent(share: float) -> str:
    # Adding 0 turns the "-0.0" of a rounded tiny loss into "0.0".
    return f"{round(100 * share, 1) + 0.0:.1f}"


def explained_words(left: str, right: str, found: Explained) -> str:
    """Say which side explains more of the outcome, or that there is no evidence for either."""
    if found.left is None or found.right is None or found.difference is None:
        return f"Nothing can be said about {found.outcome}: {found.reason}."
    gap = found.difference
    if gap.low > 0:
        end = f"{right} explains more"
    elif gap.high < 0:
        end = f"{left} explains more"
    else:
        end = "no evidence that either is better for this"
    return (
        f"Of {found.outcome}, {left} explains {_percent(found.left.value)} % and {right} "
        f"{_percent(found.right.value)} %: a difference of {_percent(gap.value)} points, 95 % "
        f"interval {_percent(gap.low)} to {_percent(gap.high)}; {end}."
    )


def stability_words(side: SideResult) -> str:
    """Say how many groups come back in resamples; empty if that was not measured.

    The names of the groups stay out of the sentence: a person may have renamed them since.
    """
    if side.stability is None or side.stability.mean is None:
        return ""
    groups = side.stability.groups
    counts = {
        word: sum(group.word == word for group in groups)
        for word in ("stable", "doubtful", "unstable", "unknown")
    }
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"Groups of {side.name}: {parts} (mean Jaccard {side.stability.mean:.2f})."


def purity_words(right: str, left: str, purity: NeighbourPurity | None) -> str:
    """Say whether neighbours in the right's space share their group of the left."""
    if purity is None:
        return ""
    more = "hardly more than" if purity.value < purity.chance + 0.1 else "against"
    return (
        f"Of the {purity.neighbours} customers nearest in {right}, {_percent(purity.value)} % "
        f"have the same group of {left}, {more} the {_percent(purity.chance)} % of chance."
    )


def _verdict(
    index: float,
    left: SideResult,
    right: SideResult,
    purity: NeighbourPurity | None,
    later: Sequence[Explained],
) -> str:
    sentences = (
        agreement_words(left.name, right.name, index),
        *(explained_words(left.name, right.name, found) for found in later),
        stability_words(left),
        stability_words(right),
        purity_words(right.name, left.name, purity),
    )
    return " ".join(sentence for sentence in sentences if sentence)


def compare(
    left: Side,
    right: Side,
    *,
    seed: int,
    rfm_space: Floats | None = None,
    later: dict[str, npt.NDArray[np.float64]] | None = None,
    resamples: int = 100,
    progress: Callable[[str], None] = lambda done: None,
) -> Comparison:
    """Compare two segmentations of the same customers, row by row the same people.

    ``later`` holds outcomes by name ("revenue of the next 90 days"), one number per customer,
    from a window after both segmentations. ``progress`` hears which part is done.
    """
    table = contingency(left.labels, right.labels)
    index = round(adjusted_rand_index(table), PLACES)
    progress("agreement")
    sides = [_side(side, rfm_space, seed, resamples) for side in (left, right)]
    progress("stability")
    purity = None if right.space is None else neighbour_purity(right.space, left.labels, seed=seed)
    progress("neighbours")
    found = tuple(
        explained(name, left.labels, right.labels, values, seed=seed)
        for name, values in (later or {}).items()
    )
    progress("later outcomes")
    association = cramers_v(table)
    return Comparison(
        customers=table.total,
        seed=seed,
        table=table,
        adjusted_rand=index,
        mutual_information=round(normalised_mutual_information(table), PLACES),
        cramers_v=None if association is None else round(association, PLACES),
        left=sides[0],
        right=sides[1],
        purity=purity,
        later=found,
        verdict=_verdict(index, sides[0], sides[1], purity, found),
    )
