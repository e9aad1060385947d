"""What a back-test found as plain values: the table, the items, the gate, and the sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from recommendations.scoring import baselines
from recommendations.scoring.arrays import Floats
from recommendations.scoring.backtest import ANY_FAMILY, OURS, RIVALS, RULED, Found, Options
from recommendations.scoring.backtest_bootstrap import Resampler, joined
from recommendations.scoring.backtest_measures import LENGTH, SHORT, Worth, variety, worth_of
from recommendations.scoring.backtest_origins import GROUPS, group_of
from recommendations.scoring.backtest_plans import PLANS
from recommendations.scoring.backtest_slots import LOSING, NEW, Judged, Slot

TARGETS = {"basket": "Next order", "later": "Next 90 days"}

LABELS = {
    OURS: "Our lists",
    ANY_FAMILY: "Our lists, families may repeat",
    **{one.name: one.label for one in baselines.SIMPLE},
    "tifu": "TIFU-kNN",
    "als": "ALS (implicit)",
}
"""The rows of the table, in their order."""

_SHARED = ("hit", "recall", "ndcg", "full", "recall_repeat", "ndcg_repeat", "hit_repeat",
           "recall_explore", "ndcg_explore", "hit_explore")  # fmt: skip


def results_of(found: Found, options: Options) -> dict[str, Any]:
    """Return everything that is stored and shown of a back-test."""
    sampler = Resampler(
        np.concatenate([one.origin.rows for one in found.judged]),
        draws=options.draws,
        seed=options.seed,
    )
    tables = [
        _table(found.judged, sampler, target, exclusion=exclusion)
        for target in TARGETS
        for exclusion in (True, False)
    ]
    results: dict[str, Any] = {
        "origins": [_origin(one) for one in found.judged],
        "customers": sum(len(one.origin) for one in found.judged),
        "tables": tables,
        "slots": [slot.to_json() for slot in found.slots],
        "plans": _plans(found),
        "gate": found.gate.to_json(),
        "absent": {"als": found.peer.absent} if found.peer.absent else {},
        "als": found.peer.words,
        "levels": {"draws": options.draws, "seed": options.seed, "interval": 0.95},
    }
    results["verdict"] = verdict_of(tables[0])
    return results


def _origin(one: Judged) -> dict[str, Any]:
    return {
        "day": date.fromordinal(one.origin.day).isoformat(),
        "customers": len(one.origin),
        "plan": one.plan,
        "whole_90_days": one.origin.whole,
        "fell_back": list(one.plainly),
    }


def _table(
    judged: Sequence[Judged], sampler: Resampler, target: str, *, exclusion: bool
) -> dict[str, Any]:
    names = [name for name in LABELS if (name, exclusion) in judged[0].lists]
    worth = {
        (name, length): _joined(judged, name, target, length, exclusion=exclusion)
        for name in names
        for length in (SHORT, LENGTH)
        if not (name == ANY_FAMILY and length == LENGTH)
    }
    groups = np.concatenate([group_of(one.origin.orders) for one in judged])
    ours = worth[OURS, SHORT]
    rows = []
    for name in names:
        at3 = worth[name, SHORT]
        rows.append(
            {
                "name": name,
                "label": LABELS[name],
                "rival": name in RIVALS,
                "at3": _means(at3),
                "at10": _means(worth[name, LENGTH]) if (name, LENGTH) in worth else None,
                "ruled": _ruled(judged, name, target, exclusion=exclusion),
                "variety": _variety(judged, name, exclusion=exclusion),
                "groups": {
                    group: _means({key: at3[key][groups == place] for key in ("hit", "ndcg")})
                    | {"customers": int((groups == place).sum())}
                    for place, (group, _, _) in enumerate(GROUPS)
                },
                "ours_minus": None
                if name == OURS
                else {
                    key: sampler.interval(ours[key] - at3[key]) for key in ("hit", "ndcg", "recall")
                },
                "interval": {key: sampler.interval(at3[key]) for key in ("hit", "ndcg")},
            }
        )
    return {
        "target": target,
        "label": TARGETS[target],
        "exclusion": exclusion,
        "customers": len(groups),
        "rows": rows,
    }


def _joined(
    judged: Sequence[Judged], name: str, target: str, length: int, *, exclusion: bool
) -> dict[str, Floats]:
    worths: list[Worth] = []
    for one in judged:
        lists = one.lists[name, exclusion]
        if name == OURS and length == LENGTH:
            lists = one.longer[exclusion]
        targets = one.origin.basket if target == "basket" else one.origin.later
        worths.append(worth_of(one.origin, lists, targets, length))
    return {key: joined([worth.values[key] for worth in worths]) for key in _SHARED}


def _ruled(
    judged: Sequence[Judged], name: str, target: str, *, exclusion: bool
) -> dict[str, float | None] | None:
    """Return what a rival's lists are worth under our rule of one product per family."""
    if (name + RULED, exclusion) not in judged[0].lists:
        return None
    found = _joined(judged, name + RULED, target, SHORT, exclusion=exclusion)
    return _means({key: found[key] for key in ("hit", "ndcg")})


def _means(values: Mapping[str, Floats]) -> dict[str, float | None]:
    """Return the mean of each measure over the customers it says something about."""
    means: dict[str, float | None] = {}
    for key, column in values.items():
        known = column[~np.isnan(column)]
        means[key] = round(float(known.mean()), 6) if len(known) else None
    return means


def _variety(judged: Sequence[Judged], name: str, *, exclusion: bool) -> dict[str, float | None]:
    """Return coverage, Gini and mean popularity of the lists of three at the newest origin."""
    one = judged[-1]
    catalogue = one.origin.known.catalogue
    lists = one.lists[name, exclusion][:, :SHORT]
    shown = np.bincount(lists[lists >= 0], minlength=one.origin.products).astype(np.int64)
    return variety(shown, catalogue.offered, catalogue.buyers.astype(np.float64))


def _plans(found: Found) -> list[dict[str, Any]]:
    """Return how the competing plans did, on the next orders after all origins."""
    rows = []
    for plan in PLANS:
        ndcg = joined([trial.ndcg for trial in found.trials[plan.name]])
        rows.append(
            {
                "name": plan.name,
                "label": plan.label,
                "mode": plan.mode,
                "ndcg": round(float(ndcg.mean()), 6),
                "chosen": plan.name == found.plan.name,
            }
        )
    return rows


def row_of(table: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the row of a method, None where the table has none."""
    return next((row for row in table["rows"] if row["name"] == name), None)


def verdict_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return, by measure, the best of the rivals and whether our lists reach it.

    ``reached``: our mean is at least the rival's. ``sure``: the whole interval of the difference
    is above 0.
    """
    ours = row_of(table, OURS)
    rivals = [row for row in table["rows"] if row["rival"]]
    verdict: dict[str, Any] = {}
    for key in ("hit", "ndcg"):
        best = max(rivals, key=lambda row: (row["at3"][key], row["name"]))
        difference = best["ours_minus"][key]
        verdict[key] = {
            "ours": ours["at3"][key] if ours else None,
            "best": best["name"],
            "best_label": best["label"],
            "best_value": best["at3"][key],
            "difference": difference,
            "reached": bool(difference and difference["mean"] >= 0),
            "sure": bool(difference and difference["low"] > 0),
        }
        ruled = [row for row in rivals if row["ruled"]]
        if ruled and ours:
            same = max(ruled, key=lambda row: (row["ruled"][key], row["name"]))
            verdict[key]["same_rule"] = {
                "best": same["name"],
                "best_label": same["label"],
                "best_value": same["ruled"][key],
                "reached": ours["at3"][key] >= same["ruled"][key],
            }
    return verdict


def chosen_of(found: Found) -> dict[str, Any]:
    """Return what the next run believes."""
    return {
        "plan": found.plan.name,
        "mode": found.mode,
        "values": found.values,
        "gate": found.gate.to_json(),
        "falls_back": fallbacks_of(found.slots),
    }


def fallbacks_of(slots: Sequence[Slot]) -> list[str]:
    """Return a sentence for each kind of items that is not better than the simplest rule."""
    sentences = []
    by_name = {slot.scenario: slot for slot in slots}
    repeats, cross, new = by_name["REBUY"], by_name["CROSS_SELL"], by_name[NEW]
    if repeats.verdict in LOSING:
        sentences.append(
            "REBUY items were not bought more often than those of the customer's own frequency "
            f"({_shares(repeats)}): own frequency and what is popular now order them."
        )
    worse = cross if cross.verdict in LOSING else new
    if worse.verdict in LOSING:
        what = "CROSS_SELL items" if worse is cross else "Items never bought before"
        sentences.append(
            f"{what} were not bought more often than what was popular in the last 30 days "
            f"({_shares(worse)}): what is popular now orders them."
        )
    return sentences


def _shares(slot: Slot) -> str:
    return f"{slot.share or 0:.1%} against {slot.rival_share or 0:.1%} of {slot.items:,} items"


def words_of(results: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[str]:
    """Return what was found, in sentences."""
    days = [origin["day"] for origin in results["origins"]]
    words = [
        f"Looked ahead from {len(days)} past days ({days[0]} to {days[-1]}), "
        f"{results['customers']:,} next orders."
    ]
    names = {"hit": "Lists with at least one product of the next order", "ndcg": "NDCG@3"}
    for key, name in names.items():
        words.append(_compared(name, results["verdict"][key], key))
    for slot in results["slots"]:
        words += _slot_words(slot)
    plan = next(row for row in results["plans"] if row["chosen"])
    words.append(f"The next run uses: {plan['label']}.")
    if not results["gate"]["passed"]:
        words.append(f"The weighted score does not rank. {results['gate']['reason']}")
    words += list(chosen["falls_back"])
    words += [f"{LABELS[name]}: {why}" for name, why in results["absent"].items()]
    return words


def _compared(name: str, one: Mapping[str, Any], key: str) -> str:
    found = one["difference"] or {"mean": 0.0, "low": 0.0, "high": 0.0}
    if key == "hit":
        ours, best = f"{one['ours']:.1%}", f"{one['best_value']:.1%}"
        numbers = [f"{100 * found[x]:+.1f}" for x in ("mean", "low", "high")]
        unit = " points"
    else:
        ours, best = f"{one['ours']:.4f}", f"{one['best_value']:.4f}"
        numbers = [f"{found[x]:+.4f}" for x in ("mean", "low", "high")]
        unit = ""
    judgement = "" if one["reached"] else " Our lists do not reach it."
    same = one.get("same_rule")
    if same and not one["reached"]:
        value = f"{same['best_value']:.1%}" if key == "hit" else f"{same['best_value']:.4f}"
        beside = "" if same["reached"] else " Our lists do not reach that either."
        judgement += (
            " With one product per family, as our lists have, the best simple rule is "
            f"{same['best_label']} with {value}.{beside}"
        )
    return (
        f"{name}: {ours}; the best simple rule, {one['best_label']}, has {best} (difference "
        f"{numbers[0]}{unit}, 95 % interval {numbers[1]} to {numbers[2]}).{judgement}"
    )


def _slot_words(slot: Mapping[str, Any]) -> list[str]:
    if slot["scenario"] not in ("REBUY", "CROSS_SELL", NEW) or not slot["items"]:
        return []
    what = {"REBUY": "REBUY items", "CROSS_SELL": "CROSS_SELL items"}.get(
        slot["scenario"], "All items never bought before"
    )
    rival = "own frequency" if slot["scenario"] == "REBUY" else "popularity of 30 days"
    judged = {
        "beats": "they beat it",
        "above": "they are above it, not by more than chance may do",
        "same": "no difference",
        "not above": "they do not beat it",
        "below": "they are below it",
        "too few": "too few to tell",
    }[slot["verdict"]]
    return [
        f"{what}: {slot['share']:.1%} of {slot['items']:,} were in the next order, {rival} for the "
        f"same customers {slot['rival_share']:.1%}: {judged}."
    ]
