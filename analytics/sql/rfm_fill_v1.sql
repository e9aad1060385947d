-- Step 3 of a run: its table of scores. `create table as` and not `insert`: only the former runs
-- on several cores. A score is 1 + the number of cuts strictly below the value (recency: 5 - that
-- number). `segments` gives the segment of each code, from 111, 112, … to 555.

create function crm_private.rfm_fill(
    run integer,
    source text,
    as_of date,
    zone text,
    recency_cuts integer[],
    frequency_cuts integer[],
    monetary_cuts numeric[],
    segments smallint[]
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
-- The planner thinks that a million rows are dear to hand over between cores; here they are not.
set parallel_tuple_cost = 0
as $$
declare
    zone_before constant text := current_setting('timezone');
    -- Whole numbers compare several times faster than numeric, and whole pence lose nothing.
    pence_cuts constant bigint[] := array(
        select floor(cut * 100)::bigint
        from unnest(monetary_cuts) with ordinality as each (cut, place)
        order by place
    );
    filled bigint;
begin
    perform set_config('timezone', zone, true);
    execute format(
        $sql$
        create table public.%1$I as
        select
            scored.customer_id,
            %2$s::integer as run_id,
            scored.recency_days,
            scored.frequency,
            scored.r::smallint as r,
            scored.f::smallint as f,
            scored.m::smallint as m,
            (%3$L::smallint[])[25 * scored.r + 5 * scored.f + scored.m - 30] as segment_id,
            scored.monetary
        from (
            select
                customer_id,
                recency_days,
                frequency,
                monetary,
                case
                    when recency_days <= %4$s then 5 when recency_days <= %5$s then 4
                    when recency_days <= %6$s then 3 when recency_days <= %7$s then 2 else 1
                end as r,
                case
                    when frequency <= %8$s then 1 when frequency <= %9$s then 2
                    when frequency <= %10$s then 3 when frequency <= %11$s then 4 else 5
                end as f,
                case
                    when pence <= %12$s then 1 when pence <= %13$s then 2
                    when pence <= %14$s then 3 when pence <= %15$s then 4 else 5
                end as m
            from (
                select
                    customer_id,
                    %16$L::date - last_day as recency_days,
                    frequency,
                    monetary,
                    pence
                from %17$s as kept
            ) as valued
        ) as scored
        $sql$,
        'analytics_rfmscore_' || run,
        run,
        segments,
        coalesce(recency_cuts[1], 0), coalesce(recency_cuts[2], 0),
        coalesce(recency_cuts[3], 0), coalesce(recency_cuts[4], 0),
        coalesce(frequency_cuts[1], 0), coalesce(frequency_cuts[2], 0),
        coalesce(frequency_cuts[3], 0), coalesce(frequency_cuts[4], 0),
        coalesce(pence_cuts[1], 0), coalesce(pence_cuts[2], 0),
        coalesce(pence_cuts[3], 0), coalesce(pence_cuts[4], 0),
        as_of,
        crm_private.rfm_values(run, source)
    );
    get diagnostics filled = row_count;
    perform set_config('timezone', zone_before, true);
    return filled;
end
$$;

comment on function crm_private.rfm_fill is 'Make and fill the table of one run; returns its rows.';

-- The same for mode ntile: equal-sized fifths, 5 is best. Equal values may score differently;
-- the customer's id decides between them, so that a run can at least be repeated.

create function crm_private.rfm_fill_ntile(
    run integer, source text, as_of date, zone text, segments smallint[]
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    zone_before constant text := current_setting('timezone');
    filled bigint;
begin
    perform set_config('timezone', zone, true);
    execute format(
        $sql$
        create table public.%1$I as
        select
            customer_id,
            %2$s::integer as run_id,
            recency_days,
            frequency,
            r::smallint as r,
            f::smallint as f,
            m::smallint as m,
            (%3$L::smallint[])[25 * r + 5 * f + m - 30] as segment_id,
            monetary
        from (
            select
                valued.*,
                ntile(5) over (order by recency_days desc, customer_id) as r,
                ntile(5) over (order by frequency, customer_id) as f,
                ntile(5) over (order by monetary, customer_id) as m
            from (
                select customer_id, %4$L::date - last_day as recency_days, frequency, monetary
                from %5$s as kept
            ) as valued
        ) as scored
        $sql$,
        'analytics_rfmscore_' || run, run, segments, as_of,
        crm_private.rfm_values(run, source)
    );
    get diagnostics filled = row_count;
    perform set_config('timezone', zone_before, true);
    return filled;
end
$$;

comment on function crm_private.rfm_fill_ntile is
'Make and fill the table of one run in mode ntile; returns its rows.';

revoke all on function crm_private.rfm_fill(
    integer, text, date, text, integer[], integer[], numeric[], smallint[]
) from public;
revoke all on function crm_private.rfm_fill_ntile(
    integer, text, date, text, smallint[]
) from public;
