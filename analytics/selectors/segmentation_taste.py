"""The taste of customers as vectors and as weighed terms, as of a day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from django.utils import timezone

from analytics.scoring.profile_text import TasteProfile
from analytics.scoring.stability import sample_rows
from analytics.selectors.embeddings import taste_vectors
from analytics.selectors.profiles import taste_profiles
from crm_project.common.exceptions import NotReadyError

Ids = npt.NDArray[np.int64]

ASKED = 1_000
"""Customers of whom at least one must buy something known, or the shop has no taste."""


@dataclass(frozen=True, slots=True, eq=False)
class Taste:
    """A vector per customer (ids ascend, lengths 1), and what made them, in words."""

    ids: Ids
    vectors: npt.NDArray[np.float32]
    made_by: str


def taste(day: date) -> Taste | str:
    """Return everybody's taste as of the end of a day, or in words why there is none.

    Of today it is what was embedded; of a past day it is computed from the orders up to that day.
    """
    try:
        found = taste_vectors(as_of=_stored_or(day))
    except NotReadyError as error:
        return str(error)
    ids = found.customer_ids
    asked = ids[sample_rows(len(ids), ASKED, seed=1)].tolist()
    # A vector may also speak of rhythm and order size only, and that is no taste.
    if not any(weights for _, weights in terms_of(day, asked)):
        return "Nothing is known of what anybody buys: the orders name no products."
    return Taste(ids, found.matrix, found.made_by)


def terms_of(day: date, customer_ids: Sequence[int]) -> Iterator[tuple[int, Mapping[str, float]]]:
    """Yield of each customer the values they buy, with the share of each in their revenue."""
    for customer, profile in taste_profiles(as_of=_stored_or(day), customer_ids=customer_ids):
        yield customer, terms(profile)


def terms(profile: TasteProfile) -> dict[str, float]:
    """Return what a profile speaks of, weighed; of products each counts the same.

    >>> from analytics.scoring.profile_text import Share
    >>> terms(TasteProfile(grapes=(Share("Riesling", 0.7),), products=("Mug", "Lamp")))
    {'Riesling': 0.7, 'Mug': 0.5, 'Lamp': 0.5}
    """
    found = {
        share.value: share.share
        for shares in (profile.families, profile.grapes, profile.sugar_levels)
        for share in shares
    }
    found |= {f"price {share.value}": share.share for share in profile.price_bands}
    for label in profile.products:
        found[label] = found.get(label, 0.0) + 1 / len(profile.products)
    return found


def _stored_or(day: date) -> date | None:
    """Return None for today, whose taste is stored; a past day is computed."""
    return None if day >= timezone.localdate() else day
