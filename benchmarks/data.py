"""Made customers and orders, always the same for a scale: skewed as in a shop, set-based."""

from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.framework import Scale

# Some 3 % are prospects; a few buy very often. Money is log-normal. The newest order is of today's
# midnight, so that scoring as of today can use the totals.
CUSTOMERS = """
    insert into customers_customer
        (code, name, email, phone, language, country, registered_at, updated_at)
    select
        'C' || lpad(i::text, 8, '0'),
        'Customer ' || i,
        'c' || i || '@example.org',
        '', 'en',
        (array['United Kingdom', 'Germany', 'France', 'EIRE', 'Spain'])[1 + i %% 5],
        now() - interval '4 years',
        now()
    from generate_series(1, %(customers)s) as i
"""

ORDERS = """
    insert into orders_order
        (source, number, customer_id, ordered_at, kind, status, currency,
         net_amount, gross_amount, channel, updated_at)
    select
        'bench',
        i::text,
        first.id + floor(power(random(), 1.3) * %(customers)s * 0.97)::bigint,
        date_trunc('day', now()) - power(random(), 0.7) * interval '1095 days',
        case when random() < 0.04 then 'return' else 'sale' end,
        case when random() < 0.02 then 'cancelled' else 'paid' end,
        'GBP', made.amount, made.amount, 'web', now()
    from generate_series(%(from)s::bigint, %(to)s::bigint) as i
    cross join (select min(id) as id from customers_customer) as first
    cross join lateral (
        select round(exp(random_normal(3.4, 0.9) + 0 * i)::numeric, 2) as amount
    ) as made
"""

TOTALS = """
    insert into orders_customertotals
        (customer_id, first_order_at, last_order_at, order_count, sales_total, returns_total)
    select
        customer_id,
        min(ordered_at) filter (where kind = 'sale'),
        max(ordered_at) filter (where kind = 'sale'),
        count(*) filter (where kind = 'sale'),
        coalesce(sum(net_amount) filter (where kind = 'sale'), 0),
        coalesce(sum(net_amount) filter (where kind = 'return'), 0)
    from orders_order
    where status in ('paid', 'fulfilled')
    group by customer_id
"""


def ensure(scale: Scale) -> None:
    """Migrate, and make the data unless it is there."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from orders_customertotals")
        if cursor.fetchone()[0]:
            return
    with transaction.atomic():
        _make(scale)
    with connection.cursor() as cursor:
        cursor.execute("vacuum (analyze)")


def _make(scale: Scale) -> None:
    values = {"customers": scale.customers, "from": 1, "to": scale.orders}
    with connection.cursor() as cursor:
        # Without triggers and checks of keys, and with the indexes built afterwards.
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("select setseed(0.42)")
        cursor.execute(CUSTOMERS, values)
        cursor.execute(
            "select indexname, indexdef from pg_indexes where tablename = 'orders_order'"
            " and indexname not in (select conname from pg_constraint)"
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'drop index "{name}"')
        cursor.execute(ORDERS, values)
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute(TOTALS)
