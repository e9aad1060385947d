-- Partition by partition, however long they are: an event of long ago makes no months to look
-- through that there are no signals of.

drop function public.crm_search_signals(tsquery, integer, timestamptz, timestamptz, interval);

create function public.crm_search_signals(
    query tsquery,
    wanted integer,
    budget interval
)
returns table (id uuid, occurred_at timestamptz, rank real)
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
-- Bounds of partitions are read as text.
set timezone = 'UTC'
set enable_indexscan = off
set enable_seqscan = off
-- Of words in a large part of a month's signals, some are enough.
set gin_fuzzy_search_limit = 60000
as $$
declare
    piece record;
    got bigint;
    left_over bigint := wanted;
begin
    for piece in
        select bounds[1]::timestamptz as starts, bounds[2]::timestamptz as ends
        from pg_inherits as i
        inner join pg_class as c on i.inhrelid = c.oid
        cross join lateral regexp_match(
            pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)'
        ) as bounds
        where i.inhparent = 'public.analytics_signal'::regclass
        order by starts desc
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
            piece.starts,
            piece.ends
        )
        using query, left_over;
        get diagnostics got = row_count;
        left_over := left_over - got;
        exit when left_over <= 0;
    end loop;
end
$$;

comment on function public.crm_search_signals is
'The newest signals with words; a row without id says that time was up.';
