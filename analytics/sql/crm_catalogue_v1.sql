-- Products, aliases, customers, lines and contacts under the names of seed 002.

create view crm.product as
select
    key as product_key,
    label as product_label,
    nullif(family, '') as family_crm,
    grape as cepage,
    sugar_level as sucrosite_niveau,
    price_band,
    premium_tier,
    aroma_fruity,
    aroma_floral,
    aroma_spicy,
    aroma_woody,
    aroma_mineral,
    aroma_herbal,
    aroma_earthy,
    is_active,
    to_jsonb(season_tags) as season_tags,
    popularity as global_popularity_score,
    price,
    kind
from public.orders_product;

comment on view crm.product is
'One row per article, charges included (kind tells them apart): what crm.order_line refers to.';

create view crm.product_alias as
select
    a.normalized_label,
    p.key as product_key,
    a.label
from public.orders_productalias as a
inner join public.orders_product as p on a.product_id = p.id;

comment on view crm.product_alias is 'One row per other label of a product.';

create view crm.customer as
select
    code as customer_code,
    email_normalized as email,
    contactable as is_contactable,
    is_bounced,
    is_optout,
    null::text as batch_id
from public.customers_customer
where status = 'active' and not is_test;

comment on view crm.customer is 'One row per active customer, by code.';
comment on column crm.customer.batch_id is 'Always NULL: customers are not tied to one import.';

create view crm.order_line as
select
    i.id,
    c.code as customer_code,
    p.key as product_key,
    (o.ordered_at at time zone (select b.time_zone from crm_private.business as b))::date
        as order_date,
    o.number as doc_ref,
    round(i.net_amount, 2) as amount_ht,
    round(i.net_amount + i.tax_amount, 2) as amount_ttc,
    i.quantity
from public.orders_orderitem as i
inner join public.orders_order as o on i.order_id = o.id
inner join public.orders_product as p on i.product_id = p.id
inner join public.customers_customer as c on o.customer_id = c.id
where
    o.kind = 'sale'
    and o.status in ('paid', 'fulfilled')
    and c.status = 'active'
    and not c.is_test;

comment on view crm.order_line is
'One row per line of a counted sale to a known customer; order_date is the business''s local day.';

create view crm.contact_event as
select
    e.id,
    c.code as customer_code,
    e.occurred_at as contact_date,
    e.channel,
    e.direction,
    e.purpose,
    e.status,
    g.code as campaign,
    e.external_id
from public.customers_contactevent as e
inner join public.customers_customer as c on e.customer_id = c.id
left join public.customers_campaign as g on e.campaign_id = g.id;

comment on view crm.contact_event is 'One row per message to or from a customer.';
