-- Step 1 of a run: where the values of each customer come from.
-- The kept totals serve if they describe the wanted moment: no window, and no counted order at or
-- after it. Else the orders before it are added up, into an unlogged table that the same
-- transaction drops.
-- Left out in both: test customers, merged and deleted ones, and all without a sale.

-- A barrier keeps the planner from computing these values anew for each use of them (seven times
-- for a score), and still lets it read on several cores, which `offset 0` would not. Days are those
-- of the session's zone: such a cast does not look the zone up for each row.
create view crm_private.rfm_totals with (security_barrier) as
select
    customer_id,
    last_order_at::date as last_day,
    order_count as frequency,
    (sales_total - returns_total)::numeric(14, 2) as monetary,
    ((sales_total - returns_total) * 100)::bigint as pence
from public.orders_customertotals
where
    order_count > 0
    and customer_id not in (
        select c.id from public.customers_customer as c
        where c.is_test or c.status <> 'active'
    );

comment on view crm_private.rfm_totals is
'One row per customer to be scored, from the kept totals; last_day in the session''s time zone.';

create function crm_private.rfm_gather(run integer, since timestamptz, until timestamptz)
returns text
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
-- A million groups in memory; on disk it takes three times as long.
set work_mem = '256MB'
-- Kept plans do not know how few orders are later than `until`, and read all of them.
set plan_cache_mode = force_custom_plan
as $$
begin
    if since is null and not exists (
        select from orders_order
        where
            ordered_at >= until
            and customer_id is not null
            and status in ('paid', 'fulfilled')
    ) then
        return 'totals';
    end if;
    execute format(
        $sql$
        create unlogged table public.%I as
        select
            customer_id,
            max(ordered_at) filter (where kind = 'sale') as last_order_at,
            count(*) filter (where kind = 'sale')::integer as frequency,
            sum(case kind when 'sale' then net_amount else -net_amount end)::numeric(14, 2)
                as monetary
        from orders_order
        where
            customer_id is not null
            and status in ('paid', 'fulfilled')
            and ordered_at >= %L
            and ordered_at < %L
            and customer_id not in (
                select id from customers_customer where is_test or status <> 'active'
            )
        group by customer_id
        having count(*) filter (where kind = 'sale') > 0
        $sql$,
        'analytics_rfmvalues_' || run, coalesce(since, '-infinity'), until
    );
    return 'orders';
end
$$;

comment on function crm_private.rfm_gather is
'Choose the values of a run: returns totals or orders. The window is [since, until).';

create function crm_private.rfm_values(run integer, source text)
returns text
language sql
immutable
return case source
    when 'totals' then 'crm_private.rfm_totals'
    when 'orders' then format(
        '(select customer_id, last_order_at::date as last_day, frequency, monetary, '
        '(monetary * 100)::bigint as pence from public.%I)',
        'analytics_rfmvalues_' || run
    )
end;

comment on function crm_private.rfm_values is 'What rfm_gather chose or made, as text after FROM.';

revoke all on function crm_private.rfm_gather(integer, timestamptz, timestamptz) from public;
revoke all on function crm_private.rfm_values(integer, text) from public;
