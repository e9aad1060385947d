"""Recommendations: three products with reasons for everybody, from arrays to arrays.

Ours: ``learn`` and ``recommend`` on a made shop: history, prices, EASE, scenarios, scores, slots,
reasons as JSON with their proof. The order by chance alone, and the weighted score.
Peer: ``implicit``'s ALS on the same purchases: fit, and the best three for everybody, without rules
and without reasons; in the Python of ``CRM_IMPLICIT_PYTHON``, else in ours.
Limit: 5,000 customers per second.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse

from benchmarks.framework import Row, Scale, medians
from benchmarks.reco_data import made_shop
from recommendations.scoring.engine import recommend
from recommendations.scoring.settings import RecoSettings
from recommendations.scoring.shop import Shop

MAKES_ITS_DATA = True
GOAL = 5_000
PEER = Path(__file__).parent / "peer_als.py"
SIZES = {"small": ((10_000, 1_000),), "full": ((10_000, 1_000), (100_000, 10_000))}


def run(scale: Scale) -> list[Row]:
    """Measure both orders of the lists for each size."""
    return [row for size in SIZES[scale.name] for row in _measured(*size, rounds=scale.rounds)]


def _measured(customers: int, products: int, *, rounds: int) -> list[Row]:
    shop = made_shop(customers=customers, products=products)
    before = _peak()
    rounds = rounds if customers <= 10_000 else 1
    plain, weighted = medians(
        rounds, lambda: _lists(shop, "signals"), lambda: _lists(shop, "weighted")
    )
    note = f"{len(shop.lines):,} order lines; peak memory {before:,.0f} to {_peak():,.0f} MiB"
    peer = _als(shop)
    named = f"{customers:,} customers x {products:,} products"
    small = customers <= 10_000
    return [
        Row(
            f"{named}, three each with reasons, by chance",
            customers / plain, unit="/s", peer=customers / peer if peer else None, limit=GOAL,
            at_most_limit=1 if small else None, higher_is_better=True,
            note=note if peer else f"{note}; implicit is not installed",
        ),
        Row(
            f"{named}, by weighted score",
            customers / weighted, unit="/s", limit=GOAL, higher_is_better=True,
        ),
    ]  # fmt: skip


def _lists(shop: Shop, mode: str) -> None:
    found = sum(len(part.items) for part in recommend(shop, RecoSettings(), mode=mode))
    if not found:
        raise ValueError("Nobody was offered anything.")


def _peak() -> float:
    """Return the most memory this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _als(shop: Shop) -> float | None:
    """Return the peer's seconds; None where it is not installed."""
    shape = (len(shop.customers), len(shop.products))
    rows = (shop.lines.customer, shop.lines.product)
    bought = sparse.csr_matrix((np.ones(len(shop.lines), np.float32), rows), shape=shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bought.npz"
        sparse.save_npz(path, bought)
        python = os.environ.get("CRM_IMPLICIT_PYTHON") or sys.executable
        done = subprocess.run(
            [python, str(PEER), str(path)], capture_output=True, text=True, check=False
        )
    if done.returncode == 2:
        return None
    done.check_returncode()
    return float(done.stdout)
