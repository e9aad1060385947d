-- Vectors of the current model, of customers and products alike (seed 004).
-- content: the product's label, the customer's code. Nobody's name.

create view crm.embeddings as
select
    'customer:' || e.customer_id as id,
    'customer' as kind,
    c.code as content,
    e.vector as embedding,
    e.model_id,
    e.status,
    e.embedded_at
from public.analytics_customerembedding as e
inner join public.customers_customer as c on e.customer_id = c.id
where
    e.model_id = (select m.id from public.analytics_embeddingmodel as m where m.is_current)
    and e.vector is not null
    and c.status = 'active'
    and not c.is_test
union all
select
    'product:' || e.product_id as id,
    'product' as kind,
    p.label as content,
    e.vector as embedding,
    e.model_id,
    e.status,
    e.embedded_at
from public.analytics_productembedding as e
inner join public.orders_product as p on e.product_id = p.id
where
    e.model_id = (select m.id from public.analytics_embeddingmodel as m where m.is_current)
    and e.vector is not null;

comment on view crm.embeddings is
'One row per customer and product with a vector of the current model; all in one space.';
comment on column crm.embeddings.content is 'The label of a product, the code of a customer.';
