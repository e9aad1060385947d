"""ALS of the library ``implicit`` (Hu, Koren and Volinsky 2008), where it is installed."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import scipy
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from recommendations.scoring.arrays import Ints, Singles

ABSENT = (
    "The library implicit is not installed here (it has ready-made wheels for Linux on x86-64)."
)


@dataclass(frozen=True, slots=True)
class AlsSettings:
    """Factors, confidence of a purchase, regularisation and iterations."""

    factors: int
    alpha: float
    regularization: float = 0.05
    iterations: int = 15


TRIED = (AlsSettings(32, 1.0), AlsSettings(64, 1.0), AlsSettings(32, 10.0))
"""The first origin decides among these, so that the peer is not judged by bad settings."""


def library() -> ModuleType | None:
    """Return ``implicit``, or None where it is not installed or cannot be loaded."""
    try:
        return importlib.import_module("implicit")
    except (ImportError, OSError):
        return None


class AlsModel:
    """Factors fitted to who bought what (0 or 1)."""

    def __init__(
        self, implicit: ModuleType, binary: scipy.sparse.csr_matrix, chosen: AlsSettings
    ) -> None:
        with warnings.catch_warnings(), threadpool_limits(1, "blas"):
            warnings.simplefilter("ignore")
            model = implicit.als.AlternatingLeastSquares(
                factors=min(chosen.factors, max(2, min(binary.shape) - 1)),
                alpha=chosen.alpha,
                regularization=chosen.regularization,
                iterations=chosen.iterations,
                random_state=0,
                num_threads=1,
                use_gpu=False,
            )
            model.fit(binary.astype(np.float32), show_progress=False)
        self.users = np.asarray(model.user_factors)
        self.items = np.asarray(model.item_factors)

    def scores(self, rows: Ints) -> Singles:
        """Return the scores of all products for the customers in ``rows``."""
        return np.asarray(self.users[rows] @ self.items.T, np.float32)
