"""What each part of a score says, as a clause made of its evidence.

The evidence is data that the run stored; what is missing in it is left out of the clause, so that
an old run or another engine still reads well.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from recommendations.selectors.words import shown

Evidence = Mapping[str, Any]
Labels = Mapping[int, str]
FITS = 0.7
"""A price this near to the usual one (on the scale of 0 to 1) is called close to it."""

TITLES = {
    "model": gettext_lazy("Purchases so far"),
    "repeat": gettext_lazy("Bought before"),
    "due": gettext_lazy("Due again"),
    "explore": gettext_lazy("Bought together"),
    "family": gettext_lazy("Family"),
    "attr1": gettext_lazy("Grape"),
    "attr2": gettext_lazy("Sweetness"),
    "budget": gettext_lazy("Budget"),
    "taste": gettext_lazy("Taste"),
    "novelty": gettext_lazy("New"),
    "tier": gettext_lazy("One step up"),
    "popularity": gettext_lazy("Popularity"),
    "start": gettext_lazy("Starting point"),
    "age": gettext_lazy("Time since"),
    "bought_together": gettext_lazy("Bought together"),
    "recency": gettext_lazy("Bought lately"),
    "recency_penalty": gettext_lazy("Bought lately"),
    "intent": gettext_lazy("Interest shown"),
}
SCENARIOS = {
    "WINBACK": gettext_lazy("Win back"),
    "REBUY": gettext_lazy("Buy again"),
    "CROSS_SELL": gettext_lazy("Another family"),
    "UPSELL": gettext_lazy("One step up"),
    "NURTURE": gettext_lazy("Get to know"),
    "NO_ACTION": gettext_lazy("No offer"),
}
SLOTS = {
    "repeat": gettext_lazy("Bought before"),
    "explore": gettext_lazy("New to them"),
}
AXES = {
    "fruity": gettext_lazy("fruity"),
    "floral": gettext_lazy("floral"),
    "spicy": gettext_lazy("spicy"),
    "woody": gettext_lazy("woody"),
    "mineral": gettext_lazy("mineral"),
    "herbal": gettext_lazy("herbal"),
    "earthy": gettext_lazy("earthy"),
}


def named(names: Mapping[str, Any], key: str) -> str:
    """Return a name in the reader's language; the key itself where nobody gave one."""
    return str(names.get(key, key.replace("_", " ")))


def clause(name: str, evidence: Any, value: float | None, labels: Labels) -> str:
    """Return what one component says, like "bought 4 times, last on 2 Oct 2011"; or nothing."""
    make = _CLAUSES.get(name)
    known: Evidence = evidence if isinstance(evidence, Mapping) else {}
    return make(known, value, labels) if make else ""


def together(products: list[int], labels: Labels) -> str:
    """Return which bought products speak for one never bought."""
    found = [shown.quoted(labels[product]) for product in products if product in labels]
    if not found:
        return _("bought by customers with similar baskets")
    return _("often bought together with %(products)s") % {"products": shown.joined(found[:2])}


def _repeat(evidence: Evidence, value: float | None, labels: Labels) -> str:
    times, last = shown.whole(evidence.get("times")), evidence.get("last_on")
    if not times:
        return _("bought before")
    text = ngettext("bought %(times)s time", "bought %(times)s times", times)
    text = text % {"times": shown.number(times)}
    if not last:
        return text
    if times == 1:
        return _("bought once, on %(day)s") % {"day": shown.day(last)}
    return _("%(bought)s, last on %(day)s") % {"bought": text, "day": shown.day(last)}


def _due(evidence: Evidence, value: float | None, labels: Labels) -> str:
    days, gap = shown.whole(evidence.get("days")), shown.whole(evidence.get("gap"))
    if days is None:
        return _("due again")
    ago = ngettext("last bought %(days)s day ago", "last bought %(days)s days ago", days)
    ago = ago % {"days": shown.number(days)}
    if not gap:
        return ago
    return _("%(ago)s, %(usual)s") % {"ago": ago, "usual": _usual(evidence.get("source"), gap)}


def _interval(evidence: Evidence, value: float | None, labels: Labels) -> str:
    """Return the second half of the clause alone, for where the first was said already."""
    gap = shown.whole(evidence.get("gap"))
    return _usual(evidence.get("source"), gap) if gap else ""


def _usual(source: Any, gap: int) -> str:
    if source == "own":
        text = ngettext("as a rule again after %(days)s day",
                        "as a rule again after %(days)s days", gap)  # fmt: skip
    else:
        text = ngettext("others buy it again after %(days)s day",
                        "others buy it again after %(days)s days", gap)  # fmt: skip
    return text % {"days": shown.number(gap)}


def _explore(evidence: Evidence, value: float | None, labels: Labels) -> str:
    return together([], labels)


def _share(template: str, without: str) -> Callable[[Evidence, float | None, Labels], str]:
    """Return the clause of a value that takes a share of the spending."""

    def make(evidence: Evidence, value: float | None, labels: Labels) -> str:
        name, share = evidence.get("value"), shown.real(evidence.get("share"))
        if not name:
            return ""
        if share is None:
            return _(without) % {"value": name}
        return _(template) % {"value": name, "share": shown.percent(share)}

    return make


def _budget(evidence: Evidence, value: float | None, labels: Labels) -> str:
    price, median = evidence.get("price"), evidence.get("median")
    if price is None or median is None:
        return _("the price fits")
    figures = {"price": shown.money(price), "median": shown.money(median)}
    if value is not None and value >= FITS:
        return _("at %(price)s close to the usual price of %(median)s") % figures
    return _("at %(price)s, where %(median)s is usual") % figures


def _taste(evidence: Evidence, value: float | None, labels: Labels) -> str:
    axes = evidence.get("axes")
    found = [named(AXES, str(axis)) for axis in axes] if isinstance(axes, list) else []
    if not found:
        return _("fits the taste")
    return _("fits the taste: %(axes)s") % {"axes": shown.joined(found[:3])}


def _novelty(evidence: Evidence, value: float | None, labels: Labels) -> str:
    return _("never bought before")


def _tier(evidence: Evidence, value: float | None, labels: Labels) -> str:
    tier, own = shown.real(evidence.get("tier")), shown.real(evidence.get("own"))
    if tier is not None and own is not None and tier > own:
        steps = max(1, round(tier - own))
        text = ngettext("%(steps)s step above what is usually bought",
                        "%(steps)s steps above what is usually bought", steps)  # fmt: skip
        return text % {"steps": shown.number(steps)}
    if evidence.get("price") is not None and evidence.get("median") is not None:
        figures = {"price": shown.money(evidence["price"]),
                   "median": shown.money(evidence["median"])}  # fmt: skip
        return _("at %(price)s above the usual price of %(median)s") % figures
    return _("one step up")


def _popularity(evidence: Evidence, value: float | None, labels: Labels) -> str:
    buyers, days = shown.whole(evidence.get("buyers")), shown.whole(evidence.get("days"))
    if buyers is None:
        return _("popular with other customers")
    text = ngettext("bought by %(buyers)s customer", "bought by %(buyers)s customers", buyers)
    text = text % {"buyers": shown.number(buyers)} if buyers else _("bought by nobody")
    if not days:
        return text
    within = ngettext("within %(days)s day", "within %(days)s days", days)
    within = within % {"days": shown.number(days)}
    return _("%(bought)s %(within)s") % {"bought": text, "within": within}


def _recency(evidence: Evidence, value: float | None, labels: Labels) -> str:
    days = shown.whole(evidence.get("days"))
    if days is None:
        return _("bought lately")
    text = ngettext("last bought only %(days)s day ago", "last bought only %(days)s days ago", days)
    return text % {"days": shown.number(days)}


def _start(evidence: Evidence, value: float | None, labels: Labels) -> str:
    chance = shown.real(evidence.get("chance"))
    if chance is None:
        return _("what any product would get")
    return _("what any product would get that was never bought: a chance of %(chance)s") % {
        "chance": shown.percent(chance, 1)
    }


def _intent(evidence: Evidence, value: float | None, labels: Labels) -> str:
    return _("showed interest lately")


_CLAUSES: dict[str, Callable[[Evidence, float | None, Labels], str]] = {
    "repeat": _repeat,
    "due": _due,
    "interval": _interval,
    "explore": _explore,
    "family": _share(
        gettext_noop("%(share)s of the spending is on %(value)s"),
        gettext_noop("buys from %(value)s"),
    ),
    "attr1": _share(
        gettext_noop("%(share)s of the spending is on the grape %(value)s"),
        gettext_noop("buys the grape %(value)s"),
    ),
    "attr2": _share(
        gettext_noop("%(share)s of the spending is on the sweetness “%(value)s”"),
        gettext_noop("buys the sweetness “%(value)s”"),
    ),
    "budget": _budget,
    "taste": _taste,
    "novelty": _novelty,
    "tier": _tier,
    "popularity": _popularity,
    "start": _start,
    "age": _due,
    "bought_together": _explore,
    "recency": _recency,
    "recency_penalty": _recency,
    "intent": _intent,
}
