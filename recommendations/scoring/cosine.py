"""Which products go together in a small shop: cosine of their buyers, shrunk.

Few customers make every co-purchase look strong; ``shrink`` pulls rare ones down. A shop of less
than 200 customers or 50 products has too little for EASE.
"""

from __future__ import annotations

import numpy as np

from recommendations.scoring.arrays import Floats, Singles
from recommendations.scoring.ease import DECIMALS


def cosine_matrix(together: Floats, shrink: float) -> Singles:
    """Return common buyers / (sqrt(buyers x buyers) + shrink), zero on the diagonal.

    >>> cosine_matrix(np.array([[4.0, 3], [3, 9]]), 0.0).astype(float).round(2).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    >>> cosine_matrix(np.array([[4.0, 3], [3, 9]]), 6.0).astype(float).round(2).tolist()
    [[0.0, 0.25], [0.25, 0.0]]
    """
    buyers = np.sqrt(np.diag(together))
    below = np.outer(buyers, buyers) + shrink
    alike = np.divide(together, below, out=np.zeros_like(together), where=below > 0)
    np.fill_diagonal(alike, 0.0)
    return np.round(alike, DECIMALS).astype(np.float32)
