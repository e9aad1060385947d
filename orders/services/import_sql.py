"""The statements of the orders import, in the order in which they run.

All work on the batch's temporary tables. Those up to ``MADE`` only read real tables and count what
would happen; those from ``NEW_CUSTOMERS`` on write it. Locks are taken in one order by all writers:
customers by code, products by key, orders by id, totals by customer.
"""

TABLES = {
    "import_run": """
        run int not null, source text not null, number text not null, lines int not null,
        accepted boolean not null, first_line bigint not null, ordered_at timestamptz,
        customer text not null, currency text not null, kind text not null,
        status text not null, channel text not null, customer_name text not null,
        customer_email text not null, country text not null,
        net numeric not null, tax numeric not null""",
    "import_line": """
        run int not null, seq int not null, line bigint not null, product text not null,
        quantity numeric not null, unit_price numeric not null, discount numeric, tax numeric""",
    "import_label": "product text not null, label text not null, charge boolean not null, n bigint",
}

# Who the customers are: by code, else by an old code. What is said of them is taken from their
# newest order in the file that says it.
CUSTOMERS = """
create temp table import_customer on commit drop as
select r.code, coalesce(c.id, a.customer_id) as customer_id, r.name, r.email, r.country
from (
    select
        customer as code,
        coalesce((array_agg(customer_name order by ordered_at desc, run desc)
            filter (where customer_name <> ''))[1], '') as name,
        coalesce((array_agg(customer_email order by ordered_at desc, run desc)
            filter (where customer_email <> ''))[1], '') as email,
        coalesce((array_agg(country order by ordered_at desc, run desc)
            filter (where country <> ''))[1], '') as country
    from import_run
    where accepted and customer <> ''
    group by customer
) as r
left join customers_customer as c on c.code = r.code
left join customers_customeralias as a on a.code = r.code
"""

# The label of a product is its most frequent one in the file; of equally frequent ones the first
# in the alphabet (by code point, so that no server's collation matters).
PRODUCTS = """
create temp table import_product on commit drop as
select distinct on (l.product)
    l.product as key, l.label, l.charge, l.lines,
    coalesce(p.id, a.product_id, l.by_label) as product_id
from (
    select
        g.*, sum(g.n) over (partition by g.product) as lines,
        first_value(b.product_id) over (
            partition by g.product
            order by b.product_id is null, g.n desc, g.label collate "C"
        ) as by_label
    from (
        select product, label, bool_or(charge) as charge, sum(n) as n
        from import_label group by product, label
    ) as g
    left join orders_productalias as b
        on g.label <> '' and b.normalized_label = lower(trim(g.label))
) as l
left join orders_product as p on p.key = l.product
left join orders_productalias as a on a.normalized_label = lower(trim(l.product))
order by l.product, l.label = '', l.n desc, l.label collate "C"
"""

# One row per order of the file. Lines that contradict each other about their order refuse it.
ORDERS = """
create temp table import_order on commit drop as
select
    f.*, o.id as order_id,
    case
        when f.people > 1 then 'two_customers'
        when f.kinds > 1 then 'two_kinds'
        when f.currencies > 1 then 'two_currencies'
        when f.statuses > 1 then 'two_statuses'
        when f.net + f.tax >= 999999999999.995 then 'amount_too_large'
    end as conflict,
    o.id is not null and (
        (o.ordered_at, o.kind) is distinct from (f.ordered_at, f.kind)
        or (f.customer <> '' and o.customer_id is distinct from f.customer_id)
        or (f.currency <> '' and o.currency <> f.currency)
        or (f.status <> '' and o.status <> f.status)
        or (f.channel <> '' and o.channel <> f.channel)
    ) as differs
from (
    select
        row_number() over (order by min(r.first_line)) as position,
        r.source, r.number, min(r.ordered_at) as ordered_at,
        max(r.customer) as customer, max(c.customer_id) as customer_id,
        max(r.kind) as kind, max(r.currency) as currency, max(r.status) as status,
        max(r.channel) as channel, sum(r.lines - r.missing) as lines,
        sum(r.net) as net, sum(r.tax) as tax,
        count(distinct coalesce(c.customer_id::text, 'new ' || nullif(r.customer, ''))) as people,
        count(distinct r.kind) as kinds, count(distinct nullif(r.currency, '')) as currencies,
        count(distinct nullif(r.status, '')) as statuses
    from import_run as r
    left join import_customer as c on c.code = r.customer
    where r.accepted
    group by r.source, r.number
) as f
left join orders_order as o on o.source = f.source and o.number = f.number
"""

# Where the lines of each accepted run stand in their order: after those of the runs before it,
# refused ones included.
PLACES = """
create temp table import_place on commit drop as
select run, position, before
from (
    select
        r.run, o.position, r.accepted,
        coalesce(sum(r.lines) over (
            partition by r.source, r.number order by r.run
            rows between unbounded preceding and 1 preceding
        ), 0) as before
    from import_run as r
    left join import_order as o on o.source = r.source and o.number = r.number
) as placed
where accepted
"""

CONFLICT_WORDS = {
    "unknown_product": "No product has this article number or label (see label suggestions).",
    "two_customers": "The lines of this order name different customers.",
    "two_kinds": "Some lines of this order are a sale, others a return.",
    "two_currencies": "The lines of this order name different currencies.",
    "two_statuses": "The lines of this order name different states.",
    "amount_too_large": "The order's amount is above 999,999,999,999.99.",
}
CONFLICTS = """
insert into import_refused (line, code)
select l.line, o.conflict
from import_order as o
join import_place as p on p.position = o.position
join import_line as l on l.run = p.run
where o.conflict is not null
"""

# Lines of orders that exist: only those that would be written.
TOUCHED = """
create temp table import_touched on commit drop as
select
    o.position, o.order_id, i.id as item_id, p.before + l.seq as ordinal, l.product,
    l.quantity, l.unit_price, coalesce(l.discount, i.discount_amount, 0) as discount,
    coalesce(l.tax, i.tax_amount, 0) as tax
from import_order as o
join import_place as p on p.position = o.position
join import_line as l on l.run = p.run
left join orders_orderitem as i on i.order_id = o.order_id and i.ordinal = p.before + l.seq
left join import_product as x on x.key = l.product
where
    o.order_id is not null and o.conflict is null
    and (
        i.id is null or o.differs or i.product_id is distinct from x.product_id
        or i.quantity <> l.quantity or i.unit_price <> l.unit_price
        or i.discount_amount <> coalesce(l.discount, i.discount_amount)
        or i.tax_amount <> coalesce(l.tax, i.tax_amount)
    )
"""

COUNTS = """
select
    coalesce(sum(lines) filter (where order_id is null and conflict is null), 0),
    coalesce(sum(lines) filter (where order_id is not null and conflict is null), 0),
    (select count(*) from import_touched where item_id is null),
    (select count(*) from import_touched where item_id is not null),
    count(*) filter (where order_id is null and conflict is null),
    count(*) filter (where conflict is null and kind = 'sale'),
    count(*) filter (where conflict is null and kind = 'return'),
    coalesce(sum(net) filter (where conflict is null and kind = 'sale'), 0),
    coalesce(sum(net) filter (where conflict is null and kind = 'return'), 0),
    count(distinct customer) filter (where conflict is null and kind = 'sale' and customer <> ''),
    coalesce(sum(lines) filter (where conflict is null and kind = 'sale'), 0)
from import_order
"""

# What the mode lets through. ``write_items`` of touched lines: new ones and changed ones.
MODE = """
create temp table import_new on commit drop as
select position, 0::bigint as order_id from import_order
where order_id is null and conflict is null and %(create)s
order by position
"""
TOUCHED_MODE = """
delete from import_touched
where (item_id is null and not %(create)s) or (item_id is not null and not %(update)s)
"""
USED_CUSTOMERS = """
create temp table import_used_customer on commit drop as
select c.code from import_customer as c
where exists (
    select from import_order as o left join import_new as n on n.position = o.position
    where o.customer = c.code and o.conflict is null
        and (n.position is not null or (o.order_id is not null and o.differs and %(update)s))
)
"""
USED_PRODUCTS = """
create temp table import_used_product on commit drop as
select l.product as key
from import_line as l
join import_place as p on p.run = l.run
join import_new as n on n.position = p.position
where exists (select from import_product where product_id is null)
union
select t.product from import_touched as t
"""
MADE = """
select
    (select count(*) from import_customer as c join import_used_customer as u on u.code = c.code
     where c.customer_id is null),
    (select count(*) from import_product as p join import_used_product as u on u.key = p.key
     where p.product_id is null),
    (select count(distinct order_id) from import_touched)
"""

NEW_CUSTOMERS = """
insert into customers_customer
    (code, name, email, phone, language, country, status, is_test, is_bounced, is_optout, profile)
select c.code, c.name, c.email, '', '', c.country, 'active', false, false, false, '{}'
from import_customer as c
join import_used_customer as u on u.code = c.code
where c.customer_id is null
order by c.code
on conflict (code) do nothing
"""
FILL_CUSTOMERS = """
with locked as (
    select k.id, c.name, c.email, c.country
    from import_customer as c
    join import_used_customer as u on u.code = c.code
    join customers_customer as k on k.id = c.customer_id
    where (k.name = '' and c.name <> '') or (k.email = '' and c.email <> '')
        or (k.country = '' and c.country <> '')
    order by k.code
    for update of k
)
update customers_customer as k
set
    name = coalesce(nullif(k.name, ''), l.name),
    email = coalesce(nullif(k.email, ''), l.email),
    country = coalesce(nullif(k.country, ''), l.country),
    updated_at = now()
from locked as l
where l.id = k.id
"""
FIND_CUSTOMERS = """
update import_customer as c set customer_id = k.id
from customers_customer as k where c.customer_id is null and k.code = c.code
"""
NEW_PRODUCTS = """
insert into orders_product (key, label, kind, category, family)
select
    p.key, coalesce(nullif(p.label, ''), p.key),
    case when p.charge then 'charge' else 'product' end, '', ''
from import_product as p
join import_used_product as u on u.key = p.key
where p.product_id is null
order by p.key
on conflict (key) do nothing
"""
FIND_PRODUCTS = """
update import_product as p set product_id = k.id
from orders_product as k where p.product_id is null and k.key = p.key
"""
NUMBER_ORDERS = """
update import_new as n set order_id = i.id
from (
    select position, nextval(pg_get_serial_sequence('orders_order', 'id')) as id
    from (select position from import_new order by position) as o
) as i
where i.position = n.position
"""
# One statement, so that the trigger adds to each customer's totals once, in customer order.
NEW_ORDERS = """
insert into orders_order (
    id, source, number, customer_id, ordered_at, kind, status, currency,
    net_amount, gross_amount, channel, batch_id
)
select
    n.order_id, o.source, o.number, c.customer_id, o.ordered_at, o.kind,
    coalesce(nullif(o.status, ''), 'paid'), coalesce(nullif(o.currency, ''), %(currency)s),
    round(o.net, 2), round(o.net + o.tax, 2), o.channel, %(batch)s
from import_new as n
join import_order as o on o.position = n.position
left join import_customer as c on c.code = o.customer
order by n.order_id
"""
NEW_ITEMS = """
insert into orders_orderitem
    (order_id, ordinal, product_id, quantity, unit_price, discount_amount, tax_amount)
select
    n.order_id, p.before + l.seq, x.product_id, l.quantity, l.unit_price,
    coalesce(l.discount, 0), coalesce(l.tax, 0)
from import_line as l
join import_place as p on p.run = l.run
join import_new as n on n.position = p.position
join import_product as x on x.key = l.product
where l.line >= %(first)s and l.line < %(last)s
"""
LOCK_ORDERS = """
select id from orders_order
where id in (select order_id from import_touched) order by id for update
"""
CHANGE_ITEMS = """
update orders_orderitem as i
set
    product_id = x.product_id, quantity = t.quantity, unit_price = t.unit_price,
    discount_amount = t.discount, tax_amount = t.tax
from import_touched as t
join import_product as x on x.key = t.product
where i.id = t.item_id
    and (i.product_id, i.quantity, i.unit_price, i.discount_amount, i.tax_amount)
        is distinct from (x.product_id, t.quantity, t.unit_price, t.discount, t.tax)
"""
ADD_ITEMS = """
insert into orders_orderitem
    (order_id, ordinal, product_id, quantity, unit_price, discount_amount, tax_amount)
select t.order_id, t.ordinal, x.product_id, t.quantity, t.unit_price, t.discount, t.tax
from import_touched as t
join import_product as x on x.key = t.product
where t.item_id is null
order by t.order_id, t.ordinal
"""
CHANGE_ORDERS = """
update orders_order as k
set
    ordered_at = case when %(update)s then o.ordered_at else k.ordered_at end,
    kind = case when %(update)s then o.kind else k.kind end,
    customer_id = case when %(update)s then coalesce(c.customer_id, k.customer_id)
        else k.customer_id end,
    currency = case when %(update)s then coalesce(nullif(o.currency, ''), k.currency)
        else k.currency end,
    status = case when %(update)s then coalesce(nullif(o.status, ''), k.status)
        else k.status end,
    channel = case when %(update)s then coalesce(nullif(o.channel, ''), k.channel)
        else k.channel end,
    net_amount = round(s.net, 2), gross_amount = round(s.net + s.tax, 2), updated_at = now()
from (
    select i.order_id, sum(i.net_amount) as net, sum(i.tax_amount) as tax
    from orders_orderitem as i
    where i.order_id in (select order_id from import_touched)
    group by i.order_id
) as s
join import_order as o on o.order_id = s.order_id
left join import_customer as c on c.code = o.customer
where k.id = s.order_id
"""
