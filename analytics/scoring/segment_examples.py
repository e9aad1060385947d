"""Segments to begin with: ready-made rules that staff can take and change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.scoring.segment_fields import Registry
from analytics.scoring.segment_rules import RuleError, parse


@dataclass(frozen=True, slots=True)
class Example:
    """A rule with a name and what it is good for."""

    slug: str
    name: str
    description: str
    rule: Mapping[str, Any]


def _asks(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    asked = {"field": field, "operator": operator}
    return asked if value is None else {**asked, "value": value}


_REACHABLE = _asks("contact.contactable", "is", value=True)

EXAMPLES = (
    Example(
        "high-value-at-risk",
        "High value at risk",
        "They spent much and have not bought for long. Call them before they are gone.",
        {"and": [_asks("rfm.m", "at_least", 4), _asks("rfm.r", "at_most", 2), _REACHABLE]},
    ),
    Example(
        "new-customers",
        "New customers",
        "They bought once, in the last 30 days. Welcome them and offer the second order.",
        {"and": [_asks("rfm.frequency", "is", 1), _asks("rfm.recency", "at_most", 30)]},
    ),
    Example(
        "about-to-buy",
        "About to buy",
        "Likely to order within 30 days, and not written to in the last two weeks.",
        {
            "and": [
                _asks("metrics.purchase_probability_30d", "at_least", 0.3),
                _REACHABLE,
                {
                    "or": [
                        _asks("contact.last", "more_than", 14),
                        _asks("contact.last", "is_unknown"),
                    ]
                },
            ]
        },
    ),
    Example(
        "interested-not-yet-customers",
        "Interested, not yet customers",
        "They show what they want but never ordered. A first offer may decide them.",
        {
            "and": [
                _asks("rfm.segment", "is", "prospects"),
                _asks("signals.intent", "at_least", 0.5),
                _REACHABLE,
            ]
        },
    ),
    Example(
        "valuable-and-likely-lost",
        "Valuable and likely lost",
        "Much expected of them, but a high chance that they do not come back.",
        {
            "and": [
                _asks("metrics.churn_probability", "at_least", 0.6),
                _asks("rfm.m", "is", 5),
                {"not": _asks("contact.last", "at_most", 30)},
            ]
        },
    ),
    Example(
        "regulars-out-of-step",
        "Regulars out of step",
        "They come often and usually within weeks, but not for three months now.",
        {
            "and": [
                _asks("rfm.f", "at_least", 4),
                _asks("profile.median_gap_days", "at_most", 45),
                _asks("rfm.recency", "more_than", 90),
            ]
        },
    ),
)


def usable(registry: Registry) -> Iterator[Example]:
    """Yield the examples whose fields and choices this installation has."""
    for example in EXAMPLES:
        try:
            parse(example.rule, registry)
        except RuleError:
            continue
        yield example
