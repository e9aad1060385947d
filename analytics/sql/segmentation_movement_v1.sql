-- One row per customer in at least one of two segmentations: number before and after. Null: not
-- grouped there (no order yet, or too little known). Read two partitions only: a plain function,
-- so that the planner sees through it.

create function analytics_segmentation_movement(older integer, newer integer)
returns table (customer_id bigint, from_number smallint, to_number smallint)
language sql
stable
as $$
select
    coalesce(o.customer_id, n.customer_id),
    o.number,
    n.number
from
    (select * from analytics_segmentationmember where segmentation_id = older) as o
full join
    (select * from analytics_segmentationmember where segmentation_id = newer) as n
    on n.customer_id = o.customer_id
$$;

comment on function analytics_segmentation_movement is
'One row per customer in one of two segmentations: the number of the cluster before and after.';
