-- Step 2 of a run: the cut points of mode quantile, one row. Left out: test customers, merged and
-- deleted ones, and all without a sale. Days and money are compared as whole numbers (days,
-- pence), which sort several times faster than the numeric they come from, and lose nothing.

create function crm_private.rfm_cuts(run integer, source text, as_of date, zone text)
returns table (recency_days integer[], frequency integer[], monetary numeric[])
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    zone_before constant text := current_setting('timezone');
begin
    -- A cast by the session's zone does not look the zone up for each row, as `at time zone` does.
    perform set_config('timezone', zone, true);
    return query execute format(
        $sql$
        with steps as (select array[0.2, 0.4, 0.6, 0.8]::double precision[] as at),

        cuts as (
            select
                percentile_disc((select at from steps)) within group (
                    order by $1 - last_order_at::date
                ) as recency_days,
                percentile_disc((select at from steps)) within group (
                    order by order_count
                ) as frequency,
                percentile_disc((select at from steps)) within group (
                    order by ((sales_total - returns_total) * 100)::bigint
                ) as pence
            from %s
            where
                order_count > 0
                and customer_id not in (
                    select id from customers_customer where is_test or status <> 'active'
                )
        )

        select
            recency_days,
            frequency,
            (select array_agg(round(p / 100.0, 2) order by i)
             from unnest(pence) with ordinality as each (p, i))
        from cuts
        $sql$,
        crm_private.rfm_values_table(run, source)
    ) using as_of;
    perform set_config('timezone', zone_before, true);
end
$$;

comment on function crm_private.rfm_cuts is
'Values at 20, 40, 60 and 80 % (percentile_disc) over customers with a sale; or nulls.';

revoke all on function crm_private.rfm_cuts(integer, text, date, text) from public;
