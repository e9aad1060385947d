-- Step 2 of a run: the cut points of mode quantile, one row. Days and money are compared as whole
-- numbers (days, pence), which sort several times faster than numeric, and lose nothing.

create function crm_private.rfm_cuts(run integer, source text, as_of date, zone text)
returns table (recency_days integer[], frequency integer[], monetary numeric[])
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
-- The planner thinks that a million rows are dear to hand over between cores; here they are not.
set parallel_tuple_cost = 0
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
                    order by $1 - last_day
                ) as recency_days,
                percentile_disc((select at from steps)) within group (
                    order by frequency
                ) as frequency,
                percentile_disc((select at from steps)) within group (
                    order by pence
                ) as pence
            from %s as valued
        )

        select
            recency_days,
            frequency,
            (select array_agg(round(p / 100.0, 2) order by i)
             from unnest(pence) with ordinality as each (p, i))
        from cuts
        $sql$,
        crm_private.rfm_values(run, source)
    ) using as_of;
    perform set_config('timezone', zone_before, true);
end
$$;

comment on function crm_private.rfm_cuts is
'Values at 20, 40, 60 and 80 % (percentile_disc) over customers with a sale; or nulls.';

revoke all on function crm_private.rfm_cuts(integer, text, date, text) from public;
