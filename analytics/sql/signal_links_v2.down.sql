create or replace function crm_private.link_many(kind text, first_id bigint, last_id bigint)
returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if kind = 'product' then
        execute format(
            $sql$
            update analytics_signal as s set product_id = p.id
            from orders_product as p
            where p.id between %s and %s
                and s.product_id is null and s.product_ref <> '' and s.product_ref = p.key
            $sql$, first_id, last_id
        );
    elsif kind = 'customer' then
        execute format(
            $sql$
            update analytics_signal as s set customer_id = c.id
            from customers_customer as c
            where c.id between %s and %s and s.customer_id is null and s.customer_ref = c.code
            $sql$, first_id, last_id
        );
    else
        execute format(
            $sql$
            update analytics_signal as s set customer_id = a.customer_id
            from customers_customeralias as a
            where a.id between %1$s and %2$s and s.customer_id is null and s.customer_ref = a.code
            $sql$, first_id, last_id
        );
        execute format(
            $sql$
            update analytics_signal as s set customer_id = a.customer_id
            from customers_customeralias as a, customers_customer as c
            where a.id between %s and %s and c.code = a.code and c.status = 'merged'
                and c.id <> a.customer_id and s.customer_id = c.id and s.customer_ref = a.code
            $sql$, first_id, last_id
        );
    end if;
end
$$;
