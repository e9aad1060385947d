-- The profiles of version 1 at a fraction of the time: whole units of 1/10000 instead of numeric,
-- numbers instead of texts to group and sort by, one row per order for all aromas. Of articles
-- with equal revenue the older one comes first; nothing else changes.

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
set work_mem = '256MB'
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
            id,
            customer_id,
            sale,
            sign,
            channel,
            cents,
            local_at,
            row_number() over earlier as seq,
            local_at::date - lag(local_at::date) over earlier as gap,
            -- An order counts .9 of the one after it.
            power(
                0.9::double precision,
                count(*) over (partition by customer_id, sale) - row_number() over earlier
            ) as weight
        from (
            select
                o.id,
                o.customer_id,
                o.ordered_at,
                o.ordered_at at time zone zone as local_at,
                o.kind = 'sale' as sale,
                case o.kind when 'sale' then 1.0::double precision else -1.0 end as sign,
                o.channel,
                (o.net_amount * 100)::bigint as cents
            from orders_order as o
            inner join customers_customer as c on o.customer_id = c.id
            where
                o.customer_id = any (customers)
                and o.status in ('paid', 'fulfilled')
                and o.ordered_at < until
                and c.status = 'active'
                and not c.is_test
        ) as counted
        window earlier as (partition by customer_id, sale order by ordered_at, id)
    ),
    buyers as (
        select
            customer_id,
            count(*) filter (where sale) as orders,
            sum(cents) filter (where sale) as sold,
            coalesce(sum(cents) filter (where not sale), 0) as returned,
            -- Of purchases on different days only.
            percentile_cont(0.5) within group (order by gap)
                filter (where sale and gap > 0) as median_gap_days
        from placed
        group by customer_id
        having count(*) filter (where sale) > 0
    ),
    -- How often each hour, weekday and season; the smallest of equally frequent ones wins. Orders
    -- at midnight sharp (hour -1) come from sources that know the day only.
    habits as (
        select
            customer_id,
            99 - max(times * 100 + 99 - hour) filter (where hour >= 0) % 100 as hour,
            sum(times) filter (where hour >= 0) as timed,
            9 - max(times * 10 + 9 - weekday) filter (where weekday is not null) % 10 as weekday,
            9 - max(times * 10 + 9 - season) filter (where season is not null) % 10 as season
        from (
            select customer_id, hour, weekday, season, count(*) as times
            from (
                select
                    customer_id,
                    case
                        when local_at::time = '00:00' then -1
                        else date_part('hour', local_at)::integer
                    end as hour,
                    date_part('isodow', local_at)::integer as weekday,
                    -- From 0: winter (December to February), spring, summer, autumn.
                    date_part('month', local_at)::integer % 12 / 3 as season
                from placed
                where sale
            ) as times
            group by grouping sets (
                (customer_id, hour), (customer_id, weekday), (customer_id, season)
            )
        ) as counted
        group by customer_id
    ),
    lines as materialized (
        select
            o.customer_id,
            o.id as order_id,
            o.sale,
            o.sign,
            o.seq,
            o.weight,
            i.ordinal,
            i.product_id,
            -- Exact up to 900 thousand million in money.
            (i.net_amount * 10000)::bigint::double precision as net,
            p.aroma_fruity,
            p.aroma_floral,
            p.aroma_spicy,
            p.aroma_woody,
            p.aroma_mineral,
            p.aroma_herbal,
            p.aroma_earthy
        from placed as o
        inner join orders_orderitem as i on o.id = i.order_id
        inner join orders_product as p on i.product_id = p.id
        where p.kind = 'product'
    ),
    bought as materialized (
        select customer_id, product_id, sum(net * sign) as revenue
        from lines
        group by customer_id, product_id
    ),
    -- The dearest line of the first and of the last sale that has one.
    edges as (
        select customer_id, min(seq) as first_seq, max(seq) as last_seq
        from lines
        where sale
        group by customer_id
    ),
    ends as (
        select
            customer_id,
            (array_agg(product_id order by net desc, ordinal) filter (where is_first))[1]
                as first_product_id,
            (array_agg(product_id order by net desc, ordinal) filter (where is_last))[1]
                as last_product_id
        from (
            select
                l.customer_id,
                l.product_id,
                l.net,
                l.ordinal,
                l.seq = e.first_seq as is_first,
                l.seq = e.last_seq as is_last
            from lines as l
            inner join edges as e on l.customer_id = e.customer_id
            where l.sale and (l.seq = e.first_seq or l.seq = e.last_seq)
        ) as outermost
        group by customer_id
    ),
    -- Values as numbers: the attribute in the upper bits, so that they sort by it first.
    seen as materialized (
        select p.id, p.key, p.family, p.grape, p.sugar_level, p.price_band
        from orders_product as p
        where p.id in (select product_id from bought)
    ),
    named as materialized (
        select code, attribute, value, to_json(value)::text as quoted
        from (
            select
                (attribute << 40)
                + row_number() over (order by attribute, value collate "C") as code,
                attribute,
                value
            from (
                select distinct v.attribute, v.value
                from (
                    select distinct family, grape, sugar_level, price_band from seen
                ) as tastes
                cross join lateral (
                    values
                    (1::bigint, family), (2::bigint, grape),
                    (3::bigint, sugar_level), (4::bigint, price_band)
                ) as v (attribute, value)
                where v.value <> ''
                union
                select distinct 6::bigint, channel from placed
                where channel <> ''
            ) as values
            union all
            select (5::bigint << 40) + id, 5::bigint, key from seen
        ) as numbered
    ),
    facets as (
        select s.id as product_id, n.code
        from seen as s
        cross join lateral (
            values
            (1::bigint, s.family), (2::bigint, s.grape),
            (3::bigint, s.sugar_level), (4::bigint, s.price_band)
        ) as v (attribute, value)
        inner join named as n on v.attribute = n.attribute and v.value = n.value
    ),
    ranked as (
        select
            customer_id,
            code >> 40 as attribute,
            (array_agg(code order by revenue desc, code))[1:5] as codes,
            (array_agg(revenue order by revenue desc, code))[1:5] as revenues,
            sum(revenue) as total
        from (
            select b.customer_id, f.code, sum(b.revenue) as revenue
            from bought as b
            inner join facets as f on b.product_id = f.product_id
            group by b.customer_id, f.code
            union all
            select customer_id, (5::bigint << 40) + product_id, revenue
            from bought
            union all
            select o.customer_id, n.code, sum(o.cents * o.sign) * 100
            from placed as o
            inner join named as n on o.channel = n.value and n.attribute = 6
            group by o.customer_id, n.code
        ) as worth
        where revenue > 0
        group by customer_id, code >> 40
    ),
    -- As text and then one jsonb: building each object by a function takes twice as long.
    shown as (
        select
            r.customer_id,
            r.attribute,
            (
                '[' || string_agg(
                    '{"value": ' || n.quoted
                    || ', "share": ' || floor(t.revenue * 10000 / r.total + 0.5) / 10000
                    || ', "revenue": ' || floor(t.revenue / 100 + 0.5) / 100 || '}',
                    ',' order by t.place
                ) || ']'
            )::jsonb as items
        from ranked as r
        cross join lateral unnest(r.codes, r.revenues)
            with ordinality as t (code, revenue, place)
        inner join named as n on t.code = n.code
        group by r.customer_id, r.attribute
    ),
    lists as (
        select
            customer_id,
            any_value(items) filter (where attribute = 1) as families,
            any_value(items) filter (where attribute = 2) as grapes,
            any_value(items) filter (where attribute = 3) as sugar_levels,
            any_value(items) filter (where attribute = 4) as price_bands,
            any_value(items) filter (where attribute = 5) as products,
            any_value(items) filter (where attribute = 6) as channels
        from shown
        group by customer_id
    ),
    -- What came back altogether says nothing about liking.
    gone as materialized (
        select customer_id, product_id from bought
        where revenue <= 0
    ),
    -- Per order: spend times strength, and spend, of the lines whose article has the axis.
    tasted as (
        select
            customer_id,
            max(weight) as weight,
            sum(net * aroma_fruity) as fruity,
            sum(net * aroma_floral) as floral,
            sum(net * aroma_spicy) as spicy,
            sum(net * aroma_woody) as woody,
            sum(net * aroma_mineral) as mineral,
            sum(net * aroma_herbal) as herbal,
            sum(net * aroma_earthy) as earthy,
            sum(net) filter (where aroma_fruity is not null) as fruity_net,
            sum(net) filter (where aroma_floral is not null) as floral_net,
            sum(net) filter (where aroma_spicy is not null) as spicy_net,
            sum(net) filter (where aroma_woody is not null) as woody_net,
            sum(net) filter (where aroma_mineral is not null) as mineral_net,
            sum(net) filter (where aroma_herbal is not null) as herbal_net,
            sum(net) filter (where aroma_earthy is not null) as earthy_net
        from lines as l
        where
            any_aroma
            and sale
            and net > 0
            and not exists (
                select from gone as g
                where g.customer_id = l.customer_id and g.product_id = l.product_id
            )
        group by customer_id, order_id
    ),
    sipped as (
        select
            customer_id,
            array[
                count(fruity_net),
                count(floral_net),
                count(spicy_net),
                count(woody_net),
                count(mineral_net),
                count(herbal_net),
                count(earthy_net)
            ] as orders,
            array[
                sum(weight * fruity) / sum(weight * fruity_net),
                sum(weight * floral) / sum(weight * floral_net),
                sum(weight * spicy) / sum(weight * spicy_net),
                sum(weight * woody) / sum(weight * woody_net),
                sum(weight * mineral) / sum(weight * mineral_net),
                sum(weight * herbal) / sum(weight * herbal_net),
                sum(weight * earthy) / sum(weight * earthy_net)
            ] as means,
            array[
                stddev_pop(fruity / fruity_net),
                stddev_pop(floral / floral_net),
                stddev_pop(spicy / spicy_net),
                stddev_pop(woody / woody_net),
                stddev_pop(mineral / mineral_net),
                stddev_pop(herbal / herbal_net),
                stddev_pop(earthy / earthy_net)
            ] as spreads
        from tasted
        group by customer_id
    ),
    -- Strengths are 1 to 5, scores 0 to 1. The largest possible spread of the former is 2.
    scored as (
        select
            s.customer_id,
            a.axis,
            a.orders,
            a.spread,
            round(((a.mean - 1) / 4)::numeric, 4) as score,
            round((least(1, a.orders / 6.0) * (1 - a.spread / 2))::numeric, 4) as confidence
        from sipped as s
        cross join lateral unnest(
            array['fruity', 'floral', 'spicy', 'woody', 'mineral', 'herbal', 'earthy'],
            s.orders,
            s.means,
            s.spreads
        ) as a (axis, orders, mean, spread)
        where a.orders >= 2
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
        round(b.sold / 100 / b.orders, 2),
        case when b.sold > 0 then least(1, round(b.returned / b.sold, 4)) end,
        b.median_gap_days,
        e.first_product_id,
        e.last_product_id,
        case when h.timed >= 3 then h.hour::smallint end,
        case when b.orders >= 3 then h.weekday::smallint end,
        case
            when b.orders >= 3
                then (array['winter', 'spring', 'summer', 'autumn'])[h.season + 1]
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
    inner join habits as h on b.customer_id = h.customer_id
    left join ends as e on b.customer_id = e.customer_id
    left join lists as l on b.customer_id = l.customer_id
    left join taste as t on b.customer_id = t.customer_id;
end
$$;
