"""Why an item is in the list: the stored reasons of a run as parts with sentences.

The API, the pages and every export say the same, because all of them ask here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import get_language

from orders.models import Product
from recommendations.models import RecoItem
from recommendations.models.runs import Slot
from recommendations.selectors.words import shown
from recommendations.selectors.words.components import (
    SCENARIOS,
    SLOTS,
    TITLES,
    clause,
    named,
    together,
)
from recommendations.selectors.words.languages import spoken

IN_SHORT = 2
"""How many components make the short sentence."""
_MODEL = "model"
_NEW = "explore"
_TOGETHER = frozenset({_NEW, "bought_together"})
_START = "start"
"""What any product would get: no reason for this one."""
_DUE, _INTERVAL, _REPEAT = "due", "interval", "repeat"


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a score, or one penalty (then ``points`` is below zero).

    ``points`` is what it adds to the score of 100, ``evidence`` the stored data. ``value`` is the
    share of the best (0 to 1) or, in the plain order, of all that speaks for or against. Parts of
    weight 0 took no part in the score: they are there to be read.
    """

    name: str
    title: str
    words: str
    value: float | None
    weight: float | None
    points: float | None
    evidence: Any


@dataclass(frozen=True, slots=True)
class Because:
    """A product bought before that speaks for the offered one, and how much of the signal it is."""

    product_id: int
    key: str
    label: str
    contribution: float | None
    buyers: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """A component left out of the score because its data is not known."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of why an item was chosen, in one language."""

    item: RecoItem
    language: str
    scenario: str
    slot: str
    short: str
    parts: tuple[Part, ...]
    penalties: tuple[Part, ...]
    missing: tuple[Missing, ...]
    because_of: tuple[Because, ...]
    model: str
    eligibility: Mapping[str, Any]
    config_hash: str
    rank_change: Any


def explain(items: Iterable[RecoItem], *, language: str | None = None) -> list[Explanation]:
    """Return the explanation of each item; one query for the names of all products they rest on."""
    found = list(items)
    labels = _labels(found)
    with spoken(language):
        return [_explained(item, labels) for item in found]


def explain_one(item: RecoItem, *, language: str | None = None) -> Explanation:
    """Return the explanation of one item."""
    return explain([item], language=language)[0]


def explain_short(items: Iterable[RecoItem], *, language: str | None = None) -> list[str]:
    """Return one sentence for each item, like "Bought 4 times, last on 2 Oct 2011; due again."."""
    return [one.short for one in explain(items, language=language)]


def _labels(items: Sequence[RecoItem]) -> dict[int, tuple[str, str]]:
    wanted = {key for item in items for key, _ in _because(_reasons(item))}
    rows = Product.objects.filter(pk__in=wanted).values_list("pk", "key", "label") if wanted else ()
    return {pk: (key, label) for pk, key, label in rows}


def _explained(item: RecoItem, products: Mapping[int, tuple[str, str]]) -> Explanation:
    reasons = _reasons(item)
    labels = {pk: label for pk, (_, label) in products.items()}
    parts = _parts(_object(reasons.get("components")), reasons, item, labels)
    scenario, slot = str(reasons.get("scenario") or item.scenario), item.slot
    return Explanation(
        item=item,
        language=(get_language() or "en").partition("-")[0],
        scenario=named(SCENARIOS, scenario),
        slot=named(SLOTS, slot),
        short=_short(parts, scenario),
        parts=parts,
        penalties=_penalties(_object(reasons.get("penalties")), labels),
        missing=tuple(Missing(name, named(TITLES, name)) for name in _names(reasons["missing"])),
        because_of=tuple(_because_of(reasons, products)),
        model=str(_object(reasons.get(_MODEL)).get("name") or ""),
        eligibility=_object(reasons.get("eligibility")),
        config_hash=str(reasons.get("config_hash") or ""),
        rank_change=reasons.get("rank_change"),
    )


def _reasons(item: RecoItem) -> dict[str, Any]:
    return {"missing": [], **_object(item.reasons)}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list | dict) else []


def _parts(
    components: dict[str, Any], reasons: dict[str, Any], item: RecoItem, labels: Mapping[int, str]
) -> tuple[Part, ...]:
    """Return the components, those with most points first."""
    found = []
    for name, stored in components.items():
        kind = _kind(name, reasons, item)
        part = _part(name, _object(stored), labels, kind=kind)
        if kind in _TOGETHER:
            part = replace(part, words=together([key for key, _ in _because(reasons)], labels))
        found.append(part)
    return tuple(sorted(found, key=_place))


def _place(part: Part) -> tuple[bool, float, str]:
    """Reasons by their points; what every product would get comes after them."""
    return part.name == _START, -(part.points or 0.0), part.name


def _kind(name: str, reasons: dict[str, Any], item: RecoItem) -> str:
    """Return which clause speaks for a component: a signal may go by the name "model" or its own.

    What explores may rest on popularity alone; then it says that.
    """
    if name == _MODEL:
        name = _REPEAT if item.slot == Slot.REPEAT else _NEW
    if name != _NEW or _because(reasons):
        return name
    components = _object(reasons.get("components"))
    stored = _object(components.get(_NEW) or components.get(_MODEL))
    return "popularity" if _object(stored.get("evidence")).get("buyers") else _NEW


def _part(name: str, stored: dict[str, Any], labels: Mapping[int, str], *, kind: str = "") -> Part:
    value = shown.real(stored.get("value"))
    evidence = stored.get("evidence")
    return Part(
        name=name,
        title=named(TITLES, kind or name),
        words=clause(kind or name, evidence, value, labels),
        value=value,
        weight=shown.real(stored.get("weight")),
        points=shown.real(stored.get("points")),
        evidence=evidence,
    )


def _penalties(stored: dict[str, Any], labels: Mapping[int, str]) -> tuple[Part, ...]:
    return tuple(_part(name, _object(one), labels) for name, one in stored.items())


def _short(parts: Sequence[Part], scenario: str) -> str:
    """Return the two strongest components as a sentence; the scenario where none says anything.

    How due a product is fills up what is short of two, also where the signal does not hold it.
    """
    counted = [part for part in parts if (part.points or 0.0) > 0 and part.name != _START]
    said = [part.words for part in counted]
    said += [_due_after(part, counted) for part in parts if part.name == _DUE and not part.points]
    return shown.sentence(
        [words for words in said if words][:IN_SHORT] or [named(SCENARIOS, scenario)]
    )


def _due_after(part: Part, said: Sequence[Part]) -> str:
    """Return how due it is; where the last purchase was named already, only the interval."""
    named_already = any("last_on" in one.evidence for one in said if isinstance(one.evidence, dict))
    return clause(_INTERVAL, part.evidence, part.value, {}) if named_already else part.words


def _because(reasons: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the products that speak for an item, as objects or as [product, contribution]."""
    stored = _object(reasons.get(_MODEL)).get("because_of")
    found = []
    for one in stored if isinstance(stored, list) else []:
        if isinstance(one, list) and len(one) > 1:
            one = {"product": one[0], "contribution": one[1]}
        key = shown.whole(_object(one).get("product"))
        if key is not None:
            found.append((key, _object(one)))
    return found


def _because_of(
    reasons: dict[str, Any], products: Mapping[int, tuple[str, str]]
) -> Iterable[Because]:
    for pk, one in _because(reasons):
        key, label = products.get(pk, ("", ""))
        contribution, buyers = shown.real(one.get("contribution")), shown.whole(one.get("buyers"))
        yield Because(pk, key, label, contribution, buyers)
