-- A refresh of the stored profiles, in three steps of one transaction: who is to be computed, the
-- profiles of a chunk of them (into a table of its own), and the differences into the table that
-- everybody reads. Nobody waits for any of it, and whatever kills it on the way leaves the former
-- profiles and the log of changes as they were.

create table crm_private.profile_state (
    only_row boolean primary key default true check (only_row),
    until timestamptz not null,
    time_zone text not null,
    rules text not null
);

comment on table crm_private.profile_state is
'One row: what the stored profiles describe, in which zone, by which version of the rules.';

create function crm_private.profiles_begin(
    until timestamptz, zone text, rules text, everybody boolean, chunk integer
) returns table (whole boolean, customers bigint, chunks integer)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    former crm_private.profile_state%rowtype;
begin
    create unlogged table public.analytics_profiletaken as
    select customer_id, product_id from crm_private.profile_change where false;
    with taken as (
        delete from crm_private.profile_change returning customer_id, product_id
    )
    insert into analytics_profiletaken
    select distinct customer_id, product_id from taken;
    analyze analytics_profiletaken;

    select * into former from crm_private.profile_state;
    whole := everybody
        or former.until is null
        or former.until > profiles_begin.until
        or former.time_zone <> zone
        or former.rules <> profiles_begin.rules
        or exists (
            select from analytics_profiletaken where customer_id is null and product_id is null
        );

    create unlogged table public.analytics_profilechunk (
        chunk integer not null,
        customers bigint[] not null
    );
    if whole then
        insert into analytics_profilechunk
        select n / profiles_begin.chunk, array_agg(customer_id)
        from (
            select customer_id, row_number() over (order by customer_id) - 1 as n
            from orders_customertotals
            where order_count > 0
        ) as numbered
        group by 1;
    else
        insert into analytics_profilechunk
        select n / profiles_begin.chunk, array_agg(customer_id)
        from (
            select customer_id, row_number() over (order by customer_id) - 1 as n
            from (
                select t.customer_id from analytics_profiletaken as t
                where t.customer_id is not null
                union
                select o.customer_id
                from analytics_profiletaken as t
                inner join orders_orderitem as i on t.product_id = i.product_id
                inner join orders_order as o on i.order_id = o.id
                where o.customer_id is not null
                union
                -- Written long ago, but later than the day that was described before.
                select o.customer_id from orders_order as o
                where
                    o.ordered_at >= former.until
                    and o.ordered_at < profiles_begin.until
                    and o.customer_id is not null
            ) as touched
        ) as numbered
        group by 1;
    end if;
    create unlogged table public.analytics_profilebuild as
    select * from crm_private.profile_rows('{}', profiles_begin.until, zone)
    with no data;
    drop table public.analytics_profiletaken;
    select coalesce(sum(cardinality(c.customers)), 0), count(*) into customers, chunks
    from analytics_profilechunk as c;
    return next;
end
$$;

comment on function crm_private.profiles_begin is
'Take the log of changes and list who is to be computed, in chunks from 0.';

create function crm_private.profiles_compute(chunk integer, until timestamptz, zone text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    computed bigint;
begin
    insert into analytics_profilebuild
    select r.*
    from crm_private.profile_rows(
        (select c.customers from analytics_profilechunk as c where c.chunk = profiles_compute.chunk),
        until,
        zone
    ) as r;
    get diagnostics computed = row_count;
    return computed;
end
$$;

comment on function crm_private.profiles_compute is 'Compute one chunk; returns its profiles.';

create function crm_private.profiles_publish(
    as_of date, until timestamptz, zone text, rules text, whole boolean
) returns table (written bigint, removed bigint)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
begin
    alter table analytics_profilebuild add primary key (customer_id);
    analyze analytics_profilebuild;
    if whole then
        delete from analytics_customerprofile as p
        where not exists (
            select from analytics_profilebuild as b where b.customer_id = p.customer_id
        );
    else
        delete from analytics_customerprofile as p
        using (select unnest(c.customers) as customer_id from analytics_profilechunk as c) as t
        where
            p.customer_id = t.customer_id
            and not exists (
                select from analytics_profilebuild as b where b.customer_id = p.customer_id
            );
    end if;
    get diagnostics removed = row_count;
    -- A profile that came out as it was stays as it is, with the day on which it last changed.
    merge into analytics_customerprofile as p
    using analytics_profilebuild as b on p.customer_id = b.customer_id
    when matched and (
        p.orders, p.average_order_value, p.returns_share, p.median_gap_days,
        p.first_product_id, p.last_product_id, p.preferred_hour, p.preferred_weekday,
        p.preferred_season, p.channels, p.families, p.grapes, p.sugar_levels, p.price_bands,
        p.products, p.aromas, p.aroma_confidence
    ) is distinct from (
        b.orders, b.average_order_value, b.returns_share, b.median_gap_days,
        b.first_product_id, b.last_product_id, b.preferred_hour, b.preferred_weekday,
        b.preferred_season, b.channels, b.families, b.grapes, b.sugar_levels, b.price_bands,
        b.products, b.aromas, b.aroma_confidence
    ) then update set
        orders = b.orders,
        average_order_value = b.average_order_value,
        returns_share = b.returns_share,
        median_gap_days = b.median_gap_days,
        first_product_id = b.first_product_id,
        last_product_id = b.last_product_id,
        preferred_hour = b.preferred_hour,
        preferred_weekday = b.preferred_weekday,
        preferred_season = b.preferred_season,
        channels = b.channels,
        families = b.families,
        grapes = b.grapes,
        sugar_levels = b.sugar_levels,
        price_bands = b.price_bands,
        products = b.products,
        aromas = b.aromas,
        aroma_confidence = b.aroma_confidence,
        as_of = profiles_publish.as_of,
        refreshed_at = now()
    when not matched then insert (
        customer_id, orders, average_order_value, returns_share, median_gap_days,
        first_product_id, last_product_id, preferred_hour, preferred_weekday, preferred_season,
        channels, families, grapes, sugar_levels, price_bands, products, aromas,
        aroma_confidence, as_of, refreshed_at
    ) values (
        b.customer_id, b.orders, b.average_order_value, b.returns_share, b.median_gap_days,
        b.first_product_id, b.last_product_id, b.preferred_hour, b.preferred_weekday,
        b.preferred_season, b.channels, b.families, b.grapes, b.sugar_levels, b.price_bands,
        b.products, b.aromas, b.aroma_confidence, profiles_publish.as_of, now()
    );
    get diagnostics written = row_count;
    insert into crm_private.profile_state (until, time_zone, rules)
    values (profiles_publish.until, zone, profiles_publish.rules)
    on conflict (only_row) do update set
        until = excluded.until, time_zone = excluded.time_zone, rules = excluded.rules;
    drop table public.analytics_profilechunk;
    drop table public.analytics_profilebuild;
    return next;
end
$$;

comment on function crm_private.profiles_publish is
'Bring what was computed into the stored profiles; returns how many changed and went.';

revoke all on function crm_private.profiles_begin(
    timestamptz, text, text, boolean, integer
) from public;
revoke all on function crm_private.profiles_compute(integer, timestamptz, text) from public;
revoke all on function crm_private.profiles_publish(
    date, timestamptz, text, text, boolean
) from public;
