"""Read the columns of a query as arrays: a million rows in well under a second."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from django.db import connection

Type = Literal["int8", "int4", "int2", "float8", "float4"]

_TYPES: dict[Type, str] = {
    "int8": ">i8",
    "int4": ">i4",
    "int2": ">i2",
    "float8": ">f8",
    "float4": ">f4",
}
_HEADER, _TRAILER = 19, 2
"""Bytes before the first row and after the last one of a binary copy without options."""

_BLOCK = 1 << 24
"""Bytes that are decoded at once: a row on the wire is twice as long as its values."""


def read_columns(
    sql: str, params: Sequence[Any], types: Sequence[Type]
) -> tuple[npt.NDArray[Any], ...]:
    """Return one array per column of ``sql``.

    Args:
        sql: a query whose columns have exactly these types and are never null.
        params: its parameters.
        types: PostgreSQL's short names of the types.
    """
    # Every row of a binary copy is: columns (2 bytes), then for each its length (4) and value.
    fields = [("columns", ">i2")]
    for place, name in enumerate(types):
        fields += [(f"length{place}", ">i4"), (f"value{place}", _TYPES[name])]
    row = np.dtype(fields)
    with connection.cursor() as cursor:
        statement = f"copy ({sql}) to stdout (format binary)"
        with cursor.copy(statement, params or None) as copy:
            blocks = [
                [
                    block[f"value{place}"].astype(_TYPES[name][1:])
                    for place, name in enumerate(types)
                ]
                for block in (np.frombuffer(part, row) for part in _blocks(copy, row.itemsize))
            ]
    return tuple(np.concatenate(columns) for columns in zip(*blocks, strict=True))


def _blocks(parts: Iterable[Any], size: int) -> Iterator[bytes]:
    """Yield the rows of a binary copy, many at a time, and at last what is left (or nothing)."""
    kept, skip = bytearray(), _HEADER
    for part in parts:
        kept += part
        if len(kept) < _BLOCK:
            continue
        # The end of the stream is no row, and it may have arrived.
        whole = skip + (len(kept) - skip - _TRAILER) // size * size
        yield bytes(kept[skip:whole])
        del kept[:whole]
        skip = 0
    yield bytes(kept[skip : len(kept) - _TRAILER])
