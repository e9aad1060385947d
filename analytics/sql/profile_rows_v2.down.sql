-- Back to version 1.

create or replace function crm_private.profile_rows(
    customers bigint[], until timestamptz, zone text
) returns table (
    customer_id bigint,
    orders integer,
    average_order_value numeric,
    returns_share numeric,
    median_gap_days double precision,
    first_product_id bigint,
    last_product_id bigint,
    preferred_hour smallint,
    preferred_weekday smallint,
    preferred_season text,
    channels jsonb,
    families jsonb,
    grapes jsonb,
    sugar_levels jsonb,
    price_bands jsonb,
    products jsonb,
    aromas jsonb,
    aroma_confidence double precision
)
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set work_mem = '64MB'
set jit = off
-- Plans must know how many customers are asked for, and whether the shop has aromas at all.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    any_aroma constant boolean := exists (
        select from orders_product
        where coalesce(
            aroma_fruity, aroma_floral, aroma_spicy, aroma_woody,
            aroma_mineral, aroma_herbal, aroma_earthy
        ) is not null
    );
begin
    return query
    with placed as materialized (
        select
            o.id,
            o.customer_id,
            o.ordered_at,
            o.ordered_at at time zone zone as local_at,
            o.kind = 'sale' as sale,
            o.channel,
            o.net_amount as net
        from orders_order as o
        inner join customers_customer as c on o.customer_id = c.id
        where
            o.customer_id = any (customers)
            and o.status in ('paid', 'fulfilled')
            and o.ordered_at < until
            and c.status = 'active'
            and not c.is_test
    ),
    buyers as materialized (
        select
            customer_id,
            count(*) filter (where sale) as orders,
            sum(net) filter (where sale) as sold,
            coalesce(sum(net) filter (where not sale), 0) as returned,
            -- Orders at midnight sharp come from sources that know the day only.
            count(*) filter (where sale and local_at::time <> '00:00') as timed,
            mode() within group (order by extract(hour from local_at)::smallint)
                filter (where sale and local_at::time <> '00:00') as hour,
            mode() within group (order by extract(isodow from local_at)::smallint)
                filter (where sale) as weekday,
            -- From 0: winter (December to February), spring, summer, autumn.
            mode() within group (order by extract(month from local_at)::integer % 12 / 3)
                filter (where sale) as season
        from placed
        group by customer_id
        having count(*) filter (where sale) > 0
    ),
    rhythm as (
        select
            customer_id,
            percentile_cont(0.5) within group (order by gap) as median_gap_days
        from (
            select
                customer_id,
                day - lag(day) over (partition by customer_id order by day) as gap
            from (
                -- Several orders of a day are one purchase.
                select distinct customer_id, local_at::date as day from placed where sale
            ) as days
        ) as gaps
        where gap is not null
        group by customer_id
    ),
    lines as materialized (
        select
            o.customer_id,
            o.id as order_id,
            o.ordered_at,
            o.sale,
            i.ordinal,
            i.product_id,
            i.net_amount as net
        from placed as o
        inner join orders_orderitem as i on o.id = i.order_id
        inner join orders_product as p on i.product_id = p.id
        where p.kind = 'product'
    ),
    -- Arrays compare by their first elements: the earliest order, in it the dearest line.
    ends as (
        select
            customer_id,
            (min(array[
                (extract(epoch from ordered_at) * 1000000)::bigint, order_id,
                (net * -10000)::bigint, ordinal, product_id
            ]))[5] as first_product_id,
            (max(array[
                (extract(epoch from ordered_at) * 1000000)::bigint, order_id,
                (net * 10000)::bigint, -ordinal, product_id
            ]))[5] as last_product_id
        from lines
        where sale
        group by customer_id
    ),
    bought as materialized (
        select
            customer_id,
            product_id,
            sum(case when sale then net else -net end) as revenue
        from lines
        group by customer_id, product_id
    ),
    worth as (
        select b.customer_id, v.attribute, v.value, sum(b.revenue) as revenue
        from bought as b
        inner join orders_product as p on b.product_id = p.id
        cross join lateral (
            values
            ('families', p.family), ('grapes', p.grape), ('sugar_levels', p.sugar_level),
            ('price_bands', p.price_band)
        ) as v (attribute, value)
        where v.value <> ''
        group by b.customer_id, v.attribute, v.value
        union all
        select b.customer_id, 'products', p.key, b.revenue
        from bought as b
        inner join orders_product as p on b.product_id = p.id
        union all
        select customer_id, 'channels', channel, sum(case when sale then net else -net end)
        from placed
        where channel <> ''
        group by customer_id, channel
    ),
    ranked as (
        select
            customer_id,
            attribute,
            value,
            revenue,
            row_number() over (
                partition by customer_id, attribute order by revenue desc, value collate "C"
            ) as place,
            revenue / sum(revenue) over (partition by customer_id, attribute) as share
        from worth
        where revenue > 0
    ),
    lists as (
        select
            customer_id,
            jsonb_agg(item order by place) filter (where attribute = 'channels') as channels,
            jsonb_agg(item order by place) filter (where attribute = 'families') as families,
            jsonb_agg(item order by place) filter (where attribute = 'grapes') as grapes,
            jsonb_agg(item order by place)
                filter (where attribute = 'sugar_levels') as sugar_levels,
            jsonb_agg(item order by place)
                filter (where attribute = 'price_bands') as price_bands,
            jsonb_agg(item order by place) filter (where attribute = 'products') as products
        from (
            select
                customer_id,
                attribute,
                place,
                jsonb_build_object(
                    'value', value, 'share', round(share, 4), 'revenue', round(revenue, 2)
                ) as item
            from ranked
            where place <= 5
        ) as shown
        group by customer_id
    ),
    -- Sums per order and axis: spend times strength, and spend. What came back altogether says
    -- nothing about liking; an axis that a product lacks does not count for it.
    tasted as (
        select
            l.customer_id,
            l.order_id,
            array[
                sum(l.net * p.aroma_fruity), sum(l.net * p.aroma_floral),
                sum(l.net * p.aroma_spicy), sum(l.net * p.aroma_woody),
                sum(l.net * p.aroma_mineral), sum(l.net * p.aroma_herbal),
                sum(l.net * p.aroma_earthy)
            ]::double precision[] as strengths,
            array[
                sum(l.net) filter (where p.aroma_fruity is not null),
                sum(l.net) filter (where p.aroma_floral is not null),
                sum(l.net) filter (where p.aroma_spicy is not null),
                sum(l.net) filter (where p.aroma_woody is not null),
                sum(l.net) filter (where p.aroma_mineral is not null),
                sum(l.net) filter (where p.aroma_herbal is not null),
                sum(l.net) filter (where p.aroma_earthy is not null)
            ]::double precision[] as spends
        from lines as l
        inner join bought as b on l.customer_id = b.customer_id and l.product_id = b.product_id
        inner join orders_product as p on l.product_id = p.id
        where any_aroma and l.sale and l.net > 0 and b.revenue > 0
        group by l.customer_id, l.order_id
    ),
    -- An order counts .9 of the one after it.
    ages as (
        select
            id as order_id,
            power(0.9::double precision, row_number() over (
                partition by customer_id order by ordered_at desc, id desc
            ) - 1) as weight
        from placed
        where any_aroma and sale
    ),
    axes as (
        select
            t.customer_id,
            a.axis,
            count(*) as orders,
            sum(w.weight * a.strength) / sum(w.weight * a.spend) as mean,
            stddev_pop(a.strength / a.spend) as spread
        from tasted as t
        inner join ages as w on t.order_id = w.order_id
        cross join lateral unnest(
            array['fruity', 'floral', 'spicy', 'woody', 'mineral', 'herbal', 'earthy'],
            t.strengths,
            t.spends
        ) as a (axis, strength, spend)
        where a.spend > 0
        group by t.customer_id, a.axis
        having count(*) >= 2
    ),
    -- Strengths are 1 to 5, scores 0 to 1. The largest possible spread of the former is 2.
    scored as (
        select
            customer_id,
            axis,
            orders,
            spread,
            round(((mean - 1) / 4)::numeric, 4) as score,
            round((least(1, orders / 6.0) * (1 - spread / 2))::numeric, 4) as confidence
        from axes
    ),
    taste as (
        select
            customer_id,
            jsonb_object_agg(
                axis,
                jsonb_build_object(
                    'score', score,
                    'confidence', confidence,
                    'level', case
                        when score < 0.45 then 'low' when score < 0.7 then 'medium' else 'high'
                    end
                )
            ) as aromas,
            round((least(1, max(orders) / 6.0) * (1 - avg(spread) / 2))::numeric, 4)
                as confidence
        from scored
        group by customer_id
    )
    select
        b.customer_id,
        b.orders::integer,
        round(b.sold / b.orders, 2),
        case when b.sold > 0 then least(1, round(b.returned / b.sold, 4)) end,
        r.median_gap_days,
        e.first_product_id,
        e.last_product_id,
        case when b.timed >= 3 then b.hour end,
        case when b.orders >= 3 then b.weekday end,
        case
            when b.orders >= 3
                then (array['winter', 'spring', 'summer', 'autumn'])[b.season + 1]
        end,
        l.channels,
        l.families,
        l.grapes,
        l.sugar_levels,
        l.price_bands,
        l.products,
        t.aromas,
        t.confidence::double precision
    from buyers as b
    left join rhythm as r on b.customer_id = r.customer_id
    left join ends as e on b.customer_id = e.customer_id
    left join lists as l on b.customer_id = l.customer_id
    left join taste as t on b.customer_id = t.customer_id;
end
$$;
