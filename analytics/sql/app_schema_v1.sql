-- Seed 003's functions. They read schema crm with their caller's rights, and nothing else.
--
-- Purchases and revenue have one source each, never both: counted orders (sales less returns,
-- without tax); where the user, or the product in that period, has none, the purchase signals.
-- Conversion compares signals with signals: purchase signals for each view, NULL without a view.
-- Days are local days of the business; the last day of a period is part of it.

create schema app_schema;

comment on schema app_schema is 'Functions on behaviour, named as in seed 003.';

create type app_schema.user_stats as (
    user_id bigint,
    total_events bigint,
    views bigint,
    carts bigint,
    purchases bigint,
    revenue numeric (14, 2),
    conversion numeric (12, 4),
    orders bigint,
    purchase_events bigint,
    products_viewed bigint,
    first_event_at timestamptz,
    last_event_at timestamptz,
    last_order_at timestamptz
);

create function app_schema.get_user_stats(user_id bigint) returns setof app_schema.user_stats
language sql
stable
set search_path = crm, pg_catalog, pg_temp
as $$
    with behaved as (
        select
            count(*) as total_events,
            count(*) filter (where e.event_type = 'view') as views,
            count(*) filter (where e.event_type = 'add_to_cart') as carts,
            count(*) filter (where e.event_type = 'purchase') as purchases,
            sum(crm.signal_amount(e.properties)) filter (where e.event_type = 'purchase')
                as stated,
            count(distinct e.product_id) filter (where e.event_type = 'view') as products_viewed,
            min(e.event_timestamp) as first_event_at,
            max(e.event_timestamp) as last_event_at
        from crm.events as e
        where e.user_id = $1 and not e.is_outreach
    )

    select
        c.id,
        b.total_events,
        b.views,
        b.carts,
        case when c.order_count > 0 then c.order_count else b.purchases end,
        case
            when c.order_count > 0 or c.total_spent <> 0 then c.total_spent
            else coalesce(b.stated, 0)
        end,
        round(b.purchases::numeric / nullif(b.views, 0), 4),
        c.order_count,
        b.purchases,
        b.products_viewed,
        b.first_event_at,
        b.last_event_at,
        c.last_order_at
    from crm.customers as c
    cross join behaved as b
    where c.id = $1
$$;

comment on function app_schema.get_user_stats is
'All that one user did so far: no row for an unknown, merged or test user. '
'Outreach by us is no event of theirs.';

create function app_schema.check_period(start_date date, end_date date) returns boolean
language plpgsql
immutable
as $$
begin
    if end_date - start_date > 1100 then
        raise exception 'A period of % days is too long: ask for at most 1100 (three years).',
            end_date - start_date
            using errcode = 'invalid_parameter_value';
    end if;
    return start_date <= end_date;
end
$$;

comment on function app_schema.check_period is
'True for a period of at least a day; an error beyond three years.';

create function app_schema.get_active_users(start_date date, end_date date)
returns table (
    user_id bigint,
    first_name text,
    last_name text,
    username text,
    total_events bigint,
    views bigint,
    carts bigint,
    purchases bigint,
    revenue numeric(14, 2),
    conversion numeric(12, 4),
    orders bigint,
    purchase_events bigint,
    first_event_at timestamptz,
    last_event_at timestamptz
)
language sql
stable
set search_path = crm, pg_catalog, pg_temp
as $$
    with period as (
        select crm.day_start($1) as since, crm.day_start($2 + 1) as until
        where app_schema.check_period($1, $2)
    ),

    behaved as (
        select
            e.user_id,
            count(*) as total_events,
            count(*) filter (where e.event_type = 'view') as views,
            count(*) filter (where e.event_type = 'add_to_cart') as carts,
            count(*) filter (where e.event_type = 'purchase') as purchases,
            sum(crm.signal_amount(e.properties)) filter (where e.event_type = 'purchase')
                as stated,
            min(e.event_timestamp) as first_event_at,
            max(e.event_timestamp) as last_event_at
        from crm.events as e
        where
            e.user_id is not null
            and not e.is_outreach
            and e.event_timestamp >= (select p.since from period as p)
            and e.event_timestamp < (select p.until from period as p)
        group by e.user_id
    ),

    bought as (
        select
            o.customer_id,
            count(*) filter (where o.is_sale) as orders,
            sum(case when o.is_sale then o.amount else -o.amount end) as net
        from (
            select customer_id, created_at, amount, true as is_sale from crm.orders
            union all
            select customer_id, created_at, amount, false as is_sale from crm.returns
        ) as o
        where
            o.customer_id is not null
            and o.created_at >= (select p.since from period as p)
            and o.created_at < (select p.until from period as p)
        group by o.customer_id
    ),

    active as (
        select
            coalesce(b.user_id, o.customer_id) as user_id,
            coalesce(b.total_events, 0) as total_events,
            coalesce(b.views, 0) as views,
            coalesce(b.carts, 0) as carts,
            coalesce(nullif(o.orders, 0), b.purchases, 0) as purchases,
            coalesce(o.net, b.stated, 0) as revenue,
            round(b.purchases::numeric / nullif(b.views, 0), 4) as conversion,
            coalesce(o.orders, 0) as orders,
            coalesce(b.purchases, 0) as purchase_events,
            b.first_event_at,
            b.last_event_at
        from behaved as b
        full join bought as o on b.user_id = o.customer_id
    )

    select
        a.user_id,
        u.first_name,
        u.last_name,
        u.username,
        a.total_events,
        a.views,
        a.carts,
        a.purchases,
        a.revenue,
        a.conversion,
        a.orders,
        a.purchase_events,
        a.first_event_at,
        a.last_event_at
    from active as a
    inner join crm.users as u on a.user_id = u.user_id
    where a.total_events > 0 or a.orders > 0
    order by a.total_events desc, a.orders desc, a.user_id
    limit 10000
$$;

comment on function app_schema.get_active_users is
'Users with an event of their own or an order in the local days from the first to the last, '
'both included, the most active first: at most 10,000, at most three years.';

create function app_schema.get_top_products(
    start_date date, end_date date, max_products integer default 10
)
returns table (
    product_id bigint,
    name text,
    category text,
    views bigint,
    carts bigint,
    purchases bigint,
    revenue numeric(14, 2),
    conversion numeric(12, 4),
    orders bigint,
    purchase_events bigint,
    users bigint
)
language sql
stable
set search_path = crm, pg_catalog, pg_temp
as $$
    with period as (
        select crm.day_start($1) as since, crm.day_start($2 + 1) as until
        where app_schema.check_period($1, $2)
    ),

    behaved as (
        select
            e.product_id,
            count(*) filter (where e.event_type = 'view') as views,
            count(*) filter (where e.event_type = 'add_to_cart') as carts,
            count(*) filter (where e.event_type = 'purchase') as purchases,
            sum(crm.signal_amount(e.properties)) filter (where e.event_type = 'purchase')
                as stated,
            count(distinct e.user_id) as users
        from crm.events as e
        where
            e.product_id is not null
            and not e.is_outreach
            and e.event_timestamp >= (select p.since from period as p)
            and e.event_timestamp < (select p.until from period as p)
        group by e.product_id
    ),

    sold as (
        select
            i.product_id,
            count(distinct i.order_id) as orders,
            sum(i.amount) as amount
        from crm.order_items as i
        inner join crm.orders as o on i.order_id = o.id
        where
            o.created_at >= (select p.since from period as p)
            and o.created_at < (select p.until from period as p)
        group by i.product_id
    )

    select
        p.product_id,
        p.name,
        p.category,
        coalesce(b.views, 0) as views,
        coalesce(b.carts, 0) as carts,
        coalesce(s.orders, b.purchases, 0) as purchases,
        coalesce(s.amount, b.stated, 0) as revenue,
        round(b.purchases::numeric / nullif(b.views, 0), 4) as conversion,
        coalesce(s.orders, 0) as orders,
        coalesce(b.purchases, 0) as purchase_events,
        coalesce(b.users, 0) as users
    from behaved as b
    full join sold as s on b.product_id = s.product_id
    inner join crm.products as p on coalesce(b.product_id, s.product_id) = p.product_id
    order by revenue desc, purchases desc, views desc, p.product_id
    -- Looked at before any row is: a period too long is refused also where nothing was sold.
    limit case
        when app_schema.check_period($1, $2) then least(greatest(coalesce($3, 10), 1), 1000)
    end
$$;

comment on function app_schema.get_top_products is
'Products that were viewed, put into a cart or bought in the local days from the first to the '
'last, both included, by revenue: at most 1,000, at most three years.';
