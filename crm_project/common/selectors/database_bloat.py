"""Room on disk that holds nothing: of tables and of B-tree indexes, estimated from statistics.

What the planner knows (rows, mean width of columns, share of nulls) says how many pages would be
enough, freshly written; the rest is room that updates and deletes left behind. Reading it costs
milliseconds; exact numbers cost reading every page (extension pgstattuple). Sizes of a page and of
what stands in it are PostgreSQL's (src/include/storage/bufpage.h, access/itup.h, access/nbtree.h).
"""

BLOAT = """
    with widths as (
        -- of each stored column, how wide it is on average; of an index, of its own columns
        select c.oid, c.relkind, a.attnum,
            (1 - w.null_frac) * w.avg_width as width, w.null_frac > 0 as has_nulls
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
        left join pg_index as i on c.oid = i.indexrelid
        left join pg_attribute as t on i.indrelid = t.attrelid and i.indkey[a.attnum - 1] = t.attnum
            and t.attnum > 0
        left join pg_class as o on i.indrelid = o.oid
        -- of an expression, the statistics bear the index's own name
        left join pg_stats as w on w.schemaname = n.nspname and not w.inherited
            and w.tablename = case when t.attnum is null then c.relname else o.relname end
            and w.attname = coalesce(t.attname, a.attname)
        where n.nspname in {ours} and c.relkind in ('r', 'm', 'i') and c.reltuples > 0
    ),

    rows as (
        select oid, relkind, sum(width) as width, bool_or(has_nulls) as has_nulls,
            count(*) as columns
        from widths
        group by 1, 2
        -- of what was not analyzed nothing can be said
        having bool_and(width is not null)
    ),

    sizes as (
        select c.oid, r.relkind, c.relpages::bigint * 8192 as bytes,
            8192 * case
                when r.relkind = 'i' then 1 + ceil(c.reltuples * (12 + 8 * ceil(r.width / 8))
                    / ((8192 - 40) * coalesce(f.share, 90) / 100.0))
                else ceil(c.reltuples
                    * (28 + case when r.has_nulls and r.columns > 8 then 8 else 0 end
                        + 8 * ceil(r.width / 8))
                    / ((8192 - 24) * coalesce(f.share, 100) / 100.0))
            end as enough
        from rows as r
        inner join pg_class as c on r.oid = c.oid
        left join pg_am as m on c.relam = m.oid
        left join lateral (
            select split_part(one, '=', 2)::numeric as share
            from unnest(c.reloptions) as one where one like 'fillfactor=%%'
        ) as f on true
        where r.relkind <> 'i' or m.amname = 'btree'
    )

    select oid::regclass::text, case when relkind = 'i' then 'index' else 'table' end,
        bytes, enough::bigint, (bytes - enough)::bigint, 100.0 * (bytes - enough) / bytes
    from sizes
    -- less may be what the alignment of columns takes
    where bytes - enough > 1048576 and bytes - enough > 0.3 * bytes
    order by 5 desc limit %(limit)s
"""
"""To be completed with the schemas; each row is a table, a partition or an index of its own."""
