-- Members of segmentations: one partition per segmentation, and the view of the current ones.
-- Written once and never changed; no foreign keys, for the reasons given for the scores.

create table analytics_segmentationmember (
    customer_id bigint not null,
    segmentation_id integer not null,
    number smallint not null,
    primary key (customer_id, segmentation_id)
) partition by list (segmentation_id);

comment on table analytics_segmentationmember is
'One row per grouped customer and segmentation. Written by crm_private.segmentation_fill only.';

-- One branch per kind, each with a pointer that is looked up once: so only the partitions of the
-- current segmentations are read. Moving a pointer moves the view.
create view analytics_currentcluster as
select
    m.customer_id,
    'rfm_map'::varchar(7) as kind,
    m.segmentation_id,
    m.number,
    c.id as cluster_id
from analytics_segmentationmember as m
left join analytics_segmentationcluster as c
    on m.segmentation_id = c.segmentation_id and m.number = c.number
where
    m.segmentation_id
    = (select s.id from analytics_segmentation as s where s.is_current and s.kind = 'rfm_map')
union all
select
    m.customer_id,
    'rfm'::varchar(7) as kind,
    m.segmentation_id,
    m.number,
    c.id as cluster_id
from analytics_segmentationmember as m
left join analytics_segmentationcluster as c
    on m.segmentation_id = c.segmentation_id and m.number = c.number
where
    m.segmentation_id
    = (select s.id from analytics_segmentation as s where s.is_current and s.kind = 'rfm')
union all
select
    m.customer_id,
    'taste'::varchar(7) as kind,
    m.segmentation_id,
    m.number,
    c.id as cluster_id
from analytics_segmentationmember as m
left join analytics_segmentationcluster as c
    on m.segmentation_id = c.segmentation_id and m.number = c.number
where
    m.segmentation_id
    = (select s.id from analytics_segmentation as s where s.is_current and s.kind = 'taste')
union all
select
    m.customer_id,
    'both'::varchar(7) as kind,
    m.segmentation_id,
    m.number,
    c.id as cluster_id
from analytics_segmentationmember as m
left join analytics_segmentationcluster as c
    on m.segmentation_id = c.segmentation_id and m.number = c.number
where
    m.segmentation_id
    = (select s.id from analytics_segmentation as s where s.is_current and s.kind = 'both');

comment on view analytics_currentcluster is
'One row per grouped customer and kind, of the current segmentation of that kind.';
