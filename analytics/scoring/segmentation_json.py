"""Results of clustering and comparing as the JSON that is stored, shown and served.

The shapes are those in the docstrings of ``Segmentation`` and ``SegmentationComparison``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from analytics.scoring.cluster_names import ClusterName
from analytics.scoring.clustering import Choice
from analytics.scoring.comparison import Comparison, SideResult, explained_words
from analytics.scoring.explained import Explained
from analytics.scoring.stability import GroupStability, Silhouette, Stability

PLACES = 9
"""Sums in another order differ beyond this place; what is stored must not."""

Json = dict[str, Any]


def rounded(value: Any) -> Any:
    """Round every float inside, whatever it lies in.

    >>> rounded({"a": [0.1 + 0.2, 1, None]})
    {'a': [0.3, 1, None]}
    """
    if isinstance(value, float):
        return round(value, PLACES)
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


def silhouette_json(found: Silhouette) -> Json:
    return {
        "value": found.value,
        "by_group": [{"number": int(group), "value": value} for group, value in found.by_group],
        "sample": found.sample,
        "customers": found.customers,
    }


def stability_json(found: Stability) -> Json:
    return {
        "mean": found.mean,
        "worst": found.worst,
        "sample": found.sample,
        "customers": found.customers,
        "resamples": max((group.resamples for group in found.groups), default=0),
        "groups": [
            {
                "number": int(group.group),
                "size": group.size,
                "jaccard": group.jaccard,
                "word": group.word,
            }
            for group in found.groups
        ],
    }


def silhouette_of(stored: Json) -> Silhouette:
    """Read what ``silhouette_json`` wrote."""
    return Silhouette(
        value=stored["value"],
        by_group=tuple((str(each["number"]), each["value"]) for each in stored["by_group"]),
        sample=stored["sample"],
        customers=stored["customers"],
    )


def stability_of(stored: Json) -> Stability:
    """Read what ``stability_json`` wrote."""
    return Stability(
        groups=tuple(
            GroupStability(str(each["number"]), each["size"], each["jaccard"], stored["resamples"])
            for each in stored["groups"]
        ),
        sample=stored["sample"],
        customers=stored["customers"],
    )


def renumbered_silhouette(found: Silhouette, number: Callable[[int], int]) -> Silhouette:
    """Return it with other group numbers, in their order."""
    groups = sorted((number(int(group)), value) for group, value in found.by_group)
    return replace(found, by_group=tuple((str(group), value) for group, value in groups))


def renumbered_stability(found: Stability, number: Callable[[int], int]) -> Stability:
    """Return it with other group numbers, in their order."""
    groups = [replace(group, group=str(number(int(group.group)))) for group in found.groups]
    return replace(found, groups=tuple(sorted(groups, key=lambda group: int(group.group))))


def quality_json(
    words: str, choice: Choice | None, silhouette: Silhouette, stability: Stability
) -> Json:
    """Return how far to believe a segmentation."""
    found: Json = rounded(
        {
            "words": words,
            "candidates": [
                {**asdict(candidate), "stable": candidate.stable}
                for candidate in (choice.candidates if choice else ())
            ],
            "silhouette": silhouette_json(silhouette),
            "stability": stability_json(stability),
        }
    )
    return found


def evidence_json(found: ClusterName) -> Json:
    """Return what a group's name was made of."""
    evidence: Json = rounded(
        {
            "share": found.share,
            "medians": asdict(found.medians),
            "words": found.words,
            "terms": [asdict(term) for term in found.terms],
        }
    )
    return evidence


def _groups(names: Sequence[str], sizes: Sequence[int], known: Mapping[int, str]) -> list[Json]:
    return [
        {"number": int(name), "name": known.get(int(name), name), "size": size}
        for name, size in zip(names, sizes, strict=True)
    ]


def _side(found: SideResult, kind: str, names: Mapping[int, str]) -> Json:
    stability = None if found.stability is None else stability_json(found.stability)
    for group in stability["groups"] if stability else ():
        group["name"] = names.get(group["number"], str(group["number"]))
    own, shared = found.own_silhouette, found.rfm_silhouette
    return {
        "kind": kind,
        "label": found.name,
        "groups": found.groups,
        "own_silhouette": None if own is None else silhouette_json(own),
        "rfm_silhouette": None if shared is None else silhouette_json(shared),
        "stability": stability,
    }


def _outcome(found: Explained, key: str, left: str, right: str) -> Json:
    return {"key": key, **asdict(found), "words": explained_words(left, right, found)}


def comparison_json(
    found: Comparison,
    *,
    kinds: tuple[str, str],
    names: tuple[Mapping[int, str], Mapping[int, str]],
    alone: tuple[int, int],
    outcome_keys: Sequence[str],
    later_reason: str,
) -> Json:
    """Return the results of a comparison.

    Args:
        kinds: of the left and the right side.
        names: of the groups by number, left and right.
        alone: customers who are in the left only, and in the right only.
        outcome_keys: short names of the later outcomes, in their order.
        later_reason: why there are no later outcomes; empty if there are.
    """
    table = found.table
    results: Json = rounded(
        {
            "customers": found.customers,
            "left_only": alone[0],
            "right_only": alone[1],
            "seed": found.seed,
            "contingency": {
                "rows": _groups(table.left, table.left_sizes, names[0]),
                "columns": _groups(table.right, table.right_sizes, names[1]),
                "counts": table.counts,
                "row_shares": table.row_shares,
                "column_shares": table.column_shares,
            },
            "agreement": {
                "adjusted_rand": found.adjusted_rand,
                "mutual_information": found.mutual_information,
                "cramers_v": found.cramers_v,
            },
            "left": _side(found.left, kinds[0], names[0]),
            "right": _side(found.right, kinds[1], names[1]),
            "purity": None if found.purity is None else asdict(found.purity),
            "later": {
                "reason": later_reason,
                "outcomes": [
                    _outcome(each, key, found.left.name, found.right.name)
                    for each, key in zip(found.later, outcome_keys, strict=True)
                ],
            },
        }
    )
    return results
