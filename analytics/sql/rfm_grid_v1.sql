-- One row per score code of the current run. Refreshed by analytics.services.dashboards.

create materialized view analytics_rfmgrid as
select
    r::text || f::text || m::text as code,
    run_id,
    r,
    f,
    m,
    segment_id,
    count(*)::integer as customers,
    sum(monetary)::numeric(16, 2) as net_total
from analytics_currentrfmscore
group by run_id, r, f, m, segment_id
with no data;

-- A concurrent refresh needs a unique index.
create unique index analytics_rfmgrid_code on analytics_rfmgrid (code);

comment on materialized view analytics_rfmgrid is
'One row per score code of the current run with customers: how many, and their money.';
