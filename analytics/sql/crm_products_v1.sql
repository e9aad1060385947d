-- Products under the names of seed 000 (id) and seed 003 (product_id); charges are not products.

create view crm.products as
select
    id,
    id as product_id,
    key,
    label as name,
    nullif(coalesce(nullif(category, ''), family), '') as category,
    price,
    attributes ->> 'description' as description,
    attributes,
    is_active
from public.orders_product
where kind = 'product';

comment on view crm.products is 'One row per product; postage and other charges are left out.';
