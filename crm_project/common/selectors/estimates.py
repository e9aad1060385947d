"""How many rows a table has, without counting them."""

from django.core.cache import cache
from django.db import connection

_KEPT_SECONDS = 60
# A partitioned table has no estimate of its own that anything keeps up to date: its leaves have.
_ESTIMATE = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
FROM pg_class AS c
WHERE c.relkind <> 'p' AND c.oid IN (
    SELECT to_regclass(%(table)s)::oid
    UNION ALL
    SELECT relid::oid FROM pg_partition_tree(to_regclass(%(table)s))
)
"""


def estimated_rows(table: str) -> int:
    """Return the planner's estimate of a table's rows, partitions included (0: never analysed).

    The estimate is kept for a minute: lists ask for it on every page.
    """
    key = f"estimated_rows:{table}"
    known: int | None = cache.get(key)
    if known is not None:
        return known
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, {"table": table})
        rows = int(cursor.fetchone()[0])
    cache.set(key, rows, _KEPT_SECONDS)
    return rows
