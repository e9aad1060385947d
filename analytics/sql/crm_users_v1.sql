-- Customers under the names of seed 003.

create view crm.users as
select
    c.id as user_id,
    c.telegram_id,
    coalesce(c.profile ->> 'first_name', split_part(c.name, ' ', 1)) as first_name,
    coalesce(c.profile ->> 'last_name', nullif(substr(c.name, strpos(c.name || ' ', ' ') + 1), ''))
        as last_name,
    c.profile ->> 'username' as username,
    coalesce(c.registered_at, t.first_order_at) as registration_date,
    c.profile as profile_data
from public.customers_customer as c
left join public.orders_customertotals as t on c.id = t.customer_id
where c.status = 'active' and not c.is_test;

comment on view crm.users is
'One row per active customer, named as users: the same people as in crm.customers.';
