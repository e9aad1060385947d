"""Compare the kept totals of customers with their orders, and put wrong ones right.

Triggers keep the totals exact. What could still make them wrong (triggers switched off during a
restore, a hand in the database) would spoil every score silently, so the pipeline looks first.
"""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Max
from psycopg import sql

from orders.models import CustomerTotals, Order


@dataclass(frozen=True, slots=True)
class TotalsCheck:
    """How many customers were compared, and how many had wrong totals before."""

    customers: int
    wrong: int
    part: int = 1
    parts: int = 1

    @property
    def words(self) -> str:
        """Return what was found, for people."""
        share = f" (part {self.part} of {self.parts})" if self.parts > 1 else ""
        if not self.wrong:
            return f"The totals of {self.customers:,} customers agree with their orders{share}."
        return (
            f"The totals of {self.wrong:,} of {self.customers:,} customers did not agree with their"
            f" orders{share}; they were computed anew. Something wrote past the triggers."
        )


def check_totals(*, part: int = 1, parts: int = 1) -> TotalsCheck:
    """Compare totals with orders in one statement; compute those anew that differ.

    Args:
        part: which part of the customers, from 1 to ``parts``; parts are ranges of ids, so that
            one of them is read through an index.
        parts: into how many parts all customers are divided.
    """
    low, high = _range(part, parts)
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, {"low": low, "high": high})
        customers, wrong = cursor.fetchone()
    if wrong:
        _repair(sorted(wrong))
    return TotalsCheck(customers=customers, wrong=len(wrong or ()), part=part, parts=parts)


def _range(part: int, parts: int) -> tuple[int, int]:
    """Return the first id of a part, and the first one after it."""
    newest = max(
        Order.objects.aggregate(newest=Max("customer_id"))["newest"] or 0,
        CustomerTotals.objects.aggregate(newest=Max("customer_id"))["newest"] or 0,
    )
    return (part - 1) * (newest + 1) // parts, part * (newest + 1) // parts


# The same sums as in orders/triggers.py, which are the rule.
_SUMS = """
    min(ordered_at) filter (where kind = 'sale') as first_order_at,
    max(ordered_at) filter (where kind = 'sale') as last_order_at,
    count(*) filter (where kind = 'sale') as order_count,
    coalesce(sum(net_amount) filter (where kind = 'sale'), 0) as sales_total,
    coalesce(sum(net_amount) filter (where kind = 'return'), 0) as returns_total
"""

_COMPARE = f"""
    with counted as (
        select customer_id, {_SUMS}
        from orders_order
        where status in ('paid', 'fulfilled') and customer_id >= %(low)s and customer_id < %(high)s
        group by customer_id
    ),
    kept as (
        select * from orders_customertotals
        where customer_id >= %(low)s and customer_id < %(high)s
    )
    select
        count(*),
        array_agg(coalesce(c.customer_id, k.customer_id)) filter (where
            (
                c.first_order_at, c.last_order_at, coalesce(c.order_count, 0),
                coalesce(c.sales_total, 0), coalesce(c.returns_total, 0)
            ) is distinct from (
                k.first_order_at, k.last_order_at, coalesce(k.order_count, 0),
                coalesce(k.sales_total, 0), coalesce(k.returns_total, 0)
            )
        )
    from counted as c
    full join kept as k on k.customer_id = c.customer_id
"""  # noqa: S608 - built from the constants above only


@transaction.atomic
def _repair(customers: list[int]) -> None:
    """Compute totals anew as the triggers do: lock in order first, then read in a new statement."""
    with connection.cursor() as cursor:
        for statement in (_ADD_MISSING, _LOCK, _RECOMPUTE):
            cursor.execute(statement, {"ids": customers})


_ADD_MISSING = """
    insert into orders_customertotals (customer_id)
    select ids.id from unnest(%(ids)s::bigint[]) as ids (id) order by ids.id
    on conflict (customer_id) do nothing
"""

_LOCK = """
    select customer_id from orders_customertotals
    where customer_id = any (%(ids)s) order by customer_id for update
"""

_RECOMPUTE = f"""
    update orders_customertotals as totals
    set (first_order_at, last_order_at, order_count, sales_total, returns_total) = (
        select {_SUMS}
        from orders_order as o
        where o.customer_id = totals.customer_id and o.status in ('paid', 'fulfilled')
    )
    where totals.customer_id = any (%(ids)s)
"""  # noqa: S608 - built from the constants above only


def analyze_orders() -> list[str]:
    """Give the planner fresh statistics of tables that grew a lot since the last ones.

    A first import of half a million lines is scored before autovacuum comes by; plans made for
    empty tables then take minutes. Where the role may not analyze, PostgreSQL only warns.

    Returns the tables.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GROWN, {"tables": list(_TABLES)})
        grown = [name for (name,) in cursor.fetchall()]
        for name in grown:
            cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
    return grown


_TABLES = (
    "customers_customer",
    "orders_product",
    "orders_order",
    "orders_orderitem",
    "orders_customertotals",
)

# Never analyzed, or more than a tenth was written since.
_GROWN = """
    select s.relname
    from pg_stat_user_tables as s
    inner join pg_class as c on c.oid = s.relid
    where s.relname = any (%(tables)s) and s.schemaname = 'public'
        and (c.reltuples < 0 or s.n_mod_since_analyze > 0.1 * c.reltuples + 1000)
    order by s.relname
"""
