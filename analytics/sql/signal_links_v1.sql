-- Signals and the customers and articles they name: linked in the transaction that makes, renames,
-- merges or removes one, whoever writes it (COPY and SQL pass the application by).
--
-- Twice in that transaction: at once, for what it can see, and when it commits, for what was
-- stored meanwhile. The second time needs the gate: whoever stores signals holds it in ROW
-- EXCLUSIVE mode from before it looks for customers until it commits; the linking takes SHARE
-- mode. Each mode goes along with itself, none with the other: so the linking waits until all who
-- looked before have committed, and those who look later see the new customer. As it comes last
-- in its transaction, a long import holds nobody up.

create index signal_unresolved_product
on public.analytics_signal (product_ref)
where product_id is null and product_ref <> '';

create table crm_private.signal_gate (only_row boolean primary key check (only_row));

comment on table crm_private.signal_gate is
'Always empty: only its locks are used, between storing signals and linking them.';

create function crm_private.enter_signal_gate() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    lock table crm_private.signal_gate in row exclusive mode;
end
$$;

comment on function crm_private.enter_signal_gate is
'Called first in a transaction that stores signals; linking waits until it ends.';

create table crm_private.signal_link (
    id bigint generated always as identity primary key,
    kind text not null,
    first_id bigint not null,
    last_id bigint not null
);

comment on table crm_private.signal_link is
'What the current transaction has to link when it commits. Nobody ever sees a row of another.';

-- One row each by plans that are kept; many rows by a plan of their own.

create function crm_private.link_one_customer(wanted bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    ref text;
begin
    select c.code into ref from customers_customer as c where c.id = wanted;
    update analytics_signal as s set customer_id = wanted
    where s.customer_id is null and s.customer_ref = ref;
end
$$;

create function crm_private.link_one_alias(wanted bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    named record;
begin
    select a.code, a.customer_id into named from customers_customeralias as a where a.id = wanted;
    update analytics_signal as s set customer_id = named.customer_id
    where s.customer_id is null and s.customer_ref = named.code;
    -- The code of one who was merged: what they did is now the other's.
    update analytics_signal as s set customer_id = named.customer_id
    from customers_customer as c
    where c.code = named.code and c.status = 'merged' and c.id <> named.customer_id
        and s.customer_id = c.id and s.customer_ref = named.code;
end
$$;

create function crm_private.link_one_product(wanted bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    ref text;
begin
    select p.key into ref from orders_product as p where p.id = wanted;
    update analytics_signal as s set product_id = wanted
    where s.product_id is null and s.product_ref <> '' and s.product_ref = ref;
end
$$;

create function crm_private.link_many(kind text, first_id bigint, last_id bigint)
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

-- After a customer was removed or merged: an alias says who has the signals now; with none, the
-- merged one keeps them, and those of a removed one are nobody's.
create function crm_private.relink_customer(gone bigint) returns void
language sql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
    update analytics_signal as s
    set customer_id = coalesce(
        (select a.customer_id from customers_customeralias as a where a.code = s.customer_ref),
        (select c.id from customers_customer as c where c.id = s.customer_id)
    )
    where s.customer_id = gone
$$;

create function crm_private.unlink_product(gone bigint) returns void
language sql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
    update analytics_signal as s set product_id = null
    where s.product_id = gone
        and not exists (select from orders_product as p where p.id = gone)
$$;

create function crm_private.link_signals(kind text, first_id bigint, last_id bigint) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if kind = 'customer gone' then
        perform crm_private.relink_customer(first_id);
    elsif kind = 'product gone' then
        perform crm_private.unlink_product(first_id);
    elsif first_id < last_id then
        perform crm_private.link_many(kind, first_id, last_id);
    elsif kind = 'customer' then
        perform crm_private.link_one_customer(first_id);
    elsif kind = 'alias' then
        perform crm_private.link_one_alias(first_id);
    else
        perform crm_private.link_one_product(first_id);
    end if;
end
$$;

comment on function crm_private.link_signals is
'Link the signals that name new rows of one table, or unlink those of a row that is gone.';

create function crm_private.link_now_and_at_commit(kind text, first_id bigint, last_id bigint)
returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if first_id is null then
        return;
    end if;
    perform crm_private.link_signals(kind, first_id, last_id);
    -- Also where somebody asked for immediate checks: the gate is taken as late as possible.
    set constraints crm_private.signal_link_at_commit deferred;
    insert into crm_private.signal_link (kind, first_id, last_id) values (kind, first_id, last_id);
end
$$;

create function crm_private.link_at_commit() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    piece record;
begin
    -- The first of the transaction's rows does the work for all of them.
    if not exists (select from crm_private.signal_link where id = new.id) then
        return null;
    end if;
    lock table crm_private.signal_gate in share mode;
    for piece in
        delete from crm_private.signal_link returning kind, first_id, last_id
    loop
        perform crm_private.link_signals(piece.kind, piece.first_id, piece.last_id);
    end loop;
    return null;
end
$$;

create constraint trigger signal_link_at_commit after insert on crm_private.signal_link
deferrable initially deferred
for each row execute function crm_private.link_at_commit();

-- What happens to customers, aliases and articles.

create function crm_private.signals_follow_inserts() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform crm_private.link_now_and_at_commit(tg_argv[0], ids.first_id, ids.last_id)
    from (select min(n.id) as first_id, max(n.id) as last_id from new_rows as n) as ids;
    return null;
end
$$;

create function crm_private.signals_follow_deletes() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform crm_private.link_now_and_at_commit(tg_argv[0], o.id, o.id) from old_rows as o;
    return null;
end
$$;

create function crm_private.signals_follow_row() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform crm_private.link_now_and_at_commit(tg_argv[0], new.id, new.id);
    return null;
end
$$;

create function crm_private.signals_follow_alias() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update analytics_signal as s set customer_id = new.customer_id
    where s.customer_id = old.customer_id and s.customer_ref = new.code
        and new.customer_id <> old.customer_id;
    perform crm_private.link_now_and_at_commit('alias', new.id, new.id);
    return null;
end
$$;

create trigger signals_follow_insert after insert on public.customers_customer
referencing new table as new_rows
for each statement execute function crm_private.signals_follow_inserts('customer');

create trigger signals_follow_code after update of code on public.customers_customer
for each row when (old.code is distinct from new.code)
execute function crm_private.signals_follow_row('customer');

create trigger signals_follow_merge after update of status on public.customers_customer
for each row when (old.status is distinct from new.status and new.status = 'merged')
execute function crm_private.signals_follow_row('customer gone');

create trigger signals_follow_delete after delete on public.customers_customer
referencing old table as old_rows
for each statement execute function crm_private.signals_follow_deletes('customer gone');

create trigger signals_follow_insert after insert on public.customers_customeralias
referencing new table as new_rows
for each statement execute function crm_private.signals_follow_inserts('alias');

create trigger signals_follow_alias after update of code, customer_id
on public.customers_customeralias
for each row when (
    old.code is distinct from new.code or old.customer_id is distinct from new.customer_id
)
execute function crm_private.signals_follow_alias();

create trigger signals_follow_insert after insert on public.orders_product
referencing new table as new_rows
for each statement execute function crm_private.signals_follow_inserts('product');

create trigger signals_follow_key after update of key on public.orders_product
for each row when (old.key is distinct from new.key)
execute function crm_private.signals_follow_row('product');

create trigger signals_follow_delete after delete on public.orders_product
referencing old table as old_rows
for each statement execute function crm_private.signals_follow_deletes('product gone');

revoke all on function crm_private.enter_signal_gate() from public;
revoke all on function crm_private.link_one_customer(bigint) from public;
revoke all on function crm_private.link_one_alias(bigint) from public;
revoke all on function crm_private.link_one_product(bigint) from public;
revoke all on function crm_private.link_many(text, bigint, bigint) from public;
revoke all on function crm_private.relink_customer(bigint) from public;
revoke all on function crm_private.unlink_product(bigint) from public;
revoke all on function crm_private.link_signals(text, bigint, bigint) from public;
revoke all on function crm_private.link_now_and_at_commit(text, bigint, bigint) from public;
revoke all on function crm_private.link_at_commit() from public;
revoke all on function crm_private.signals_follow_inserts() from public;
revoke all on function crm_private.signals_follow_deletes() from public;
revoke all on function crm_private.signals_follow_row() from public;
revoke all on function crm_private.signals_follow_alias() from public;
