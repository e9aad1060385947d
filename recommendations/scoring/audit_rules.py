"""What the audit looks for, what it costs, and what a run must reach to leave (scoring.md, D.4).

Per customer: 100 less 40 for each error and 10 for each warning; a list may leave when it has no
error and reaches the gate. Per run: figures of the whole, judged apart from the customers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule of the audit: its code, how bad a hit is, and what people read."""

    code: str
    severity: Severity
    words: str


CHECKS: tuple[Check, ...] = (
    Check("MISSING_EMAIL", "error", "The customer has no valid address on the channel."),
    Check("OPTOUT_OR_BOUNCE", "error", "The customer asked for no messages, or mail came back."),
    Check("SILENCE_WINDOW", "error", "The last marketing message was too short a time ago."),
    Check("RECENT_DUPLICATE", "error",
          "The product stands twice in the list, or was bought a short time ago."),
    Check("UPSELL_NOT_HIGHER", "error", "The product is no step up for this customer."),
    Check("CROSS_SELL_NOT_NEW", "error",
          "The product was bought before, or belongs to the customer's main family."),
    Check("INACTIVE_PRODUCT", "error", "The product is no longer offered."),
    Check("OUT_OF_STOCK", "error", "The product is out of stock."),
    Check("OUT_OF_SEASON", "error", "The product is out of season."),
    Check("RETURNED", "error", "The customer sent the product back."),
    Check("MISSING_PRICE", "error", "The product has no price."),
    Check("UNKNOWN_PRODUCT", "error", "The catalogue does not know the product as an article."),
    Check("CONTROL_LEAK", "error", "The customer is in the control arm and was exported."),
    Check("LOW_DIVERSITY", "warning", "More than 70 % of the list belong to one family."),
    Check("ATTRIBUTE_MISMATCH", "warning",
          "The customer hardly ever bought anything so dry or so sweet."),
    Check("LOW_SCORE", "warning", "The product's score is below 30."),
    Check("REPEATED_RECOMMENDATION", "warning",
          "The product was offered in one of the last two exports."),
    Check("PRICE_JUMP", "warning", "The product costs over twice what the customer usually pays."),
)  # fmt: skip

BY_CODE: Mapping[str, Check] = {check.code: check for check in CHECKS}

CONTACT_CODES: Mapping[str, str] = {
    "NO_CHANNEL": "MISSING_EMAIL",
    "NOT_CONTACTABLE": "OPTOUT_OR_BOUNCE",
    "OPT_OUT": "OPTOUT_OR_BOUNCE",
    "BOUNCED": "OPTOUT_OR_BOUNCE",
    "SILENCE": "SILENCE_WINDOW",
}
"""Codes of contact that are findings of the audit. The others are not: they end by themselves
(frequency, recent order), or keep a customer away without any fault in the list (holdout)."""

CONTACT_FINDINGS = frozenset(CONTACT_CODES.values())

LOW_SCORE = 30
MAX_FAMILY_SHARE = 0.7
LEAST_ATTRIBUTE_SHARE = 0.05
PRICE_JUMP = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run must reach. ``four_eyes``: who started the run may not approve it."""

    name: str
    min_score: float
    min_coverage: float
    four_eyes: bool


POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("strict", 80, 0.7, four_eyes=True),
        Policy("standard", 60, 0.5, four_eyes=False),
        Policy("permissive", 40, 0.3, four_eyes=False),
    )
}

LEAST_LISTS = 20
"""With fewer lists, the share of one product and a shift of the mix say nothing."""


def list_score(*, errors: int, warnings: int, error_penalty: float = 40,
               warn_penalty: float = 10) -> int:  # fmt: skip
    """Return the score of a customer's list; many errors take it below 0.

    >>> list_score(errors=0, warnings=2), list_score(errors=3, warnings=0)
    (80, -20)
    """
    return round(100 - error_penalty * errors - warn_penalty * warnings)


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the checks of a whole run look at.

    Attributes:
        eligible: active customers with a sale by the day of the run, or with a list.
        with_list: those with at least one item.
        offerable: products that could have been recommended.
        times: how often each product that was recommended stands in a list, most often first.
        scenarios: items by scenario.
        scores: items by tenth of the score, 0 to 9.
        mean_item_score: mean score of the items, 0 to 100.
        mean_audit_score: mean score of the lists, findings about contact left out.
        leaks: customers of a control arm who were exported.
    """

    eligible: int
    with_list: int
    offerable: int
    times: Sequence[int]
    scenarios: Mapping[str, int]
    scores: Sequence[int]
    mean_item_score: float | None
    mean_audit_score: float | None
    leaks: int = 0


@dataclass(frozen=True, slots=True)
class RunCheck:
    """One check of a whole run: ``level`` is ok, warning, error, or none (not to be judged)."""

    code: str
    level: Literal["ok", "warning", "error", "none"]
    value: float | None
    limit: float | None
    words: str


def gini(times: Sequence[int], *, of: int) -> float | None:
    """Return the Gini coefficient of how often products are recommended; None without any.

    Args:
        times: how often each recommended product is; others of the catalogue count with zero.
        of: how many products there are.

    >>> gini([5, 5], of=2), gini([10], of=2)
    (0.0, 0.5)
    """
    size, total = max(of, len(times)), sum(times)
    if not total:
        return None
    ordered = [0] * (size - len(times)) + sorted(times)
    weighted = sum(place * value for place, value in enumerate(ordered, start=1))
    return round(2 * weighted / (size * total) - (size + 1) / size, 6)


def stability_index(now: Sequence[float], before: Sequence[float]) -> float | None:
    """Return the population stability index of two distributions over the same bins.

    Empty bins count as half of one, so that one item in a new bin is no infinite shift. None where
    either has nothing.

    >>> stability_index([50, 50], [50, 50]), round(stability_index([90, 10], [50, 50]), 2)
    (0.0, 0.88)
    """
    total, other = sum(now), sum(before)
    if not total or not other:
        return None
    index = 0.0
    for ours, theirs in zip(now, before, strict=True):
        if ours or theirs:
            p, q = max(ours, 0.5) / total, max(theirs, 0.5) / other
            index += (p - q) * math.log(p / q)
    return round(index, 6)


def run_checks(figures: RunFigures, before: Mapping[str, Any] | None = None) -> list[RunCheck]:
    """Judge a run as a whole.

    Args:
        figures: of this run.
        before: ``summary`` of the run before it, where there is one.
    """
    times = list(figures.times)
    lists = figures.with_list
    coverage = lists / figures.eligible if figures.eligible else None
    catalogue = len(times) / figures.offerable if figures.offerable else None
    return [
        RunCheck("COVERAGE", _none_or_ok(coverage), coverage, None,
                 _coverage_words(lists, figures.eligible)),
        RunCheck("CATALOGUE_COVERAGE", _none_or_ok(catalogue), catalogue, None,
                 f"{len(times):,} of {figures.offerable:,} products are recommended to somebody."),
        _concentration(gini(times, of=figures.offerable)),
        _top_product(times[0] if times else 0, lists),
        *_shifts(figures, before or {}),
        RunCheck("CONTROL_LEAK", "error" if figures.leaks else "ok", float(figures.leaks), 0,
                 f"{figures.leaks:,} customers of a control arm were exported."
                 if figures.leaks else "No customer of a control arm was exported."),
    ]  # fmt: skip


def _none_or_ok(value: float | None) -> Literal["ok", "none"]:
    return "none" if value is None else "ok"


def _coverage_words(lists: int, eligible: int) -> str:
    if not eligible:
        return "No customer has bought anything yet."
    return f"{lists:,} of {eligible:,} customers have a list ({100 * lists / eligible:.3g} %)."


def _concentration(value: float | None) -> RunCheck:
    words = "Nothing is recommended."
    if value is not None:
        words = (
            f"Gini coefficient {value:.2f}: 0 would be all products equally often, 1 a single one."
        )
    return RunCheck("GINI", _none_or_ok(value), value, None, words)


def _top_product(most: int, lists: int) -> RunCheck:
    if lists < LEAST_LISTS:
        words = f"With fewer than {LEAST_LISTS} lists, one product in many of them says nothing."
        return RunCheck("TOP_PRODUCT", "none", None, 0.2, words)
    share = most / lists
    level: Literal["ok", "warning", "error"] = (
        "error" if share > 0.4 else "warning" if share > 0.2 else "ok"
    )
    words = f"The most recommended product stands in {100 * share:.3g} % of the lists."
    return RunCheck("TOP_PRODUCT", level, share, 0.4 if level == "error" else 0.2, words)


def _shifts(figures: RunFigures, before: Mapping[str, Any]) -> list[RunCheck]:
    earlier = before.get("scenarios") or {}
    names = sorted({*figures.scenarios, *earlier})
    enough = min(figures.with_list, int(before.get("with_list") or 0)) >= LEAST_LISTS
    mix = score = None
    if enough:
        mix = stability_index(
            [figures.scenarios.get(name, 0) for name in names],
            [earlier.get(name, 0) for name in names],
        )
        score = stability_index(figures.scores, before.get("scores") or [0] * len(figures.scores))
    means = _means(figures.mean_item_score, before.get("mean_item_score"))
    return [
        _shift("SCENARIO_MIX", mix, "The shares of the scenarios", ""),
        _shift("MEAN_SCORE", score, "The scores", means),
    ]


def _means(now: float | None, before: float | None) -> str:
    if now is None:
        return ""
    return f" Mean score {now:.1f}" + ("." if before is None else f", before {before:.1f}.")


def _shift(code: str, index: float | None, what: str, more: str) -> RunCheck:
    if index is None:
        words = f"{what}: no earlier run with enough lists to compare with.{more}"
        return RunCheck(code, "none", None, 0.25, words)
    moved = index > 0.25
    told = "differ from" if moved else "agree with"
    words = f"{what} {told} those of the last run (stability index {index:.2f}).{more}"
    return RunCheck(code, "warning" if moved else "ok", index, 0.25, words)


def summary(figures: RunFigures) -> dict[str, Any]:
    """Return what the next run's checks compare with."""
    return {
        "eligible": figures.eligible,
        "with_list": figures.with_list,
        "offerable": figures.offerable,
        "recommended": len(figures.times),
        "scenarios": dict(figures.scenarios),
        "scores": list(figures.scores),
        "mean_item_score": figures.mean_item_score,
        "mean_audit_score": figures.mean_audit_score,
    }


def gate(
    policy: Policy, figures: RunFigures, checks: Sequence[RunCheck], *, backtest: RunCheck
) -> dict[str, Any]:
    """Return whether a run may leave under a policy, with each reason in words.

    Approval is asked for when something leaves, under every policy: it is not part of the gate.
    """
    coverage = figures.with_list / figures.eligible if figures.eligible else 0.0
    score = figures.mean_audit_score
    low = score is None or score < policy.min_score
    reached = "none" if score is None else f"{score:.1f}"
    parts = [
        RunCheck("MIN_SCORE", "error" if low else "ok", score, policy.min_score,
                 f"Mean score of the lists {reached}; the policy {policy.name} asks for "
                 f"{policy.min_score:.0f}."),
        RunCheck("MIN_COVERAGE", "error" if coverage < policy.min_coverage else "ok", coverage,
                 policy.min_coverage,
                 f"{100 * coverage:.3g} % of the customers have a list; the policy {policy.name} "
                 f"asks for {100 * policy.min_coverage:.0f} %."),
        backtest,
    ]  # fmt: skip
    failed = [check for check in [*parts, *checks] if check.level == "error"]
    return {
        "policy": policy.name,
        "four_eyes": policy.four_eyes,
        "passed": not failed,
        "reasons": [check.words for check in failed],
        "checks": [asdict(check) for check in parts],
    }


def backtest_check(*, mode: str, tested: bool) -> RunCheck:
    """Return what the back-test says of a run: a fallback was made for it, and is no fault.

    >>> backtest_check(mode="weighted", tested=True).level
    'ok'
    """
    if not tested:
        words = "No back-test spoke for this run's settings."
        return RunCheck("BACKTEST", "warning", None, None, words)
    if mode == "weighted":
        words = "The back-test lets the weighted score rank the products."
        return RunCheck("BACKTEST", "ok", None, None, words)
    words = "The weighted score did not pass the back-test; the plain order of signals ranks."
    return RunCheck("BACKTEST", "warning", None, None, words)
