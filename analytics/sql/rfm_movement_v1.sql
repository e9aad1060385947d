-- One row per customer in at least one of two runs: from which segment to which, and why.
--
-- purchase         a sale after the older day, or one from before that came in late
-- ageing           no purchase, and the older cut points and map would also give another segment
--                  (in a window: also when the last sale left it)
-- threshold_drift  the rest: the others changed, or the map did, or an order was corrected
-- null             the same segment in both
--
-- A customer without scores in a run is a prospect there (or did not exist, or was left out).
-- A plain SQL function, so that the planner sees through it and reads two partitions only.

create function analytics_rfm_movement(older integer, newer integer)
returns table (customer_id bigint, from_segment_id smallint, to_segment_id smallint, reason text)
language sql
stable
as $$
select
    coalesce(o.customer_id, n.customer_id),
    coalesce(o.segment_id, p.id),
    coalesce(n.segment_id, p.id),
    case
        when coalesce(o.segment_id, p.id) = coalesce(n.segment_id, p.id) then null
        when
            o.customer_id is null
            or n.recency_days < runs.days
            or n.frequency > o.frequency
            then 'purchase'
        when n.customer_id is null
            then case when runs.window_days is null then 'threshold_drift' else 'ageing' end
        when
            runs.segments[
                25 * case
                    when n.recency_days <= runs.rc[1] then 5 when n.recency_days <= runs.rc[2] then 4
                    when n.recency_days <= runs.rc[3] then 3 when n.recency_days <= runs.rc[4] then 2
                    else 1
                end
                + 5 * case
                    when n.frequency <= runs.fc[1] then 1 when n.frequency <= runs.fc[2] then 2
                    when n.frequency <= runs.fc[3] then 3 when n.frequency <= runs.fc[4] then 4
                    else 5
                end
                + case
                    when n.monetary <= runs.mc[1] then 1 when n.monetary <= runs.mc[2] then 2
                    when n.monetary <= runs.mc[3] then 3 when n.monetary <= runs.mc[4] then 4
                    else 5
                end
                - 30
            ] <> o.segment_id
            then 'ageing'
        else 'threshold_drift'
    end
from
    (select * from analytics_rfmscore where run_id = older) as o
full join
    (select * from analytics_rfmscore where run_id = newer) as n
    on n.customer_id = o.customer_id
cross join (select id from analytics_segment where code = 'prospects') as p
cross join (
    select
        b.as_of - a.as_of as days,
        b.window_days,
        array(select jsonb_array_elements_text(a.cuts -> 'recency_days')::integer) as rc,
        array(select jsonb_array_elements_text(a.cuts -> 'frequency')::integer) as fc,
        array(select jsonb_array_elements_text(a.cuts -> 'monetary')::numeric) as mc,
        array(
            select s.id
            from jsonb_each_text(a.segment_map) as cell (code, segment)
            inner join analytics_segment as s on s.code = cell.segment
            order by cell.code
        ) as segments
    from analytics_rfmrun as a
    cross join analytics_rfmrun as b
    where a.id = older and b.id = newer
) as runs
$$;

comment on function analytics_rfm_movement is
'One row per customer in one of two runs: segments before and after, and the reason of a change.';
