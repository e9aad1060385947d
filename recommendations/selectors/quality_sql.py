"""The statements of the data-quality rules. Every one returns code, count, total and samples.

They are put together from the constants of this module only; values are parameters.
"""

# ruff: noqa: S608 - see above

COUNTED = "status in ('paid', 'fulfilled')"

# code: (which rows are looked at, which of these are hits)
_PEOPLE = {
    "MISSING_EMAIL": ("true", "mail is null"),
    "DUPLICATE_EMAIL": ("mail is not null", "shared"),
    "NO_PURCHASE_DATA": ("true", "days is null"),
    "INCOMPLETE_RFM": ("days is not null", "not scored"),
    "CHURN_WARNING": ("days is not null", "days > 180 and days <= 365"),
    "PURCHASE_INACTIVE": ("days is not null", "days > 365"),
}
_ORDERS = {
    "UNKNOWN_CLIENT": ("not late and kind = 'sale'", "customer_id is null"),
    "CURRENCY_MIX": ("not late", "currency <> usual"),
    "FUTURE_DATE": ("true", "late"),
}
_LINES = {
    "INVALID_SALE_VALUE": ("true", "net_amount < 0 or (net_amount = 0 and price > 0)"),
    "UNREALISTIC_PRICE": (
        "price > 0 and unit_price > 0",
        "unit_price > 10 * price or 10 * unit_price < price",
    ),
}
_PRODUCTS = {
    "MISSING_FAMILY": ("is_active", "family = ''"),
    "NEGATIVE_MARGIN": ("price is not null and unit_cost is not null", "unit_cost > price"),
}

# A customer whose only orders come after the day was not yet known to be one.
_PEOPLE_ROWS = f"""
    with bought as (
        select
            customer_id,
            max(ordered_at) filter (where ordered_at < %(end)s and kind = 'sale' and {COUNTED})
                as last_at,
            min(ordered_at) as first_at
        from orders_order
        where customer_id is not null
        group by customer_id
    ),
    active as (
        select
            c.id, c.code as name, c.email_normalized as mail,
            %(day)s::date - (b.last_at at time zone %(zone)s)::date as days
        from customers_customer as c
        left join bought as b on b.customer_id = c.id
        where
            c.status = 'active' and not c.is_test
            and (c.registered_at is null or c.registered_at < %(end)s)
            and (b.first_at is null or b.first_at < %(end)s)
    ),
    shared as (
        select mail from active where mail is not null group by mail having count(*) > 1
    ),
    looked as materialized (
        select
            a.*, s.mail is not null as shared, r.customer_id is not null as scored
        from active as a
        left join shared as s on s.mail = a.mail
        left join analytics_rfmscore as r on r.customer_id = a.id and r.run_id = %(rfm)s
    )
"""

_ORDERS_ROWS = f"""
    with present as (
        select * from orders_order
        where ordered_at >= %(since)s and ordered_at < %(end)s and {COUNTED}
    ),
    usual as (
        select currency from present group by currency order by count(*) desc, currency limit 1
    ),
    looked as materialized (
        select
            id, source || ' ' || number as name, kind, customer_id, currency,
            (select currency from usual) as usual, false as late
        from present
        union all
        select id, source || ' ' || number, kind, customer_id, currency, '', true
        from orders_order
        where ordered_at > %(now)s and ordered_at >= %(end)s and {COUNTED}
    )
"""

_LINES_ROWS = f"""
    with looked as (
        select
            i.id, o.source || ' ' || o.number || ', line ' || i.ordinal as name,
            i.net_amount, i.unit_price, p.price
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        join orders_product as p on p.id = i.product_id and p.kind = 'product'
        where
            o.ordered_at >= %(since)s and o.ordered_at < %(end)s
            and o.kind = 'sale' and o.{COUNTED}
    )
"""

_PRODUCTS_ROWS = """
    with looked as (
        select id, key as name, family, price, unit_cost, is_active
        from orders_product where kind = 'product'
    )
"""


def people() -> str:
    """Rules about customers."""
    return _together(_PEOPLE_ROWS, _PEOPLE)


def orders() -> str:
    """Rules about orders."""
    return _together(_ORDERS_ROWS, _ORDERS)


def lines() -> str:
    """Rules about single lines of sales."""
    return _together(_LINES_ROWS, _LINES)


def products() -> str:
    """Rules about the catalogue."""
    return _together(_PRODUCTS_ROWS, _PRODUCTS)


def _together(rows: str, rules: dict[str, tuple[str, str]]) -> str:
    """Count all rules over the same rows in one pass; take samples of each.

    The samples are those that come first, not the smallest: a heap of ten needs no sort of all.
    """
    counts = ", ".join(
        f"count(*) filter (where {of} and ({hit})) as hits_{place},"
        f" count(*) filter (where {of}) as total_{place}"
        for place, (of, hit) in enumerate(rules.values())
    )
    parts = " union all ".join(
        f"select '{code}', hits_{place}, total_{place}, case when hits_{place} > 0 then array("
        f"select name from looked where {of} and ({hit}) order by id limit 10) end from sums"
        for place, (code, (of, hit)) in enumerate(rules.items())
    )
    return f"{rows}, sums as (select {counts} from looked) {parts}"


DUPLICATE_LINES = f"""
    with alike as (
        select i.order_id, i.product_id, count(*) as times
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        where o.ordered_at >= %(since)s and o.ordered_at < %(end)s and o.{COUNTED}
        group by i.order_id, i.product_id, i.quantity, i.unit_price, i.discount_amount
    ),
    few as (select distinct order_id from alike where times > 1 order by order_id limit 10)
    select
        'DUPLICATE_ORDER_LINE', (select sum(times - 1) from alike), (select sum(times) from alike),
        array(
            select o.source || ' ' || o.number
            from few join orders_order as o on o.id = few.order_id
            order by o.id
        )
"""

RETURNS = f"""
    with back as materialized (
        select o.id, o.customer_id, o.ordered_at, o.source || ' ' || o.number as name, i.product_id
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        join orders_product as p on p.id = i.product_id and p.kind = 'product'
        where
            o.ordered_at >= %(since)s and o.ordered_at < %(end)s
            and o.kind = 'return' and o.{COUNTED} and o.customer_id is not null
    ),
    first_bought as (
        select o.customer_id, i.product_id, min(o.ordered_at) as at
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        where
            o.kind = 'sale' and o.{COUNTED} and o.ordered_at < %(end)s
            and o.customer_id in (select customer_id from back)
        group by o.customer_id, i.product_id
    ),
    lost as materialized (
        select back.* from back
        left join first_bought as f
            on f.customer_id = back.customer_id and f.product_id = back.product_id
        where f.at is null or f.at > back.ordered_at
    )
    select
        'RETURN_WITHOUT_SALE', (select count(*) from lost), (select count(*) from back),
        array(select name from lost group by id, name order by id limit 10)
"""

RECENT_DUPLICATES = f"""
    with bought as (
        select o.customer_id, i.product_id, count(distinct o.id) as times
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        join orders_product as p on p.id = i.product_id and p.kind = 'product'
        where
            o.ordered_at >= %(month)s and o.ordered_at < %(end)s
            and o.kind = 'sale' and o.{COUNTED} and o.customer_id is not null
        group by o.customer_id, i.product_id
    ),
    by_customer as materialized (
        select customer_id, max(times) > 1 as hit from bought group by customer_id
    )
    select
        'RECENT_DUPLICATE', (select count(*) from by_customer where hit),
        (select count(*) from by_customer),
        array(
            select c.code from by_customer as b join customers_customer as c on c.id = b.customer_id
            where b.hit order by c.id limit 10
        )
"""

DIVERSITY = f"""
    with spent as (
        select o.customer_id, p.family, sum(i.net_amount) as money, array_agg(distinct o.id) as ids
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        join orders_product as p on p.id = i.product_id and p.kind = 'product' and p.family <> ''
        where
            o.ordered_at >= %(since)s and o.ordered_at < %(end)s
            and o.kind = 'sale' and o.{COUNTED}
            and o.customer_id in (
                select customer_id from orders_order
                where
                    ordered_at >= %(since)s and ordered_at < %(end)s and kind = 'sale'
                    and {COUNTED} and customer_id is not null
                group by customer_id having count(*) >= 3
            )
        group by o.customer_id, p.family
    ),
    by_customer as materialized (
        select customer_id, max(money) > 0.7 * sum(money) as hit from spent
        group by customer_id having sum(money) > 0
    )
    select
        'LOW_DIVERSITY', (select count(*) from by_customer where hit),
        (select count(*) from by_customer),
        array(
            select c.code from by_customer as b join customers_customer as c on c.id = b.customer_id
            where b.hit order by c.id limit 10
        )
"""

# The usual rhythm: of the pauses between days with orders, all but one in twenty are this short.
STALE = f"""
    with days as (
        select distinct (ordered_at at time zone %(zone)s)::date as day
        from orders_order
        where ordered_at >= %(half_year)s and ordered_at < %(end)s and {COUNTED}
    ),
    newest as (
        select max(ordered_at) as at from orders_order where ordered_at < %(end)s and {COUNTED}
    ),
    pauses as (select day - lag(day) over (order by day) as pause from days),
    rhythm as (
        select coalesce(percentile_disc(0.95) within group (order by pause), 1) as usual
        from pauses where pause is not null
    )
    select
        'STALE_DATA',
        (%(day)s::date - (newest.at at time zone %(zone)s)::date > 3 + rhythm.usual)::integer,
        (newest.at is not null)::integer,
        array[(newest.at at time zone %(zone)s)::date::text]
    from newest, rhythm
"""


def refused(suggestions: str) -> str:
    """Rules about lines that imports could not take.

    Labels that people have assigned to a product since are known now, and no longer counted.
    """
    return f"""
    with taken as (
        select sum(lines - refused) as lines from customers_importbatch
        where kind = 'orders' and status = 'committed'
    ),
    zero as (
        select count(*) as hits
        from customers_refusedrow as r
        join customers_importbatch as b on b.id = r.batch_id
        where b.kind = 'orders' and b.status = 'committed' and r.code = any(%(zero)s)
    ),
    unknown as (
        select sum(seen) as hits from {suggestions} where origin = 'import' and status <> 'accepted'
    )
    select 'ZERO_QUANTITY', zero.hits, coalesce(taken.lines, 0) + zero.hits, null::text[]
    from taken, zero
    union all
    select
        'UNKNOWN_PRODUCT', unknown.hits, coalesce(taken.lines, 0) + coalesce(unknown.hits, 0),
        array(
            select left(label, 60) from {suggestions}
            where origin = 'import' and status <> 'accepted' and seen > 0
            order by seen desc, label limit 10
        )
    from taken, unknown
    """
