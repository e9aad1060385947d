"""Group customers in one way: which group each is in, and how far to believe it.

Nothing here reads or writes rows; see :mod:`analytics.services.segmentations` for that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from analytics.models import Segmentation
from analytics.scoring.blocks import TASTE_SHARES, fit_scaling, rfm_features
from analytics.scoring.cluster_names import (
    ClusterName,
    Medians,
    medians,
    name_clusters,
    quintiles,
)
from analytics.scoring.clustering import (
    FIT_SAMPLE,
    KS,
    RESAMPLES,
    STARTS,
    TRIAL_RESAMPLES,
    TRIAL_SAMPLE,
    Clustering,
    TooFewCustomersError,
    cluster,
)
from analytics.scoring.rfm_cells import Cuts, groups_of_cells
from analytics.scoring.segmentation_json import Json, quality_json
from analytics.scoring.stability import (
    Rows,
    Silhouette,
    Stability,
    bootstrap_jaccard,
    silhouette,
)
from analytics.selectors.segmentation_taste import Taste
from analytics.selectors.segmentation_values import Behaviour, rows_of

Kind = Segmentation.Kind
Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FEWEST = 50
"""Customers below which k-means is not tried: its groups would hold a handful each."""


class LeftOutError(Exception):
    """This kind of segmentation cannot be made; the message says why, to people."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: numbers of groups tried, and resamples for each and for the chosen one."""

    ks: tuple[int, ...] = KS
    trial_resamples: int = TRIAL_RESAMPLES
    resamples: int = RESAMPLES


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """Customers (ids ascend) with the group and the values of each, and how good the groups are."""

    kind: str
    ids: Ids
    numbers: Numbers
    values: Floats
    silhouette: Silhouette
    stability: Stability
    words: str
    left_out: int
    clustering: Clustering | None = None
    params: Json = field(default_factory=dict)
    terms: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[int, int]:
        found, counts = np.unique(self.numbers, return_counts=True)
        return {int(number): int(count) for number, count in zip(found, counts, strict=True)}

    def quality(self) -> Json:
        choice = self.clustering.choice if self.clustering else None
        return quality_json(self.words, choice, self.silhouette, self.stability)


def rfm_points(values: Floats) -> npt.NDArray[np.floating]:
    """Return the space of behaviour: recency, orders and money, as k-means sees them."""
    features, nothing = rfm_features(*values.T), np.zeros((len(values), 1))
    return fit_scaling(features, nothing, taste_share=0).points(features, nothing)


def group_by_map(
    behaviour: Behaviour, cells: Numbers, cuts: Cuts | None, *, seed: int, effort: Effort
) -> Grouped:
    """Take the segments of the RFM map as groups. ``cuts``: fixed ones; None: quantiles."""
    if not len(behaviour.ids):
        raise LeftOutError("Nobody has bought anything yet.")

    def refit(rows: Rows, _: int) -> Numbers:
        return groups_of_cells(behaviour.values[rows], cells, cuts)

    stability = bootstrap_jaccard(
        behaviour.segments, refit, seed=seed, resamples=effort.resamples, limit=TRIAL_SAMPLE
    )
    width = silhouette(
        rfm_points(behaviour.values), behaviour.segments, seed=seed, limit=TRIAL_SAMPLE
    )
    count = len(np.unique(behaviour.segments))
    return Grouped(
        kind=Kind.RFM_MAP,
        ids=behaviour.ids,
        numbers=behaviour.segments,
        values=behaviour.values,
        silhouette=width,
        stability=stability,
        words=f"{count} segments of the RFM map.",
        left_out=0,
        params={"stability_sample": TRIAL_SAMPLE, "resamples": effort.resamples},
    )


def group_by_means(
    kind: str,
    behaviour: Behaviour,
    taste: Taste | None,
    *,
    seed: int,
    effort: Effort,
    progress: Callable[[int], None] = lambda done: None,
) -> Grouped:
    """Group by k-means. Customers without a taste vector are left out where taste counts.

    Raises ``LeftOutError`` with the reason where there are too few customers.
    """
    ids, values, vectors = _with_taste(behaviour, taste)
    if len(ids) < FEWEST:
        message = f"{len(ids)} customers could be grouped; at least {FEWEST} are needed."
        raise LeftOutError(message)
    try:
        found = cluster(
            rfm_features(*values.T),
            vectors,
            taste_share=TASTE_SHARES[kind],
            seed=seed,
            ks=effort.ks,
            trial_resamples=effort.trial_resamples,
            resamples=effort.resamples,
            progress=progress,
        )
    except TooFewCustomersError as error:
        raise LeftOutError("Too few customers differ from each other to be grouped.") from error
    return Grouped(
        kind=kind,
        ids=ids,
        numbers=found.numbers,
        values=values,
        silhouette=found.silhouette,
        stability=found.stability,
        words=found.choice.words,
        left_out=len(behaviour.ids) - len(ids),
        clustering=found,
        params=_params(kind, found, taste, effort),
    )


def _with_taste(
    behaviour: Behaviour, taste: Taste | None
) -> tuple[Ids, Floats, npt.NDArray[np.floating]]:
    if taste is None:
        return behaviour.ids, behaviour.values, np.zeros((len(behaviour.ids), 1), np.float32)
    rows, found = rows_of(taste.ids, behaviour.ids)
    return behaviour.ids[found], behaviour.values[found], taste.vectors[rows]


def _params(kind: str, found: Clustering, taste: Taste | None, effort: Effort) -> Json:
    return {
        "taste_share": TASTE_SHARES[kind],
        "vectors": taste.made_by if taste else "",
        "fit_sample": found.fit_sample,
        "most_fit_sample": FIT_SAMPLE,
        "trial_sample": TRIAL_SAMPLE,
        "starts": STARTS,
        "ks": list(effort.ks),
        "trial_resamples": effort.trial_resamples,
        "resamples": effort.resamples,
    }


def proposed_names(grouped: Grouped) -> dict[int, ClusterName]:
    """Name the groups by what sets them apart; ``terms`` counts by number what each buys."""
    typical: dict[int, Medians] = {
        number: medians(grouped.values[grouped.numbers == number]) for number in grouped.sizes
    }
    terms = {number: grouped.terms.get(number, {}) for number in grouped.sizes}
    return name_clusters(
        grouped.sizes,
        typical,
        quintiles(grouped.values),
        terms if grouped.terms else {},
        speak_of_values=grouped.kind != Kind.TASTE,
        speak_of_terms=grouped.kind in {Kind.TASTE, Kind.BOTH},
    )
