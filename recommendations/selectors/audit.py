"""Read what the audit found and what people decided, with words for both."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from recommendations.models import AuditItem, RecoAudit, RecoDecision, RecoRun
from recommendations.scoring.audit_rules import BY_CODE
from recommendations.scoring.contact_words import words_of

MOST_NAMED = 100


def newest_run() -> RecoRun | None:
    """Return the run that everybody sees, else the newest that succeeded."""
    kept = RecoRun.objects.kept().select_related("config", "created_by")
    return kept.order_by("-is_current", "-as_of", "-pk").first()


def finding_words(code: str, details: Mapping[str, Any]) -> str:
    """Say what a finding is, with its evidence.

    >>> finding_words("RECENT_DUPLICATE", {"days": 12, "limit": 60})
    'Bought 12 days ago; it is offered again after 60.'
    """
    try:
        words = _TOLD[code](details) if code in _TOLD else ""
    except (KeyError, TypeError, ValueError, ArithmeticError):
        # Stored with less evidence than the sentence wants.
        words = ""
    check = BY_CODE.get(code)
    return words or (check.words if check else code)


def _duplicate(found: Mapping[str, Any]) -> str:
    if "also_rank" in found:
        return f"It stands in the list at rank {found['also_rank']} already."
    days = int(found["days"])
    when = "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"
    return f"Bought {when}; it is offered again after {found['limit']}."


def _upsell(found: Mapping[str, Any]) -> str:
    if "tier" in found:
        return f"Tier {found['tier']}; the customer's own is {found['own']:g} already."
    if found["price"] is None or found["median"] is None:
        return "Neither tier nor price show that it is a step up."
    return _pays(found)


def _pays(found: Mapping[str, Any]) -> str:
    price, usual = Decimal(str(found["price"])), Decimal(str(found["median"]))
    return f"Price {price:.2f}; the customer usually pays {usual:.2f}."


def _cross(found: Mapping[str, Any]) -> str:
    if "last_on" in found:
        return f"Bought before, last on {found['last_on']}."
    return f"{found['family']} is the customer's main family."


def _contact(found: Mapping[str, Any]) -> str:
    return words_of(found["codes"], found["evidence"])


_TOLD: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "MISSING_EMAIL": _contact,
    "OPTOUT_OR_BOUNCE": _contact,
    "SILENCE_WINDOW": _contact,
    "RECENT_DUPLICATE": _duplicate,
    "UPSELL_NOT_HIGHER": _upsell,
    "CROSS_SELL_NOT_NEW": _cross,
    "RETURNED": lambda found: f"Sent back on {found['on']}.",
    "CONTROL_LEAK": lambda found: (
        f"In the control arm of {found['campaign']}, and exported for it all the same."
    ),
    "LOW_DIVERSITY": lambda found: (
        f"{found['products']} of {found['of']} products are {found['family']}."
    ),
    "ATTRIBUTE_MISMATCH": lambda found: (
        f"{found['value']}: {100 * float(found['share']):.2g} % of what the customer spends."
    ),
    "LOW_SCORE": lambda found: f"Score {found['score']}, below {found['limit']}.",
    "PRICE_JUMP": _pays,
}


def findings(*, run: RecoRun) -> QuerySet[AuditItem]:
    """Return the findings of a run by customer."""
    rows = AuditItem.objects.filter(run=run).select_related("customer", "product")
    return rows.order_by("customer_id", "ordinal")


def findings_of(*, run: RecoRun, customers: list[int]) -> dict[int, list[AuditItem]]:
    """Return the findings of some customers, in one query."""
    found: dict[int, list[AuditItem]] = {customer: [] for customer in customers}
    for item in AuditItem.objects.filter(run=run, customer__in=customers).order_by("ordinal"):
        found[item.customer_id].append(item)
    return found


def audits_of(*, run: RecoRun, customers: list[int]) -> dict[int, RecoAudit]:
    """Return the audits of some customers by their id."""
    rows = RecoAudit.objects.filter(run=run, customer__in=customers)
    return {row.customer_id: row for row in rows}


def findings_with(
    *, run: RecoRun, code: str, after: tuple[int, int] = (0, 0), most: int = MOST_NAMED
) -> list[AuditItem]:
    """Return findings of one code from behind a customer and ordinal on, by customer."""
    customer, ordinal = after
    behind = Q(customer_id__gt=customer) | Q(customer_id=customer, ordinal__gt=ordinal)
    return list(findings(run=run).filter(behind, code=code)[:most])


def decisions(*, run: RecoRun) -> QuerySet[RecoDecision]:
    """Return what people decided on a run, newest first."""
    return RecoDecision.objects.filter(run=run).select_related("user", "customer")
