-- Runs, items, findings and outcomes under the names of seed 002.

create view crm.reco_run as
select
    r.id as run_id,
    r.as_of,
    r.status,
    r.mode,
    c.hash as config_hash,
    r.code_version,
    r.is_current,
    r.approval,
    r.counts,
    r.gate,
    r.result_hash,
    r.started_at,
    r.finished_at
from public.recommendations_recorun as r
inner join public.recommendations_recoconfig as c on r.config_id = c.id;

comment on view crm.reco_run is
'One row per making of recommendations; is_current marks the one that people see.';

create view crm.reco_item as
select
    i.id,
    i.run_id,
    c.code as customer_code,
    i.scenario,
    i.rank,
    p.key as product_key,
    i.score,
    i.reasons as reasons_json,
    i.slot,
    i.price,
    i.status
from public.recommendations_recoitem as i
inner join public.customers_customer as c on i.customer_id = c.id
inner join public.orders_product as p on i.product_id = p.id;

comment on view crm.reco_item is
'One row per product offered to a customer in a run. Name run_id, or every kept run is read.';

create view crm.reco_exclusion as
select
    e.run_id,
    c.code as customer_code,
    e.stage,
    e.code,
    e.details
from public.recommendations_recoexclusion as e
inner join public.customers_customer as c on e.customer_id = c.id;

comment on view crm.reco_exclusion is
'Why a customer was offered nothing (stage offer) or may not be contacted (stage contact).';

create view crm.audit_item as
select
    a.run_id,
    c.code as customer_code,
    a.ordinal,
    a.rank,
    p.key as product_key,
    a.code,
    a.severity,
    a.details
from public.recommendations_audititem as a
inner join public.customers_customer as c on a.customer_id = c.id
left join public.orders_product as p on a.product_id = p.id;

comment on view crm.audit_item is 'One row per finding of the audit of a run.';

create view crm.assignment as
select
    a.id,
    g.code as campaign,
    c.code as customer_code,
    a.arm,
    a.run_id,
    a.scenario,
    a.segment,
    a.share,
    a.assigned_at,
    a.contacted_at
from public.recommendations_assignment as a
inner join public.customers_campaign as g on a.campaign_id = g.id
inner join public.customers_customer as c on a.customer_id = c.id;

comment on view crm.assignment is 'One row per customer and campaign: treatment or control.';

create view crm.outcome_event as
select
    e.id,
    c.code as customer_code,
    g.code as campaign,
    a.arm,
    a.run_id,
    e.kind,
    o.number as doc_ref,
    p.key as product_key,
    e.match_level,
    e.last_touch_reco_rank,
    e.amount,
    e.returned_amount,
    e.margin,
    e.occurred_at
from public.recommendations_outcomeevent as e
inner join public.customers_customer as c on e.customer_id = c.id
left join public.recommendations_assignment as a on e.assignment_id = a.id
left join public.customers_campaign as g on a.campaign_id = g.id
left join public.orders_order as o on e.order_id = o.id
left join public.orders_product as p on e.product_id = p.id;

comment on view crm.outcome_event is
'One row per order or answer that followed an assignment; orders are those after the contact.';
