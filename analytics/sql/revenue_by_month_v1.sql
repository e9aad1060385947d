-- One row per local month of the business and currency. Refreshed by analytics.services.dashboards.
-- Counted orders only (paid or fulfilled), anonymous sales included; a return lowers the month in
-- which it came back.

create materialized view analytics_revenuebymonth as
with counted as (
    select
        o.customer_id,
        o.kind,
        o.currency,
        o.net_amount,
        date_trunc('month', o.ordered_at at time zone b.time_zone)::date as month
    from orders_order as o
    cross join crm_private.business as b
    where o.status in ('paid', 'fulfilled')
)

select
    to_char(month, 'YYYY-MM') || '-' || currency as id,
    month,
    currency,
    count(*) filter (where kind = 'sale')::integer as orders,
    count(distinct customer_id) filter (where kind = 'sale')::integer as customers,
    coalesce(sum(net_amount) filter (where kind = 'sale'), 0)::numeric(16, 2) as sales_total,
    coalesce(sum(net_amount) filter (where kind = 'return'), 0)::numeric(16, 2) as returns_total,
    coalesce(
        sum(case kind when 'sale' then net_amount else -net_amount end), 0
    )::numeric(16, 2) as net_total
from counted
group by month, currency
with no data;

-- A concurrent refresh needs a unique index.
create unique index analytics_revenuebymonth_id on analytics_revenuebymonth (id);

comment on materialized view analytics_revenuebymonth is
'One row per local month and currency: counted sales, returns, what is left, customers.';
