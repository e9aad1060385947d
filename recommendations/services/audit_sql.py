"""The statements of the audit, for the customers of one run between two ids.

``FINDINGS`` reads, so that an export can ask it again; ``WRITE`` stores what it finds. Purchases
are looked at up to ``at``, the moment of the audit; what a customer usually likes and pays is told
from orders before ``then``, the end of the run's day, as it was for the run itself.
"""

from recommendations.scoring.audit_rules import BY_CODE, CONTACT_CODES

# ruff: noqa: S608 - put together from constants of this module and of the rules

_ITEMS = """
    items as materialized (
        select
            i.id, i.customer_id, i.product_id, i.rank, i.scenario, i.slot, i.score, i.price,
            p.id is not null and p.kind = 'product' as known,
            p.is_active, p.stock, p.family, p.sugar_level, p.premium_tier
        from recommendations_recoitem as i
        left join orders_product as p on p.id = i.product_id
        where
            i.run_id = %(run)s and i.customer_id between %(low)s and %(high)s
            -- What somebody took out of a list is no fault of it any more.
            and i.status <> 'rejected'
    )
"""

# What was sent back in full was not bought, as in the run.
_BOUGHT = """
    lines as materialized (
        select
            o.customer_id, i.product_id, o.ordered_at, i.quantity, i.net_amount,
            o.ordered_at < %(then)s as known
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        where
            o.customer_id in (select customer_id from items)
            and o.kind = 'sale' and o.status in ('paid', 'fulfilled') and o.ordered_at < %(at)s
    ),
    pairs as materialized (
        select
            customer_id, product_id, max(ordered_at) as last_at,
            coalesce(sum(quantity) filter (where known), 0) as pieces,
            coalesce(sum(net_amount) filter (where known), 0) as money
        from lines
        group by customer_id, product_id
    ),
    back as materialized (
        select
            o.customer_id, i.product_id, max(o.ordered_at) as last_at,
            coalesce(sum(i.quantity) filter (where o.ordered_at < %(then)s), 0) as pieces
        from orders_order as o
        join orders_orderitem as i on i.order_id = o.id
        where
            o.customer_id in (select customer_id from items)
            and o.kind = 'return' and o.status in ('paid', 'fulfilled') and o.ordered_at < %(at)s
        group by o.customer_id, i.product_id
    ),
    kept as materialized (
        select
            pairs.customer_id, pairs.product_id,
            case when %(has_money)s then pairs.money else pairs.pieces end as worth
        from pairs
        left join back using (customer_id, product_id)
        where pairs.pieces > 0 and coalesce(back.pieces, 0) < pairs.pieces
    ),
    families as (
        select kept.customer_id, p.family, sum(kept.worth) as worth
        from kept join orders_product as p on p.id = kept.product_id
        where p.kind = 'product' and p.family <> ''
        group by kept.customer_id, p.family
    ),
    -- One row for each customer, also where no family is the main one: filters that keep few rows
    -- in the planner's eyes make it compare all customers with all.
    dominant as (
        select
            customer_id,
            -- Two alike are none: neither is the main one.
            case
                when worth > 0 and (next_worth is null or worth > next_worth * 1.000001)
                    then family
            end as family
        from (
            select distinct on (customer_id)
                customer_id, family, worth,
                lead(worth) over (partition by customer_id order by worth desc) as next_worth
            from families
            order by customer_id, worth desc
        ) as best
    ),
    sugar as (
        select kept.customer_id, p.sugar_level, sum(kept.worth) as worth,
            sum(sum(kept.worth)) over (partition by kept.customer_id) as total
        from kept join orders_product as p on p.id = kept.product_id
        where p.kind = 'product' and p.sugar_level is not null
        group by kept.customer_id, p.sugar_level
    ),
    own as (
        select
            lines.customer_id,
            percentile_cont(0.5) within group (order by lines.net_amount / lines.quantity)
                filter (where lines.net_amount > 0) as price,
            percentile_cont(0.5) within group (order by p.premium_tier)
                filter (where p.premium_tier is not null) as tier
        from lines
        join kept using (customer_id, product_id)
        join orders_product as p on p.id = lines.product_id and p.kind = 'product'
        where lines.known
        group by lines.customer_id
    ),
    offered as (
        select customer_id, product_id
        from (
            select
                ei.customer_id, ei.product_id,
                dense_rank() over (partition by ei.customer_id order by e.run_id desc) as place
            from recommendations_recoexportitem as ei
            join recommendations_recoexport as e on e.id = ei.export_id
            where
                e.run_id <> %(run)s and e.created_at < %(at)s
                and ei.customer_id in (select customer_id from items)
        ) as earlier
        where place <= 2
        group by customer_id, product_id
    )
"""

_RULES = """
    select customer_id, rank, product_id, 'UNKNOWN_PRODUCT' as code, '{}'::jsonb as details
    from items where not known
    union all
    select customer_id, rank, product_id, 'INACTIVE_PRODUCT', '{}' from items
    where known and not is_active
    union all
    select customer_id, rank, product_id, 'OUT_OF_STOCK', '{}' from items
    where known and is_active and stock <= 0
    union all
    select customer_id, rank, product_id, 'OUT_OF_SEASON', '{}' from items
    where known and is_active and product_id = any(%(out_of_season)s::bigint[])
    union all
    select customer_id, rank, product_id, 'RETURNED',
        jsonb_build_object('on', (back.last_at at time zone %(zone)s)::date)
    from items join back using (customer_id, product_id)
    union all
    select customer_id, rank, product_id, 'MISSING_PRICE', '{}' from items
    where price is null and %(require_price)s
    union all
    select customer_id, rank, product_id, 'RECENT_DUPLICATE',
        jsonb_build_object('also_rank', first_rank)
    from (
        select items.*, min(rank) over (partition by customer_id, product_id) as first_rank
        from items
    ) as twice
    where rank > first_rank
    union all
    select customer_id, rank, product_id, 'RECENT_DUPLICATE',
        jsonb_build_object('days', days, 'limit', %(exclusion_days)s)
    from (
        select
            items.*, %(at_day)s::date - (pairs.last_at at time zone %(zone)s)::date as days
        from items join pairs using (customer_id, product_id)
    ) as bought
    where days < %(exclusion_days)s
    union all
    select customer_id, rank, product_id, 'UPSELL_NOT_HIGHER',
        case
            when premium_tier is not null and own.tier is not null
                then jsonb_build_object('tier', premium_tier, 'own', own.tier)
            else jsonb_build_object('price', items.price, 'median', round(own.price::numeric, 2))
        end
    from items left join own using (customer_id)
    where
        scenario = 'UPSELL'
        and not coalesce(
            case
                when premium_tier is not null and own.tier is not null
                    then premium_tier > own.tier
                else items.price > own.price
            end,
            false
        )
    union all
    select items.customer_id, rank, items.product_id, 'CROSS_SELL_NOT_NEW',
        case
            when pairs.product_id is not null
                then jsonb_build_object('last_on', (pairs.last_at at time zone %(zone)s)::date)
            else jsonb_build_object('family', items.family)
        end
    from items
    left join pairs
        on pairs.customer_id = items.customer_id and pairs.product_id = items.product_id
    left join dominant
        on dominant.customer_id = items.customer_id and dominant.family = items.family
    where
        scenario = 'CROSS_SELL'
        and (pairs.product_id is not null or dominant.family is not null)
    union all
    select e.customer_id, null, null, 'CONTROL_LEAK',
        jsonb_build_object('campaign', min(c.code))
    from recommendations_recoexport as e_run
    join recommendations_recoexportitem as e on e.export_id = e_run.id
    join recommendations_assignment as a
        on a.campaign_id = e_run.campaign_id and a.customer_id = e.customer_id
            and a.arm = 'control'
    join customers_campaign as c on c.id = e_run.campaign_id
    where e_run.run_id = %(run)s and e.customer_id between %(low)s and %(high)s
    group by e.customer_id
    union all
    select customer_id, null, null, 'LOW_DIVERSITY',
        jsonb_build_object('family', (array_agg(family order by times desc))[1],
            'products', max(times), 'of', sum(times))
    from (
        select customer_id, family, count(*) as times from items group by customer_id, family
    ) as by_family
    group by customer_id
    having
        sum(times) >= 3
        and coalesce(max(times) filter (where family <> ''), 0) > 0.7 * sum(times)
    union all
    select items.customer_id, rank, items.product_id, 'ATTRIBUTE_MISMATCH',
        jsonb_build_object('value', items.sugar_level,
            'share', round(coalesce(sugar.worth / sugar.total, 0)::numeric, 4))
    from items
    join (
        select customer_id from sugar where total > 0 group by customer_id
    ) as told using (customer_id)
    left join sugar
        on sugar.customer_id = items.customer_id and sugar.sugar_level = items.sugar_level
    where
        items.sugar_level is not null and coalesce(sugar.worth / nullif(sugar.total, 0), 0) < 0.05
    union all
    select customer_id, rank, product_id, 'LOW_SCORE',
        jsonb_build_object('score', score, 'limit', 30)
    from items where score < 30
    union all
    select items.customer_id, rank, items.product_id, 'REPEATED_RECOMMENDATION', '{}'
    from items join offered using (customer_id, product_id)
    union all
    select customer_id, rank, product_id, 'PRICE_JUMP',
        jsonb_build_object('price', items.price, 'median', round(own.price::numeric, 2))
    from items join own using (customer_id)
    where items.price > 2 * own.price
"""

SEVERITIES = ", ".join(f"('{check.code}', '{check.severity}')" for check in BY_CODE.values())
_CONTACT_NAMES = ", ".join(f"('{code}', '{finding}')" for code, finding in CONTACT_CODES.items())

FINDINGS = f"""
    with {_ITEMS}, {_BOUGHT},
    found as ({_RULES})
    select customer_id, rank, product_id, code, severity, details
    from found join (values {SEVERITIES}) as known (code, severity) using (code)
"""
"""What is wrong with the lists themselves, one row per finding."""

WRITE = f"""
    insert into recommendations_audititem
        (customer_id, run_id, ordinal, rank, product_id, code, severity, details)
    select
        customer_id, %(run)s,
        10 + row_number() over (
            partition by customer_id order by severity, code, rank, details::text
        ),
        rank, product_id, code, severity, details
    from ({FINDINGS}) as found
"""

# One finding per code: bounced and opted out are the same one. The first scenario of the list is
# the message's, as it was at the selection.
WRITE_CONTACT = f"""
    with firsts as materialized (
        select customer_id, (array_agg(scenario order by rank))[1] as scenario
        from recommendations_recoitem
        where run_id = %(run)s and customer_id between %(low)s and %(high)s
        group by customer_id
    ),
    given as (
        select
            array_agg(customer_id order by customer_id) as ids,
            array_agg(scenario::text order by customer_id) as scenarios
        from firsts
    ),
    found as (
        select
            c.customer_id, names.finding, array_agg(names.code) as codes,
            jsonb_build_object(
                'evidence', (array_agg(c.evidence))[1], 'next_allowed_at', min(c.next_allowed_at)
            ) as details
        from given
        cross join lateral crm_private.contactability(
            given.ids, %(channel)s, %(purpose)s, null, %(at)s, given.scenarios, true
        ) as c
        cross join lateral unnest(c.codes) as broken (code)
        join (values {_CONTACT_NAMES}) as names (code, finding) on names.code = broken.code
        where given.ids is not null
        group by c.customer_id, names.finding
    )
    insert into recommendations_audititem
        (customer_id, run_id, ordinal, rank, product_id, code, severity, details)
    select
        customer_id, %(run)s, row_number() over (partition by customer_id order by finding),
        null, null, finding, 'error', details || jsonb_build_object('codes', codes)
    from found
"""

SUM_UP = """
    insert into recommendations_recoaudit
        (customer_id, run_id, score, errors, warnings, exportable)
    select
        customer_id, %(run)s, greatest(points, -32000), errors, warnings,
        errors = 0 and points >= %(gate)s
    from (
        select
            people.customer_id,
            count(a.code) filter (where a.severity = 'error') as errors,
            count(a.code) filter (where a.severity = 'warning') as warnings,
            round(
                100 - %(error_penalty)s * count(a.code) filter (where a.severity = 'error')
                - %(warn_penalty)s * count(a.code) filter (where a.severity = 'warning')
            ) as points
        from (
            select distinct customer_id from recommendations_recoitem
            where run_id = %(run)s and customer_id between %(low)s and %(high)s
        ) as people
        left join recommendations_audititem as a
            on a.customer_id = people.customer_id and a.run_id = %(run)s
        group by people.customer_id
    ) as summed
"""

CHUNKS = """
    select min(customer_id), max(customer_id), count(*)
    from (
        select customer_id, (row_number() over (order by customer_id) - 1) / %(size)s as chunk
        from (
            select distinct customer_id from recommendations_recoitem where run_id = %(run)s
        ) as people
    ) as numbered
    group by chunk
    order by chunk
"""
