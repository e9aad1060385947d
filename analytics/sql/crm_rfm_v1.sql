-- The current scores, for whoever reads the contract.

create view crm.rfm as
select
    s.customer_id,
    c.code as customer_code,
    r.as_of,
    s.recency_days,
    s.frequency,
    s.monetary,
    s.r as r_score,
    s.f as f_score,
    s.m as m_score,
    concat(s.r, s.f, s.m) as rfm,
    g.code as segment,
    g.name as segment_name
from public.analytics_currentrfmscore as s
inner join public.analytics_rfmrun as r on s.run_id = r.id
inner join public.analytics_segment as g on s.segment_id = g.id
inner join public.customers_customer as c on s.customer_id = c.id;

comment on view crm.rfm is
'One row per scored customer of the current run; who is in crm.customers only is a prospect.';
