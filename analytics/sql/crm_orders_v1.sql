-- Counted sales (paid or fulfilled), their lines, and what came back. Cancelled and pending orders
-- are in none of them, so that count(id) and sum(amount) are what an RFM query expects.

create view crm.orders as
select
    id,
    number,
    source,
    customer_id,
    ordered_at as created_at,
    net_amount as amount,
    gross_amount,
    currency,
    channel,
    status
from public.orders_order
where kind = 'sale' and status in ('paid', 'fulfilled');

comment on view crm.orders is
'One row per counted sale; returns are in crm.returns. customer_id is NULL for anonymous sales.';
comment on column crm.orders.amount is 'Without tax.';

create view crm.returns as
select
    id,
    number,
    source,
    customer_id,
    ordered_at as created_at,
    net_amount as amount,
    gross_amount,
    currency,
    channel,
    status
from public.orders_order
where kind = 'return' and status in ('paid', 'fulfilled');

comment on view crm.returns is
'One row per counted return; amount is positive and lowers what the customer has spent.';

create view crm.order_items as
select
    i.id,
    i.order_id,
    i.ordinal,
    i.product_id,
    i.quantity,
    i.unit_price,
    i.discount_amount,
    i.net_amount as amount
from public.orders_orderitem as i
inner join public.orders_order as o on i.order_id = o.id
where o.kind = 'sale' and o.status in ('paid', 'fulfilled');

comment on view crm.order_items is 'One row per line of a counted sale (those of crm.orders).';
