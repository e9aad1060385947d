"""What customers bought, added up by customer and local day: all that predictions are made from."""

from datetime import date

from django.conf import settings
from django.db import connection, transaction

from analytics.scoring.clv_ledger import Ledger
from analytics.selectors.columns import read_columns
from analytics.selectors.segmentation_values import end_of

# Days are those of the session's zone: such a cast does not look the zone up for each row.
_DAYS = """
    select
        customer_id::bigint,
        (ordered_at::date - date '0001-01-01' + 1)::integer,
        (count(*) filter (where kind = 'sale'))::integer,
        (sum(case kind when 'sale' then net_amount else -net_amount end) * 100)::bigint
    from orders_order
    where
        customer_id is not null
        and status in ('paid', 'fulfilled')
        and ordered_at < %s
        and customer_id not in (
            select id from customers_customer where is_test or status <> 'active'
        )
    group by 1, 2
"""


@transaction.atomic
def purchase_days(*, as_of: date) -> Ledger:
    """Return the counted orders of all active customers up to the end of ``as_of``.

    One row per customer and local day; days as ``date.toordinal()``. Test, merged and deleted
    customers are left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('timezone', %s, true), current_setting('timezone')",
            [settings.TIME_ZONE],
        )
        before = cursor.fetchone()[1]
        cursor.execute("set local work_mem = '256MB'")
        rows = read_columns(_DAYS, [end_of(as_of)], ["int8", "int4", "int4", "int8"])
        cursor.execute("set local work_mem to default")
        cursor.execute("select set_config('timezone', %s, true)", [before])
    customer, day, sales, pence = rows
    return Ledger.of(customer, day, sales, pence / 100)
