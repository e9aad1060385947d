-- Whose profile may have changed: a log that every writer of orders, lines, tastes and customers
-- adds to, in its own transaction (COPY too, which application code does not see). Rows are only
-- ever added, so writers never wait for each other; a refresh takes out those that it sees, and
-- leaves those of transactions that have not ended for the next one.

create table crm_private.profile_change (
    customer_id bigint,
    product_id bigint
);

comment on table crm_private.profile_change is
'One row per customer whose profile may have changed, or product whose taste has. A row with '
'neither says: all may have.';

create function crm_private.profile_orders_changed() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into crm_private.profile_change (customer_id)
        select distinct customer_id from new_rows
        where customer_id is not null and status in ('paid', 'fulfilled');
    elsif tg_op = 'DELETE' then
        insert into crm_private.profile_change (customer_id)
        select distinct customer_id from old_rows
        where customer_id is not null and status in ('paid', 'fulfilled');
    else
        insert into crm_private.profile_change (customer_id)
        select distinct customer_id from (
            select unnest(array[o.customer_id, n.customer_id]) as customer_id
            from old_rows as o
            full join new_rows as n on o.id = n.id
            where
                (o.customer_id, o.kind, o.status, o.net_amount, o.ordered_at, o.channel)
                is distinct from
                (n.customer_id, n.kind, n.status, n.net_amount, n.ordered_at, n.channel)
        ) as changed
        where customer_id is not null;
    end if;
    return null;
end
$$;

-- A line of an order that does not count yet is seen when the order's status changes.
create function crm_private.profile_lines_changed() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into crm_private.profile_change (customer_id)
        select distinct o.customer_id
        from (select distinct order_id from new_rows) as n
        inner join orders_order as o on n.order_id = o.id
        where o.customer_id is not null and o.status in ('paid', 'fulfilled');
    elsif tg_op = 'DELETE' then
        insert into crm_private.profile_change (customer_id)
        select distinct o.customer_id
        from (select distinct order_id from old_rows) as n
        inner join orders_order as o on n.order_id = o.id
        where o.customer_id is not null and o.status in ('paid', 'fulfilled');
    else
        insert into crm_private.profile_change (customer_id)
        select distinct o.customer_id
        from (select order_id from new_rows union select order_id from old_rows) as n
        inner join orders_order as o on n.order_id = o.id
        where o.customer_id is not null and o.status in ('paid', 'fulfilled');
    end if;
    return null;
end
$$;

-- The key is part of a profile; the label is looked up when one is read.
create function crm_private.profile_tastes_changed() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into crm_private.profile_change (product_id)
    select n.id
    from old_rows as o
    inner join new_rows as n on o.id = n.id
    where
        (
            o.key, o.kind, o.family, o.grape, o.sugar_level, o.price_band, o.aroma_fruity,
            o.aroma_floral, o.aroma_spicy, o.aroma_woody, o.aroma_mineral, o.aroma_herbal,
            o.aroma_earthy
        )
        is distinct from
        (
            n.key, n.kind, n.family, n.grape, n.sugar_level, n.price_band, n.aroma_fruity,
            n.aroma_floral, n.aroma_spicy, n.aroma_woody, n.aroma_mineral, n.aroma_herbal,
            n.aroma_earthy
        );
    return null;
end
$$;

create function crm_private.profile_customers_changed() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        insert into crm_private.profile_change (customer_id) select id from old_rows;
    else
        insert into crm_private.profile_change (customer_id)
        select n.id
        from old_rows as o
        inner join new_rows as n on o.id = n.id
        where (o.status, o.is_test) is distinct from (n.status, n.is_test);
    end if;
    return null;
end
$$;

create function crm_private.profile_all_changed() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into crm_private.profile_change (customer_id, product_id) values (null, null);
    return null;
end
$$;

revoke all on function crm_private.profile_orders_changed() from public;
revoke all on function crm_private.profile_lines_changed() from public;
revoke all on function crm_private.profile_tastes_changed() from public;
revoke all on function crm_private.profile_customers_changed() from public;
revoke all on function crm_private.profile_all_changed() from public;

create trigger profile_insert after insert on public.orders_order
referencing new table as new_rows
for each statement execute function crm_private.profile_orders_changed();

create trigger profile_update after update on public.orders_order
referencing old table as old_rows new table as new_rows
for each statement execute function crm_private.profile_orders_changed();

create trigger profile_delete after delete on public.orders_order
referencing old table as old_rows
for each statement execute function crm_private.profile_orders_changed();

create trigger profile_truncate after truncate on public.orders_order
for each statement execute function crm_private.profile_all_changed();

create trigger profile_insert after insert on public.orders_orderitem
referencing new table as new_rows
for each statement execute function crm_private.profile_lines_changed();

create trigger profile_update after update on public.orders_orderitem
referencing old table as old_rows new table as new_rows
for each statement execute function crm_private.profile_lines_changed();

create trigger profile_delete after delete on public.orders_orderitem
referencing old table as old_rows
for each statement execute function crm_private.profile_lines_changed();

create trigger profile_truncate after truncate on public.orders_orderitem
for each statement execute function crm_private.profile_all_changed();

create trigger profile_update after update on public.orders_product
referencing old table as old_rows new table as new_rows
for each statement execute function crm_private.profile_tastes_changed();

create trigger profile_update after update on public.customers_customer
referencing old table as old_rows new table as new_rows
for each statement execute function crm_private.profile_customers_changed();

create trigger profile_delete after delete on public.customers_customer
referencing old table as old_rows
for each statement execute function crm_private.profile_customers_changed();

create trigger profile_truncate after truncate on public.analytics_customerprofile
for each statement execute function crm_private.profile_all_changed();
