"""Read the columns of a query as arrays: a million rows in well under a second."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from django.db import connection

Type = Literal["int8", "int4", "int2", "float8"]

_TYPES: dict[Type, str] = {"int8": ">i8", "int4": ">i4", "int2": ">i2", "float8": ">f8"}
_HEADER, _TRAILER = 19, 2
"""Bytes before the first row and after the last one of a binary copy without options."""


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
    with connection.cursor() as cursor:
        statement = f"copy ({sql}) to stdout (format binary)"
        with cursor.copy(statement, params or None) as copy:
            data = b"".join(bytes(part) for part in copy)
    rows = np.frombuffer(data[_HEADER:-_TRAILER], dtype=np.dtype(fields))
    return tuple(rows[f"value{place}"].astype(_TYPES[name][1:]) for place, name in enumerate(types))
