"""Carry vectors to and from PostgreSQL as binary COPY: a million of them in seconds.

Every row of a table of vectors has the same length, so numpy reads and writes them in one piece.
The layout is that of PostgreSQL's COPY BINARY and of pgvector's ``vector_send``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.embeddings.base import Vectors

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_SHA = 64
_AT_ONCE = 16 * 1024 * 1024
"""Bytes that are gathered before they are read."""


def packed_rows(keys: Sequence[int], sha256: Sequence[str], vectors: Vectors) -> bytes:
    """Return rows (key bigint, sha256 text, vector vector) for COPY ... FROM STDIN (BINARY)."""
    dimension = vectors.shape[1]
    layout = np.dtype(
        [
            ("fields", ">i2"),
            ("key_length", ">i4"),
            ("key", ">i8"),
            ("sha_length", ">i4"),
            ("sha", f"S{_SHA}"),
            *_vector_layout(dimension),
        ]
    )
    rows = np.zeros(len(keys), dtype=layout)
    rows["fields"] = 3
    rows["key_length"], rows["key"] = 8, keys
    rows["sha_length"], rows["sha"] = _SHA, sha256
    rows["vector_length"], rows["dimension"] = 4 + 4 * dimension, dimension
    rows["vector"] = vectors
    return _HEADER + rows.tobytes() + _TRAILER


def unpacked_rows(
    pieces: Iterable[bytes | memoryview], *, dimension: int
) -> tuple[NDArray[np.int64], Vectors]:
    """Read what COPY (key bigint, vector vector) TO STDOUT (BINARY) sends, in any pieces.

    >>> keys, vectors = unpacked_rows([_HEADER + _TRAILER], dimension=3)
    >>> keys.shape, vectors.shape
    ((0,), (0, 3))
    """
    layout = np.dtype(
        [("fields", ">i2"), ("key_length", ">i4"), ("key", ">i8"), *_vector_layout(dimension)]
    )
    keys: list[NDArray[np.int64]] = []
    vectors: list[Vectors] = []
    waiting = bytearray()
    skip = len(_HEADER)

    def read() -> None:
        nonlocal skip
        if len(waiting) < skip:
            return
        count = (len(waiting) - skip) // layout.itemsize
        end = skip + count * layout.itemsize
        rows: NDArray[Any] = np.frombuffer(bytes(waiting[skip:end]), dtype=layout)
        keys.append(rows["key"].astype(np.int64))
        vectors.append(rows["vector"].astype(np.float32))
        del waiting[:end]
        skip = 0

    for piece in pieces:
        waiting += piece
        if len(waiting) >= _AT_ONCE:
            read()
    read()
    empty = np.zeros((0, dimension), np.float32)
    return np.concatenate([np.zeros(0, np.int64), *keys]), np.concatenate([empty, *vectors])


def _vector_layout(dimension: int) -> list[tuple[str, Any]]:
    return [
        ("vector_length", ">i4"),
        ("dimension", ">i2"),
        ("unused", ">i2"),
        ("vector", np.dtype((">f4", (dimension,)))),
    ]
