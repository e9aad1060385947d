-- One row per customer who is active and no test customer (seed 000).
-- Replaces v1: embedding_status now tells the truth. Columns and their order are the same.
-- total_spent: sales less returns; 0 and NULL last_order_at without a counted sale.

create or replace view crm.customers as
select
    c.id,
    c.code,
    c.name,
    c.email,
    c.phone,
    c.country,
    c.language,
    coalesce(c.registered_at, t.first_order_at) as registered_at,
    t.first_order_at,
    t.last_order_at,
    coalesce(t.order_count, 0) as order_count,
    coalesce(t.sales_total - t.returns_total, 0) as total_spent,
    case
        when e.status in ('pending', 'stale') then null
        else e.status::text
    end as embedding_status,
    c.contactable as is_contactable,
    c.updated_at
from public.customers_customer as c
left join public.orders_customertotals as t on c.id = t.customer_id
left join public.analytics_customerembedding as e
    on
        c.id = e.customer_id
        -- The model that is being filled, before the one that serves.
        and e.model_id = (
            select m.id from public.analytics_embeddingmodel as m
            where m.is_current or m.status = 'building'
            order by m.status = 'building' desc
            limit 1
        )
where c.status = 'active' and not c.is_test;

comment on view crm.customers is
'One row per active customer (test, merged and deleted ones are left out), with totals.';
comment on column crm.customers.registered_at is 'Where it is not known: the first order.';
comment on column crm.customers.total_spent is 'Sales less returns, without tax.';
comment on column crm.customers.embedding_status is
'NULL: waits for a vector (new, or the text has changed); done, failed, or empty (nothing known).';
