"""Why a product is not offered, or why a customer is offered nothing: codes in words.

Codes are what the engine and the run store; their details are data. A code that nobody worded yet
is shown as it is, with its details, so that an answer is never empty.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recommendations.selectors.words import shown
from recommendations.selectors.words.components import SCENARIOS, named

Details = Mapping[str, Any]


def refusal(code: str, details: Any = None) -> str:
    """Return a sentence for a code, like "Bought 12 days ago; offered again after 60 days."."""
    known: Details = details if isinstance(details, Mapping) else {}
    make = _WORDS.get(code)
    text = make(known) if make else code.replace("_", " ").lower()
    scenario = known.get("scenario")
    if isinstance(scenario, str) and scenario:
        text = _("%(scenario)s: %(reason)s") % {
            "scenario": named(SCENARIOS, scenario), "reason": text
        }  # fmt: skip
    return shown.sentence([text])


def refusals(code: str, details: Any = None) -> list[str]:
    """Return the sentence of a code, one for each scenario refused, one for each rule of products.

    The last ones count the products that the customer bought and that a rule keeps back.
    """
    known = _mapping(details)
    evidence = {**known, **_mapping(known.get("evidence"))}
    parts = evidence.get("scenarios")
    inner = [_mapping(part) for part in parts] if isinstance(parts, list) else []
    return [
        refusal(code, known),
        *(refusal(str(part["code"]), part) for part in inner if "code" in part),
        *(_own(str(rule), count) for rule, count in _mapping(evidence.get("own_products")).items()),
    ]


def _mapping(value: Any) -> Details:
    return value if isinstance(value, Mapping) else {}


def _own(rule: str, count: Any) -> str:
    number = shown.whole(count) or 0
    text = ngettext("%(number)s product bought before: %(reason)s",
                    "%(number)s products bought before: %(reason)s", number)  # fmt: skip
    reason = refusal(rule).rstrip(".")
    reason = reason[:1].lower() + reason[1:]
    return shown.sentence([text % {"number": shown.number(number), "reason": reason}])


def _days(count: int) -> str:
    return ngettext("%(days)s day", "%(days)s days", count) % {"days": shown.number(count)}


def _bought_recently(details: Details) -> str:
    days, limit = shown.whole(details.get("days")), shown.whole(details.get("limit"))
    if days is None:
        return _("bought too recently")
    text = ngettext("bought %(days)s day ago", "bought %(days)s days ago", days)
    text = text % {"days": shown.number(days)}
    if limit is None:
        return text
    return _("%(bought)s; offered again after %(limit)s") % {"bought": text, "limit": _days(limit)}


def _returned(details: Details) -> str:
    on = details.get("on")
    if not on:
        return _("the customer sent it back")
    return _("the customer sent it back on %(day)s") % {"day": shown.day(on)}


def _support(details: Details) -> str:
    buyers, limit = shown.whole(details.get("buyers")), shown.whole(details.get("limit"))
    if buyers is None:
        return _("bought by too few customers")
    text = ngettext("bought by %(buyers)s customer only", "bought by %(buyers)s customers only",
                    buyers) % {"buyers": shown.number(buyers)}  # fmt: skip
    if limit is None:
        return text
    return _("%(bought)s; %(limit)s are needed") % {"bought": text, "limit": shown.number(limit)}


def _not_higher(details: Details) -> str:
    tier, own = details.get("tier"), details.get("own")
    if tier is not None and own is not None:
        return _("its tier %(tier)s is not above the usual one, %(own)s") % {
            "tier": tier, "own": own
        }  # fmt: skip
    price, median = details.get("price"), details.get("median")
    if price is not None and median is not None:
        return _("at %(price)s it is not one step above the usual %(median)s") % {
            "price": shown.money(price), "median": shown.money(median)
        }  # fmt: skip
    return _("it is not one step above what is usually bought")


def _family(template: Callable[[], str], without: Callable[[], str]) -> Callable[[Details], str]:
    def make(details: Details) -> str:
        family = details.get("family")
        return template() % {"family": family} if family else without()

    return make


def _not_due(details: Details) -> str:
    days, needs = shown.whole(details.get("days")), shown.whole(details.get("needs"))
    if days is None or needs is None:
        return _("it is not due again yet")
    text = ngettext("last bought %(days)s day ago", "last bought %(days)s days ago", days)
    return _("%(bought)s; due again after %(needs)s") % {
        "bought": text % {"days": shown.number(days)}, "needs": _days(needs)
    }  # fmt: skip


def _ranked_below(details: Details) -> str:
    score, lowest = shown.real(details.get("score")), shown.real(details.get("lowest"))
    if lowest is None:
        return _("others fit better")
    if score is None:
        template = _("others fit better: the last one offered has %(lowest)s points")
        return template % {"lowest": shown.number(lowest, 1)}
    return _("others fit better: %(score)s points, the last one offered has %(lowest)s") % {
        "score": shown.number(score, 1), "lowest": shown.number(lowest, 1)
    }  # fmt: skip


def _limit(
    key: str,
    template: Callable[[], str],
    without: Callable[[], str],
    written: Callable[[float], str] = lambda value: shown.number(value, 2),
) -> Callable[[Details], str]:
    """Return a clause that compares the value under ``key`` with the one needed, where known."""

    def make(details: Details) -> str:
        value, needs = shown.real(details.get(key)), shown.real(details.get("needs"))
        if value is None or needs is None:
            return without()
        return template() % {"value": written(value), "limit": written(needs)}

    return make


def _orders(details: Details) -> str:
    orders = shown.whole(details.get("orders"))
    if orders is None:
        return _("too few orders")
    text = ngettext("%(orders)s order only", "%(orders)s orders only", orders)
    return text % {"orders": shown.number(orders)}


def _absent(details: Details) -> str:
    words = {
        "merged": lambda: _("merged into another customer: ask for that one"),
        "deleted": lambda: _("this customer was deleted"),
        "test": lambda: _("a test account: nothing is recommended to it"),
        "new": lambda: _("registered after the day of this run"),
        "chosen": lambda: _("this run was made for some chosen customers only"),
    }.get(str(details.get("why")))
    return words() if words else _("not among the customers of that run")


def _silent(details: Details) -> str:
    days, needs = shown.whole(details.get("days")), shown.whole(details.get("needs"))
    if days is None or needs is None:
        return _("the last order is not long enough ago")
    text = ngettext("last order %(days)s day ago", "last order %(days)s days ago", days)
    return _("%(last)s; this begins after %(needs)s") % {
        "last": text % {"days": shown.number(days)}, "needs": _days(needs)
    }  # fmt: skip


_WORDS: dict[str, Callable[[Details], str]] = {
    "INACTIVE": lambda _d: _("not sold any more"),
    "NOT_A_PRODUCT": lambda _d: _("a charge, not a product"),
    "OUT_OF_STOCK": lambda _d: _("out of stock"),
    "NO_PRICE": lambda _d: _("its price is not known"),
    "OUT_OF_SEASON": lambda _d: _("out of season"),
    "BOUGHT_RECENTLY": _bought_recently,
    "RETURNED": _returned,
    "REPEATED_RECOMMENDATION": lambda _d: _("offered in the last two exports already"),
    "UNKNOWN_PRODUCT": lambda _d: _("not in the catalogue of that day"),
    "NEVER_BOUGHT": lambda _d: _("never bought, so it cannot be bought again"),
    "BOUGHT_BEFORE": lambda _d: _("bought before, so it is not new"),
    "NEVER_BOUGHT_WITH": lambda _d: _("nobody bought it together with what this customer buys"),
    "NO_SIGNAL": lambda _d: _("nothing this customer bought speaks for it"),
    "SUPPORT": _support,
    "NOT_HIGHER": _not_higher,
    "DOMINANT_FAMILY": _family(
        lambda: _("it belongs to %(family)s, which the customer mostly buys already"),
        lambda: _("it belongs to the family that the customer mostly buys already"),
    ),
    "NOT_OWN_FAMILY": _family(
        lambda: _("it belongs to %(family)s, of which the customer never bought"),
        lambda: _("it belongs to a family of which the customer never bought"),
    ),
    "NO_INTERVAL": lambda _d: _("how often it is bought again is not known"),
    "NOT_DUE": _not_due,
    "TOO_OLD": lambda _d: _("bought too long ago to be bought again"),
    "TOO_LONG_AGO": lambda _d: _("bought too long ago to be bought again"),
    "LOW_SCORE": _ranked_below,
    "RANKED_BELOW": _ranked_below,
    "SAME_FAMILY": _family(
        lambda: _("the list holds another product of %(family)s already"),
        lambda: _("the list holds another product of its family already"),
    ),
    "NO_SLOT": lambda _d: _("all places of its kind in the list are taken"),
    "OFFERED": lambda _d: _("it is offered: see the list"),
    "OFFERED_SINCE": lambda _d: _("offered from the data of today; the run had other data"),
    "TOO_FEW_BUYERS": _support,
    "PRICE_FAR": lambda _d: _("its price is far from what the customer usually pays"),
    "NOT_IN_RUN": _absent,
    "DROPPED": lambda _d: _("the products of this run were cleared away; only its counts are kept"),
    "NO_RUN": lambda _d: _("nothing was recommended yet"),
    "NO_HISTORY": lambda _d: _("no order that counts yet"),
    "NO_ORDERS": lambda _d: _("no order that counts yet"),
    "NO_CUSTOMER": lambda _d: _("not among the customers of that run"),
    "NO_CANDIDATE": lambda _d: _("no product is left after the rules for products"),
    "NO_SCENARIO": lambda _d: _("no scenario fits this customer"),
    "NO_ACTION": lambda _d: _("no scenario fits this customer"),
    "FEW_ORDERS": _orders,
    "MANY_ORDERS": lambda _d: _("knows the shop too well for this scenario"),
    "OTHER_SCENARIO": lambda _d: _("another scenario fits better"),
    "WINBACK_ONLY": lambda _d: _("who is silent so long is only won back"),
    "NO_PREFERENCE": lambda _d: _("no order that counts yet, and no preference is known"),
    "NOT_LAPSED": _silent,
    "LAPSED": lambda _d: _("the customer has been silent too long: only winning back applies"),
    "LOW_REVENUE": _limit(
        "revenue",
        lambda: _("spent %(value)s so far; %(limit)s are needed"),
        lambda: _("spent too little"),
        lambda value: shown.money(f"{value:.2f}"),
    ),
    "NOT_FOCUSED": _limit(
        "share",
        lambda: _("no family dominates: the largest has %(value)s, %(limit)s are needed"),
        lambda: _("no family dominates"),
        shown.percent,
    ),
    "NOT_STABLE": _limit(
        "stability",
        lambda: _("habits change too much: stability %(value)s, %(limit)s are needed"),
        lambda: _("habits change too much"),
    ),
    "TEST_ACCOUNT": lambda _d: _("a test account"),
    "MERGED_OR_DELETED": lambda _d: _("merged into another customer, or deleted"),
    "NOT_CONTACTABLE": lambda _d: _("may not be contacted"),
    "OPT_OUT": lambda _d: _("opted out"),
    "BOUNCED": lambda _d: _("messages came back"),
    "NO_CHANNEL": lambda _d: _("no address for this channel"),
    "GLOBAL_HOLDOUT": lambda _d: _("kept without any offer, to compare with"),
    "SILENCE": lambda _d: _("contacted too recently"),
    "FREQUENCY_CAP": lambda _d: _("contacted too often lately"),
    "RECENT_ORDER": lambda _d: _("ordered only a few days ago"),
    "NO_CONSENT": lambda _d: _("no consent for this channel and purpose"),
    "QUIET_HOURS": lambda _d: _("quiet hours"),
    "PAUSED": lambda _d: _("asked for a pause"),
}
