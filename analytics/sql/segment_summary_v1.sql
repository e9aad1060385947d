-- One row per segment of the current run. Refreshed by analytics.services.dashboards.

create materialized view analytics_segmentsummary as
select
    segment_id,
    run_id,
    count(*)::integer as customers,
    sum(monetary)::numeric(16, 2) as net_total,
    percentile_disc(0.5) within group (order by recency_days) as median_recency_days,
    percentile_disc(0.5) within group (order by frequency) as median_frequency,
    percentile_disc(0.5) within group (order by monetary) as median_monetary
from analytics_currentrfmscore
group by segment_id, run_id
with no data;

-- A concurrent refresh needs a unique index.
create unique index analytics_segmentsummary_segment on analytics_segmentsummary (segment_id);

comment on materialized view analytics_segmentsummary is
'One row per segment of the current run: customers, money, medians (prospects are not in it).';
