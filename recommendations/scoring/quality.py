"""Rules that data must pass before a run, and the verdict on what was counted (scoring.md, D.4).

Every rule counts something of a total (customers, orders, lines or products). A rule may have a
largest share; above it a run of recommendations does not begin.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

Severity = Literal["error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: its name, as in the specification.
        severity: ``information`` says something of the shop, not of the data's quality.
        of: what is counted.
        words: what a hit is.
        max_share: above this share of the total the run stops; None: it never does.
    """

    code: str
    severity: Severity
    of: str
    words: str
    max_share: float | None = None


RULES: tuple[Rule, ...] = (
    Rule("UNKNOWN_PRODUCT", "error", "order lines", "name a product that nobody knows", 0.01),
    Rule("INVALID_SALE_VALUE", "error", "sale lines",
         "are worth less than nothing, or nothing although the product has a price", 0.05),
    Rule("ZERO_QUANTITY", "warning", "order lines", "were refused for a quantity of zero"),
    Rule("UNREALISTIC_PRICE", "warning", "sale lines",
         "have over ten times or under a tenth of the catalogue's price", 0.2),
    Rule("DUPLICATE_ORDER_LINE", "warning", "order lines",
         "stand a second time in the same order, alike in all"),
    Rule("RETURN_WITHOUT_SALE", "warning", "return lines",
         "bring back what the customer had not bought before"),
    Rule("UNKNOWN_CLIENT", "warning", "sales", "name no customer"),
    Rule("FUTURE_DATE", "error", "orders", "bear a date still to come", 0.01),
    Rule("CURRENCY_MIX", "error", "orders", "are in another currency than most", 0.01),
    Rule("STALE_DATA", "warning", "shop",
         "has its newest order longer ago than its usual rhythm and three days"),
    Rule("MISSING_EMAIL", "warning", "customers", "have no e-mail address"),
    Rule("DUPLICATE_EMAIL", "warning", "customers", "share their e-mail address with another"),
    Rule("INCOMPLETE_RFM", "warning", "customers with a sale", "have no RFM score"),
    Rule("NO_PURCHASE_DATA", "information", "customers", "have not bought anything"),
    Rule("CHURN_WARNING", "information", "customers with a sale",
         "last bought more than 180 and up to 365 days ago"),
    Rule("PURCHASE_INACTIVE", "information", "customers with a sale",
         "last bought more than 365 days ago"),
    Rule("RECENT_DUPLICATE", "information", "customers who bought in the last 30 days",
         "bought the same product in two orders of these days"),
    Rule("LOW_DIVERSITY", "information", "customers with three orders in a year",
         "spend more than 70 % in one family"),
    Rule("MISSING_FAMILY", "warning", "products on offer", "have no family"),
    Rule("NEGATIVE_MARGIN", "warning", "products with price and cost",
         "cost more than their price"),
)  # fmt: skip

BY_CODE: Mapping[str, Rule] = {rule.code: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Counted:
    """What was found for one rule. ``samples`` names some of the hits: codes, keys, numbers."""

    code: str
    count: int
    total: int
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's result. ``share`` is None where there was nothing to look at."""

    code: str
    severity: Severity
    count: int
    total: int
    share: float | None
    max_share: float | None
    stops: bool
    words: str
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QualityReport:
    """All findings before a run. ``passed`` is False when one of them stops it."""

    as_of: date
    findings: tuple[Finding, ...]
    seconds: float = 0.0
    stopping: tuple[Finding, ...] = field(init=False)

    def __post_init__(self) -> None:
        stopping = tuple(finding for finding in self.findings if finding.stops)
        object.__setattr__(self, "stopping", stopping)

    @property
    def passed(self) -> bool:
        return not self.stopping

    @property
    def stops(self) -> list[str]:
        """Return in sentences why a run may not begin; empty when it may."""
        return [finding.words for finding in self.stopping]

    @property
    def words(self) -> str:
        """Return in a sentence why a run may not begin, or what there is to know."""
        if self.stopping:
            return f"The data are not good enough for a run. {' '.join(self.stops)}"
        hits = sum(finding.count > 0 and finding.severity != "information"
                   for finding in self.findings)  # fmt: skip
        if not hits:
            return "No rule of data quality found anything."
        rules = "One rule" if hits == 1 else f"{hits} rules"
        return f"{rules} of data quality found something; none stops a run."

    def to_json(self) -> dict[str, Any]:
        """Return what a run keeps."""
        return {
            "as_of": self.as_of.isoformat(),
            "passed": self.passed,
            "words": self.words,
            "seconds": round(self.seconds, 3),
            "findings": [
                {**asdict(finding), "samples": list(finding.samples)} for finding in self.findings
            ],
        }


def judge(
    counted: Iterable[Counted],
    *,
    as_of: date,
    limits: Mapping[str, float | None] | None = None,
    seconds: float = 0.0,
) -> QualityReport:
    """Return the verdict on what was counted.

    Args:
        counted: one entry per rule; a rule without one found nothing to look at.
        as_of: the day described.
        limits: largest shares that differ from the rules' own; None in it: never stop.

    >>> report = judge([Counted("UNKNOWN_PRODUCT", 2, 100)], as_of=date(2024, 1, 31))
    >>> report.passed, report.stopping[0].words
    (False, '2 of 100 order lines (2 %) name a product that nobody knows; at most 1 % may.')
    """
    found = {entry.code: entry for entry in counted}
    findings = tuple(
        _finding(rule, found.get(rule.code) or Counted(rule.code, 0, 0), limits or {})
        for rule in RULES
    )
    return QualityReport(as_of=as_of, findings=findings, seconds=seconds)


def checked_limits(limits: Any) -> dict[str, float | None]:
    """Return largest shares as people gave them. Raises ``ValueError`` in words.

    >>> checked_limits({"MISSING_EMAIL": 0.5, "CURRENCY_MIX": None})
    {'MISSING_EMAIL': 0.5, 'CURRENCY_MIX': None}
    """
    if not isinstance(limits, dict):
        raise ValueError("Largest shares are given as rule and share, like MISSING_EMAIL: 0.5.")
    for code, share in limits.items():
        if code not in BY_CODE:
            raise ValueError(f"There is no rule of data quality {code!r}.")
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if share is not None and not (number and 0 <= share <= 1):
            raise ValueError(f"The largest share of {code} is a number from 0 to 1, or null.")
    return dict(limits)


def _finding(rule: Rule, counted: Counted, limits: Mapping[str, float | None]) -> Finding:
    limit = limits.get(rule.code, rule.max_share)
    share = counted.count / counted.total if counted.total else None
    stops = share is not None and limit is not None and share > limit
    return Finding(
        code=rule.code,
        severity=rule.severity,
        count=counted.count,
        total=counted.total,
        share=None if share is None else round(share, 6),
        max_share=limit,
        stops=stops,
        words=_words(rule, counted, share, limit if stops else None),
        samples=counted.samples,
    )


def _words(rule: Rule, counted: Counted, share: float | None, limit: float | None) -> str:
    if share is None:
        return f"There are no {rule.of} to look at."
    if rule.of == "shop":
        return f"The shop {rule.words}." if counted.count else "The newest order is recent."
    if not counted.count:
        return f"None of {counted.total:,} {rule.of}."
    most = "" if limit is None else f"; at most {_percent(limit)} may"
    return (
        f"{counted.count:,} of {counted.total:,} {rule.of} ({_percent(share)}) {rule.words}{most}."
    )


def _percent(share: float) -> str:
    """Return a share in per cent, with three digits.

    >>> _percent(0.01), _percent(0.12345)
    ('1 %', '12.3 %')
    """
    return f"{100 * share:.3g} %"
