drop function public.crm_search_signals(tsquery, integer, interval);

-- As in version 2.

create function public.crm_search_signals(
    query tsquery,
    wanted integer,
    newest timestamptz,
    oldest timestamptz,
    budget interval
)
returns table (id uuid, occurred_at timestamptz, rank real)
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set enable_indexscan = off
set enable_seqscan = off
-- Of words in a large part of a month's signals, some are enough.
set gin_fuzzy_search_limit = 60000
as $$
declare
    starts timestamptz;
    got bigint;
    left_over bigint := wanted;
begin
    for starts in
        select month
        from generate_series(
            date_trunc('month', newest, 'UTC'),
            date_trunc('month', oldest, 'UTC'),
            interval '-1 month',
            'UTC'
        ) as month
    loop
        if clock_timestamp() >= statement_timestamp() + budget then
            -- The sign that time is up: a row without an id.
            return query select null::uuid, null::timestamptz, null::real;
            return;
        end if;
        -- Literals, so that the planner sees that the bounds are those of a partition.
        return query execute format(
            'select id, occurred_at, ts_rank_cd(search, $1)'
            ' from analytics_signal'
            ' where search @@ $1 and occurred_at >= %L and occurred_at < %L'
            ' order by occurred_at desc, id desc'
            ' limit $2',
            starts,
            date_add(starts, interval '1 month', 'UTC')
        )
        using query, left_over;
        get diagnostics got = row_count;
        left_over := left_over - got;
        exit when left_over <= 0;
    end loop;
end
$$;

comment on function public.crm_search_signals is
'The newest signals with words, between two moments; a row without id says that time was up.';
