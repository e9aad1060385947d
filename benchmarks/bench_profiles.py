"""Profiles of all customers from all order lines, against a column store fed from PostgreSQL.

Ours: ``refresh_profiles``, from rows in PostgreSQL to stored profiles with their key.
Peer: orders and lines are pulled over ADBC, the same figures are computed in DuckDB, and the
profiles pushed over ADBC and given a key. It has no transaction with the lines, no log of changes,
and always does everybody.
"""

from typing import Any

import duckdb
from adbc_driver_postgresql import dbapi
from django.conf import settings
from django.db import connection

from analytics.services.profiles import refresh_profiles
from benchmarks import bench_rfm, data, scratch
from benchmarks.framework import Row, Scale, medians, seconds

DATABASE = "crm_bench_profiles"

# A thousand articles of some thirty families, two thirds with all tastes.
PRODUCTS = """
    insert into orders_product (
        key, label, category, family, grape, sugar_level, price_band, price, aroma_fruity,
        aroma_floral, aroma_spicy, aroma_woody, aroma_mineral, aroma_herbal, aroma_earthy
    )
    select
        'P' || i, 'Article ' || i, '', 'Family ' || i % 31,
        case when i % 3 > 0 then 'Grape ' || i % 17 end,
        case when i % 3 > 0 then (array['dry', 'medium', 'sweet'])[1 + i % 4 % 3] end,
        case when i % 3 > 0 then (array['low', 'middle', 'high'])[1 + i % 5 % 3] end,
        5 + i % 40,
        case when i % 3 > 0 then 1 + i % 5 end, case when i % 3 > 0 then 1 + i / 2 % 5 end,
        case when i % 3 > 0 then 1 + i / 3 % 5 end, case when i % 3 > 0 then 1 + i / 5 % 5 end,
        case when i % 3 > 0 then 1 + i / 7 % 5 end, case when i % 3 > 0 then 1 + i / 11 % 5 end,
        case when i % 3 > 0 then 1 + i / 13 % 5 end
    from generate_series(0, 999) as i
"""

# Three lines for each order; every customer has favourites.
LINES = """
    insert into orders_orderitem (order_id, ordinal, product_id, quantity, unit_price)
    select
        o.id, n, first.id + case
            when random() < 0.5 then (o.customer_id * 7 + n) %% 1000
            else floor(power(random(), 2) * 1000)::bigint
        end,
        1 + (o.id + n) %% 3, 4 + (o.id * n) %% 40
    from orders_order as o
    cross join generate_series(1, 3) as n
    cross join (select min(id) as id from orders_product) as first
    where o.id > %(after)s
"""

PULL_ORDERS = """
    select
        o.id, o.customer_id, o.ordered_at, o.kind = 'sale' as sale, o.channel,
        (o.net_amount * 100)::bigint as pence
    from orders_order as o inner join customers_customer as c on o.customer_id = c.id
    where o.status in ('paid', 'fulfilled') and c.status = 'active' and not c.is_test
"""
PULL_LINES = """
    select order_id, ordinal, product_id, (net_amount * 10000)::bigint as net
    from orders_orderitem
"""
PULL_PRODUCTS = """
    select
        id, key, family, grape, sugar_level, price_band, aroma_fruity::int as fruity,
        aroma_floral::int as floral, aroma_spicy::int as spicy, aroma_woody::int as woody,
        aroma_mineral::int as mineral, aroma_herbal::int as herbal, aroma_earthy::int as earthy
    from orders_product where kind = 'product'
"""
AXES = ("fruity", "floral", "spicy", "woody", "mineral", "herbal", "earthy")

PEER = f"""
    create or replace temp table l as
    select
        o.customer_id, o.id as order_id, o.ordered_at, o.sale, i.ordinal, i.product_id, i.net,
        p.* exclude (id)
    from o join i on i.order_id = o.id join p on p.id = i.product_id;

    create or replace temp table bought as
    select customer_id, product_id, sum(case when sale then net else -net end)::bigint as revenue
    from l group by all;

    create or replace temp table lists as
    with worth as (
        select customer_id, attribute, value, sum(revenue) as revenue
        from (
            unpivot (select customer_id, revenue, key, family, grape, sugar_level, price_band
                     from bought join p on p.id = product_id)
            on key, family, grape, sugar_level, price_band into name attribute value value
        ) where value <> '' group by all
        union all
        select customer_id, 'channel', channel, sum(case when sale then pence else -pence end) * 100
        from o where channel <> '' group by all
    ),
    ranked as (
        select
            *,
            row_number() over (partition by customer_id, attribute order by revenue desc, value)
                as place,
            revenue / sum(revenue) over (partition by customer_id, attribute) as share
        from worth where revenue > 0
    ),
    listed as (
        select
            customer_id, attribute,
            to_json(list({{value: value, share: round(share, 4), revenue: revenue / 10000}}
                order by place)) as items
        from ranked where place <= 5 group by all
    )
    pivot listed on attribute using any_value(items) group by customer_id;

    create or replace temp table tastes as
    with per_order as (
        select l.customer_id, l.order_id, {
    ", ".join(
        f"sum(net * {axis}) / sum(net) filter (where {axis} is not null) as {axis},"
        f" sum(net) filter (where {axis} is not null) as w_{axis}"
        for axis in AXES
    )
}
        from l join bought using (customer_id, product_id)
        where sale and net > 0 and revenue > 0 group by all
    ),
    ages as (
        select id as order_id, pow(0.9, row_number() over (
            partition by customer_id order by ordered_at desc, id desc) - 1) as d
        from o where sale
    )
    select customer_id, {
    ", ".join(
        f"sum(d * w_{axis} * {axis}) / sum(d * w_{axis}) as {axis}, stddev_pop({axis}) as s_{axis},"
        f" count({axis}) as n_{axis}"
        for axis in AXES
    )
}
    from per_order join ages using (order_id) group by customer_id;

    create or replace temp table profiles as
    select
        b.*, g.gap, e.* exclude (customer_id), t.* exclude (customer_id), li.* exclude (customer_id)
    from (
        select
            customer_id, count(*) filter (where sale) as orders,
            sum(pence) filter (where sale) as sold, sum(pence) filter (where not sale) as returned,
            mode(hour(ordered_at)) filter (where sale) as hour,
            mode(isodow(ordered_at)) filter (where sale) as weekday,
            mode(month(ordered_at) % 12 // 3) filter (where sale) as season
        from o group by customer_id having orders > 0
    ) as b
    left join (
        select customer_id, median(gap) as gap from (
            select customer_id, day - lag(day) over (partition by customer_id order by day) as gap
            from (select distinct customer_id, ordered_at::date as day from o where sale)
        ) where gap is not null group by customer_id
    ) as g using (customer_id)
    left join (
        select
            customer_id,
            arg_min(product_id, (ordered_at, order_id, -net, ordinal)) as first_product,
            arg_max(product_id, (ordered_at, order_id, net, -ordinal)) as last_product
        from l where sale group by customer_id
    ) as e using (customer_id)
    left join tastes as t using (customer_id)
    left join lists as li using (customer_id)
"""


def run(scale: Scale) -> list[Row]:
    """Measure the full rebuild, the refresh after 1 % new orders, and reads meanwhile."""
    with scratch.database(DATABASE):
        _make(scale)
        lines = 3 * scale.orders
        first = seconds(lambda: refresh_profiles(full=True))
        with bench_rfm._reader() as slowest:
            ours, peer = medians(
                max(1, scale.rounds // 3), lambda: refresh_profiles(full=True), _peer
            )
            read = slowest()
        done = f"{scale.customers:,} customers / {lines:,} lines"
        return [
            Row(
                f"profiles of {done}, everybody anew", ours, peer=peer,
                note=f"into an empty table {first:.1f} s; slowest read meanwhile {read} ms",
            ),
            _after_new_orders(scale, ours, peer),
        ]  # fmt: skip


def _after_new_orders(scale: Scale, full: float, peer: float) -> Row:
    values = {
        "customers": scale.customers,
        "from": scale.orders + 1,
        "to": scale.orders + scale.orders // 100,
    }
    with connection.cursor() as cursor:
        cursor.execute("select max(id) from orders_order")
        after = {"after": cursor.fetchone()[0]}
        added = seconds(lambda: cursor.execute(data.ORDERS, values))
        added += seconds(lambda: cursor.execute(LINES, after))
    found: dict[str, Any] = {}
    ours = seconds(lambda: found.update(result=refresh_profiles()))
    result = found["result"]
    note = f"{result.customers:,} customers looked at; adding the orders took {added:.1f} s"
    return Row("profiles after 1 % new orders (limit: everybody anew)", ours,
               peer=peer, limit=full, at_most_limit=0.5, note=note)  # fmt: skip


def _make(scale: Scale) -> None:
    values = {"customers": scale.customers, "from": 1, "to": scale.orders}
    with connection.cursor() as cursor:
        # Without triggers and checks of keys: the first refresh is of everybody anyway.
        cursor.execute("set session_replication_role = replica")
        cursor.execute("select setseed(0.42)")
        cursor.execute(data.CUSTOMERS, values)
        cursor.execute(data.ORDERS, values)
        cursor.execute(data.TOTALS)
        cursor.execute(PRODUCTS)
        cursor.execute(LINES, {"after": 0})
        cursor.execute("set session_replication_role = origin")
        cursor.execute("vacuum (analyze)")


def _peer() -> None:
    duck = duckdb.connect()
    duck.execute(f"set timezone = '{settings.TIME_ZONE}'")
    pulls = {"o": PULL_ORDERS, "i": PULL_LINES, "p": PULL_PRODUCTS}
    with dbapi.connect(bench_rfm._uri()) as postgres, postgres.cursor() as cursor:
        for name, sql in pulls.items():
            cursor.execute(sql)
            rows = cursor.fetch_record_batch()  # noqa: F841 - DuckDB reads it by its name
            duck.execute(f"create table {name} as from rows")
        duck.execute(PEER)
        profiles = duck.sql("from profiles").to_arrow_table()
        cursor.execute("drop table if exists bench_profiles")
        cursor.adbc_ingest("bench_profiles", profiles, mode="create")
        cursor.execute("alter table bench_profiles add primary key (customer_id)")
        postgres.commit()
    duck.close()
