"""Why a customer got nothing: which scenarios do not fit, what ruled the own products out."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from recommendations.scoring.arrays import Bools, Ints, is_member
from recommendations.scoring.catalogue import RULES
from recommendations.scoring.knowledge import Block, Knowledge
from recommendations.scoring.repeat import waiting_days
from recommendations.scoring.scenarios import Fits, refusals
from recommendations.scoring.tastes import Tastes

_encode = msgspec.json.Encoder().encode
NOBODY = _encode(
    {
        "codes": ["NO_HISTORY"],
        "evidence": {"orders": 0, "scenarios": [{"scenario": "NURTURE", "code": "NO_PREFERENCE"}]},
    }
)


def details_of(
    known: Knowledge, block: Block, fits: Fits, tastes: Tastes, places: Ints
) -> list[bytes]:
    """Return the details of the customers at ``places`` of the block, who got no product."""
    result = []
    unknown = (~fits.any & (fits.orders == 0)).tolist()
    ends = np.searchsorted(block.who, np.arange(len(block) + 1))
    codes = own_rules(known, block, fits)
    for place in places.tolist():
        if unknown[place]:
            result.append(NOBODY)
            continue
        found = codes[ends[place] : ends[place + 1]]
        counts = {
            OWN_RULES[code]: int(n) for code, n in enumerate(np.bincount(found)) if n and code
        }
        evidence: dict[str, Any] = {
            "orders": int(fits.orders[place]),
            "days_since_order": int(fits.days[place]) if fits.days[place] >= 0 else None,
            "products": len(found),
            "own_products": counts,
            "scenarios": refusals(known, fits, tastes, place),
        }
        result.append(_encode({"codes": sorted(counts) or ["NO_SCENARIO"], "evidence": evidence}))
    return result


OWN_RULES = (*RULES, "RETURNED", "BOUGHT_RECENTLY", "REPEATED_RECOMMENDATION", "NOT_DUE", "TOO_OLD")
"""What can forbid a product bought before, in the order of checking; "" is nothing."""


def own_rules(known: Knowledge, block: Block, fits: Fits) -> Ints:
    """Return the place in `OWN_RULES` of the first rule that forbids each of the block's pairs."""
    settings, size = known.settings, max(1, len(known.shop.products))
    keys = block.rows[block.who] * size + block.product
    rebuy: Bools = ~fits.winback[block.who]
    checks = [
        is_member(known.history.returned, keys),
        block.days < settings.recent_purchase_exclusion_days,
        is_member(known.exported, keys) & settings.avoid_exported,
        rebuy & (block.days < waiting_days(known, block.pair)),
        rebuy & (block.days > settings.scenario.rebuy_max_recency_days),
    ]
    own = np.select(checks, range(len(RULES), len(OWN_RULES)), default=0)
    general = known.catalogue.rule[block.product]
    return np.where(general > 0, general, own).astype(np.int64)
