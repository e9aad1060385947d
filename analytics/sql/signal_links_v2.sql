-- Very many new customers at once: see the comment inside.

create or replace function crm_private.link_many(kind text, first_id bigint, last_id bigint)
returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    loops_before constant text := current_setting('enable_nestloop');
begin
    -- The planner knows nothing yet of rows just written: for a few it would be right to look up
    -- each of them in every month, for very many it must read the unresolved signals once.
    if last_id - first_id > 20000 then
        perform set_config('enable_nestloop', 'off', true);
    end if;
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
    perform set_config('enable_nestloop', loops_before, true);
end
$$;
