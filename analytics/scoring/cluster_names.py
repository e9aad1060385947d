"""Names for groups, made of what sets each apart: its terms, its typical values, its size.

Terms are weighed by class-based TF-IDF (Grootendorst 2022): often in this group, and not
everywhere. Medians are put into words by the shop's own quintiles, so that "often" means often
for this shop. A name is a proposal; a person may write a better one.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

RECENCY = ("just bought", "bought lately", "some time ago", "long ago", "very long ago")
FREQUENCY = ("very seldom", "seldom", "now and then", "often", "very often")
MONETARY = ("very low spend", "low spend", "middling spend", "high spend", "very high spend")
MIDDLE = 2
"""Position of the word that says nothing: it goes into no name if another one can."""

TERMS, TERMS_IN_NAME = 8, 2
"""Terms kept as evidence, and terms at most in a name."""

LEAST_SHARE = 0.02
"""A term below this share of its group's terms names nothing, however rare it is elsewhere."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term, its weight by class-based TF-IDF, and its share of the group's terms (0 to 1)."""

    text: str
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Medians:
    """Typical values: days since the last order, orders, money net of tax and returns."""

    recency_days: float
    frequency: float
    monetary: float


@dataclass(frozen=True, slots=True)
class Quintiles:
    """The shop's values at 20, 40, 60 and 80 % for the three numbers."""

    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ClusterName:
    """A proposed name with its evidence. ``share`` is of all customers that were grouped."""

    number: int
    name: str
    size: int
    share: float
    medians: Medians
    words: tuple[str, ...]
    terms: tuple[Term, ...]


def medians(values: npt.NDArray[np.floating]) -> Medians:
    """Return the medians of recency, frequency and money, one row per customer.

    >>> medians(np.array([[3.0, 1.0, 20.0], [5.0, 3.0, 40.0]]))
    Medians(recency_days=4.0, frequency=2.0, monetary=30.0)
    """
    recency, frequency, monetary = np.median(values, axis=0).tolist()
    return Medians(recency, frequency, monetary)


def quintiles(values: npt.NDArray[np.floating]) -> Quintiles:
    """Return the cut points of the whole shop, by the rule of the RFM scores.

    >>> quintiles(np.array([[1.0, 1.0, 5.0], [9.0, 1.0, 7.0]])).recency_days
    (1.0, 1.0, 9.0, 9.0)
    """
    cuts = np.quantile(values, (0.2, 0.4, 0.6, 0.8), axis=0, method="inverted_cdf")
    recency, frequency, monetary = (tuple(column) for column in cuts.T.tolist())
    return Quintiles(recency, frequency, monetary)


def class_tf_idf(
    terms: Mapping[int, Mapping[str, float]], *, keep: int = TERMS
) -> dict[int, tuple[Term, ...]]:
    """Weigh each group's terms: share in the group · log(1 + mean terms per group / uses in all).

    ``terms`` holds how often each group uses each term, counted by the database or in a stream.

    >>> weighed = class_tf_idf({1: {"riesling": 6, "dry": 4}, 2: {"merlot": 5, "dry": 5}})
    >>> [term.text for term in weighed[1]], [term.text for term in weighed[2]]
    (['riesling', 'dry'], ['merlot', 'dry'])
    """
    uses: dict[str, float] = {}
    for counts in terms.values():
        for text, count in counts.items():
            uses[text] = uses.get(text, 0) + count
    mean = sum(uses.values()) / len(terms) if terms else 0
    return {number: _weigh(counts, uses, mean)[:keep] for number, counts in terms.items()}


def _weigh(counts: Mapping[str, float], uses: Mapping[str, float], mean: float) -> tuple[Term, ...]:
    total = sum(counts.values())
    weighed = (
        Term(text=text, weight=count / total * log(1 + mean / uses[text]), share=count / total)
        for text, count in counts.items()
        if count
    )
    return tuple(sorted(weighed, key=lambda term: (-term.weight, term.text)))


def _telling(terms: Sequence[Term], everywhere: set[str]) -> list[str]:
    """Leave out rare terms and those that lead in every group: they set nothing apart."""
    return [
        term.text for term in terms if term.share >= LEAST_SHARE and term.text not in everywhere
    ][:TERMS_IN_NAME]


def value_words(typical: Medians, cuts: Quintiles) -> tuple[str, ...]:
    """Say recency, frequency and money in words of the shop's own quintiles.

    >>> cuts = Quintiles((10, 20, 30, 40), (1, 2, 3, 4), (50, 100, 150, 200))
    >>> value_words(Medians(7, 9, 120), cuts)
    ('just bought', 'very often', 'middling spend')
    """
    return (
        RECENCY[bisect_left(cuts.recency_days, typical.recency_days)],
        FREQUENCY[bisect_left(cuts.frequency, typical.frequency)],
        MONETARY[bisect_left(cuts.monetary, typical.monetary)],
    )


def _spoken(words: tuple[str, ...]) -> list[str]:
    middles = (RECENCY[MIDDLE], FREQUENCY[MIDDLE], MONETARY[MIDDLE])
    return [word for word, middle in zip(words, middles, strict=True) if word != middle]


def _name(told: Sequence[str], words: Sequence[str]) -> str:
    parts = [" and ".join(told), ", ".join(words)]
    name = ": ".join(part for part in parts if part) or "middling in everything"
    return name[0].upper() + name[1:]


def _apart(names: Mapping[int, str]) -> dict[int, str]:
    """Give groups of the same name their number as well."""
    given = list(names.values())
    return {
        number: f"{name} ({number})" if given.count(name) > 1 else name
        for number, name in names.items()
    }


def name_clusters(
    sizes: Mapping[int, int],
    typical: Mapping[int, Medians],
    cuts: Quintiles,
    terms: Mapping[int, Mapping[str, float]],
    *,
    speak_of_values: bool = True,
    speak_of_terms: bool = True,
) -> dict[int, ClusterName]:
    """Propose one name per group number; no two are the same.

    A segmentation by taste alone is named by terms only, one by RFM alone by values only; what is
    not spoken of stays in the evidence.
    """
    weighed = class_tf_idf(terms)
    leading = [{term.text for term in found[:TERMS_IN_NAME]} for found in weighed.values()]
    everywhere = set.intersection(*leading) if len(leading) > 1 else set()
    words = {number: value_words(typical[number], cuts) for number in sizes}
    names = {
        number: _name(
            _telling(weighed.get(number, ()), everywhere) if speak_of_terms else (),
            _spoken(words[number]) if speak_of_values else (),
        )
        for number in sizes
    }
    total = sum(sizes.values())
    return {
        number: ClusterName(
            number=number,
            name=name,
            size=sizes[number],
            share=sizes[number] / total if total else 0.0,
            medians=typical[number],
            words=words[number],
            terms=weighed.get(number, ()),
        )
        for number, name in _apart(names).items()
    }
