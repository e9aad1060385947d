"""The peer of the recommendation benchmark: ALS of the package ``implicit``, as its pages show it.

``python peer_als.py MATRIX.npz``: fits 64 factors in 15 rounds on customers x products, finds three
products for everybody, and prints the seconds. Needs nothing of this project, so it may run in
another Python (``CRM_IMPLICIT_PYTHON``).
"""

import os
import sys
from time import perf_counter

# As implicit asks for: its own threads and those of OpenBLAS get in each other's way.
os.environ["OPENBLAS_NUM_THREADS"] = "1"


def main() -> int:
    """Return 2 where implicit is not installed."""
    try:
        from implicit.als import (  # type: ignore[import-untyped]  # noqa: PLC0415
            AlternatingLeastSquares,
        )
        from scipy.sparse import load_npz  # noqa: PLC0415
    except ImportError:
        return 2
    matrix = load_npz(sys.argv[1]).tocsr()
    started = perf_counter()
    model = AlternatingLeastSquares(factors=64, iterations=15, random_state=0)
    model.fit(matrix, show_progress=False)
    everybody = list(range(matrix.shape[0]))
    model.recommend(everybody, matrix[everybody], N=3, filter_already_liked_items=False)
    sys.stdout.write(f"{perf_counter() - started:.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
