-- Step 1 of a run: where the values of each customer come from.
-- The kept totals serve if they describe the wanted moment: no window, and no counted order at or
-- after it. Else the orders before it are added up, into an unlogged table that the same
-- transaction drops; its columns are those of the totals.

create function crm_private.rfm_gather(run integer, since timestamptz, until timestamptz)
returns text
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
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
            count(*) filter (where kind = 'sale')::integer as order_count,
            coalesce(sum(net_amount) filter (where kind = 'sale'), 0) as sales_total,
            coalesce(sum(net_amount) filter (where kind = 'return'), 0) as returns_total
        from orders_order
        where
            customer_id is not null
            and status in ('paid', 'fulfilled')
            and ordered_at >= %L
            and ordered_at < %L
        group by customer_id
        $sql$,
        'analytics_rfmvalues_' || run, coalesce(since, '-infinity'), until
    );
    return 'orders';
end
$$;

comment on function crm_private.rfm_gather is
'Choose the values of a run: returns totals or orders. The window is [since, until).';

create function crm_private.rfm_values_table(run integer, source text)
returns text
language sql
immutable
return case source
    when 'totals' then 'public.orders_customertotals'
    when 'orders' then format('public.%I', 'analytics_rfmvalues_' || run)
end;

comment on function crm_private.rfm_values_table is 'The table that rfm_gather chose or made.';

revoke all on function crm_private.rfm_gather(integer, timestamptz, timestamptz) from public;
revoke all on function crm_private.rfm_values_table(integer, text) from public;
