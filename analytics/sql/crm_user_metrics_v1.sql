-- Predictions under the names of seed 003; what has no name there follows after its columns.

create view crm.user_metrics as
select
    m.customer_id as user_id,
    s.segment_id,
    m.ltv,
    m.churn_probability,
    m.purchase_probability_30d,
    r.finished_at as last_updated,
    m.purchase_probability_90d,
    m.expected_orders_90d,
    m.expected_order_value,
    m.expected_value,
    m.historic_value,
    m.churn_band,
    m.model,
    m.quality_flag,
    r.as_of
from public.analytics_currentcustomermetrics as m
inner join public.analytics_metricsrun as r on m.run_id = r.id
inner join public.customers_customer as c on m.customer_id = c.id
left join public.analytics_currentrfmscore as s on m.customer_id = s.customer_id
where c.status = 'active' and not c.is_test;

comment on view crm.user_metrics is
'One row per active customer with a counted sale. NULL means not known: see quality_flag.';
