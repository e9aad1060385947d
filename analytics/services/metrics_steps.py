"""The steps of a run of predictions that touch the database."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import connection

from analytics.models import MetricsRun
from analytics.scoring.clv_histories import FloatArray
from analytics.scoring.clv_predict import BANDS, FLAGS, Predictions

_LOCK = 7_264_003
"""The advisory lock of predictions; any number that nothing else uses."""

_COLUMNS = (
    ("customer_id", ">i8"),
    ("pence", ">i8"),
    ("churn", ">f8"),
    ("chance_30d", ">f8"),
    ("chance_90d", ">f8"),
    ("orders_90d", ">f8"),
    ("ltv", ">f8"),
    ("order_value", ">f8"),
    ("money_90d", ">f8"),
    ("band", ">i4"),
    ("flag", ">i4"),
)
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_DIGITS = 6
"""Decimals that are kept of a number: more would be noise of the machine."""


def lock() -> bool:
    """Take the lock of predictions until the transaction ends; False: another run has it."""
    return bool(_one("select pg_try_advisory_xact_lock(%s)", [_LOCK])[0])


def write(run: MetricsRun, found: Predictions) -> int:
    """Write the numbers into the table of the run and make it readable. Returns its rows."""
    table = _one("select crm_private.metrics_open(%s)", [run.pk])[0]
    data = _rows(found)
    with (
        connection.cursor() as cursor,
        # The name is our function's own answer, never a user's text.
        cursor.copy(f"copy public.{table} from stdin (format binary)") as copy,
    ):
        copy.write(_HEAD + data + _END)
    fill = "select crm_private.metrics_fill(%s, %s, %s::text[], %s::text[])"
    rows = _one(fill, [run.pk, run.model, list(BANDS), list(FLAGS)])[0]
    _one("select crm_private.metrics_attach(%s)", [run.pk])
    return int(rows)


def drop(run: MetricsRun) -> bool:
    """Remove the rows of an old run; False if readers were in the way."""
    return bool(_one("select crm_private.metrics_drop(%s)", [run.pk])[0])


def left_out() -> int:
    """Return how many customers no run looks at."""
    sql = "select count(*) from customers_customer where is_test or status <> 'active'"
    return int(_one(sql)[0])


def historic_pence(found: Predictions) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return sales less returns of each customer so far."""
    return np.rint(found.then.money * 100).astype(np.int64)


def _rows(found: Predictions) -> bytes:
    """Return the body of a binary copy: per row a count, and per value its length before it."""
    numbers = found.numbers
    values: Sequence[Any] = [
        found.then.customers,
        historic_pence(found),
        *(rounded(getattr(numbers, name)) for name, kind in _COLUMNS if kind == ">f8"),
        numbers.band,
        numbers.flag,
    ]
    layout = [("columns", ">i2")]
    for name, kind in _COLUMNS:
        layout += [(f"length_{name}", ">i4"), (name, kind)]
    rows = np.zeros(len(found.then), dtype=layout)
    rows["columns"] = len(_COLUMNS)
    for (name, kind), value in zip(_COLUMNS, values, strict=True):
        rows[f"length_{name}"] = int(kind[-1])
        rows[name] = value
    return rows.tobytes()


def rounded(values: FloatArray) -> FloatArray:
    """Return the values as they are stored: the same on every machine and in every run."""
    return np.round(values, _DIGITS)


def _one(sql: str, params: list[Any] | None = None) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or [])
        row: tuple[Any, ...] = cursor.fetchone()
    return row
