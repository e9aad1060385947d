-- Back to version 3.
create or replace function crm_private.orders_in_windows(
    until timestamptz,
    since timestamptz,
    only_campaign bigint,
    by_contact boolean,
    return_days integer
)
returns table (
    assignment_id bigint,
    order_id bigint,
    ordered_at timestamptz,
    sold numeric,
    returned numeric,
    margin numeric,
    items bigint
)
language sql
stable
as $$
with drawn as (
    select
        a.id, a.campaign_id, a.customer_id, a.window_days,
        case when by_contact then a.contacted_at else a.measured_from end as opens
    from recommendations_assignment as a
    where
        (only_campaign is null or a.campaign_id = only_campaign)
        and (not by_contact or a.arm = 'treatment')
),
windows as (
    select d.id, d.customer_id, d.window_days, d.opens from drawn as d
    union all
    (select distinct on (d.campaign_id, l.customer_id)
        d.id, l.customer_id, d.window_days, d.opens
    from drawn as d
    inner join customers_customer as c on d.customer_id = c.id and c.status = 'merged'
    inner join customers_customeralias as l on c.code = l.code and c.id != l.customer_id
    where not exists (
        select from recommendations_assignment as x
        where x.campaign_id = d.campaign_id and x.customer_id = l.customer_id
    )
    order by d.campaign_id asc, l.customer_id asc, d.id asc)
),
sales as materialized (
    select w.id as assignment_id, o.id as order_id, o.ordered_at, o.customer_id, o.net_amount
    from windows as w
    inner join orders_order as o on w.customer_id = o.customer_id
    where
        o.ordered_at > w.opens
        and o.ordered_at <= w.opens + w.window_days * interval '1 day'
        and o.ordered_at >= since and o.ordered_at < until
        and o.kind = 'sale' and o.status in ('paid', 'fulfilled')
),
distinct_sales as materialized (
    select distinct s.order_id, s.customer_id, s.ordered_at, s.net_amount from sales as s
),
bought as (
    select
        d.order_id,
        coalesce(i.product_id, 0) as product_id,
        sum(coalesce(i.net_amount, d.net_amount)) as net,
        sum(case
            when i.id is null then null
            when p.kind = 'charge' then 0
            else i.net_amount - i.quantity * p.unit_cost
        end) as margin,
        bool_or(i.id is null or (p.kind = 'product' and p.unit_cost is null)) as cost_unknown,
        bool_or(p.kind = 'charge') as is_charge,
        count(i.id) filter (where p.kind = 'product') as lines
    from distinct_sales as d
    left join orders_orderitem as i on d.order_id = i.order_id
    left join orders_product as p on i.product_id = p.id
    group by d.order_id, coalesce(i.product_id, 0)
),
buyers as (
    select d.customer_id, min(d.ordered_at) as first_at from distinct_sales as d
    group by d.customer_id
),
sent_back as (
    select
        newest.order_id,
        coalesce(i.product_id, 0) as product_id,
        sum(coalesce(i.net_amount, r.net_amount)) as net
    from buyers as b
    inner join orders_order as r on b.customer_id = r.customer_id
    left join orders_orderitem as i on r.id = i.order_id
    cross join lateral (
        select s.id as order_id
        from orders_order as s
        where
            s.customer_id = r.customer_id
            and s.kind = 'sale' and s.status in ('paid', 'fulfilled')
            and s.ordered_at <= r.ordered_at
            and s.ordered_at >= r.ordered_at - return_days * interval '1 day'
            and (
                i.product_id is null
                or exists (
                    select from orders_orderitem as l
                    where l.order_id = s.id and l.product_id = i.product_id
                )
            )
        order by s.ordered_at desc, s.id desc
        limit 1
    ) as newest
    where
        r.kind = 'return' and r.status in ('paid', 'fulfilled')
        and r.ordered_at >= b.first_at and r.ordered_at < until
    group by newest.order_id, coalesce(i.product_id, 0)
),
by_product as (
    select
        g.order_id, g.lines, g.margin, g.cost_unknown, g.is_charge,
        least(coalesce(x.net, 0), g.net) as came_back,
        case when g.net > 0 then 1 - least(coalesce(x.net, 0), g.net) / g.net else 1 end as kept
    from bought as g
    left join sent_back as x
        on g.order_id = x.order_id and g.product_id = x.product_id and g.product_id != 0
),
whole as (
    select x.order_id, sum(x.net) as net from sent_back as x
    where x.product_id = 0
    group by x.order_id
),
by_order as (
    select
        p.order_id,
        sum(p.came_back) as came_back,
        case
            when bool_or(p.cost_unknown) then null
            else sum(p.margin * p.kept)
        end as margin,
        sum(p.lines) as lines
    from by_product as p
    group by p.order_id
)
select
    s.assignment_id, s.order_id, s.ordered_at, s.net_amount,
    least(round(greatest(b.came_back, 0) + coalesce(w.net, 0), 2), s.net_amount),
    case when w.net is null then round(b.margin, 2) end,
    b.lines::bigint
from sales as s
inner join by_order as b on s.order_id = b.order_id
left join whole as w on s.order_id = w.order_id
$$;

create or replace function crm_private.outcome_purchases(
    until timestamptz, since timestamptz, return_days integer
)
returns table (
    assignment_id bigint,
    customer_id bigint,
    order_id bigint,
    item_id bigint,
    product_id bigint,
    match_level smallint,
    reco_rank smallint,
    amount numeric,
    margin numeric,
    returned numeric,
    items bigint,
    occurred_at timestamptz
)
language sql
stable
as $$
with touched as materialized (
    select distinct on (o.order_id)
        o.*, a.customer_id, a.run_id, a.export_id
    from crm_private.orders_in_windows(until, since, null, true, return_days) as o
    inner join recommendations_assignment as a on o.assignment_id = a.id
    order by o.order_id asc, a.contacted_at desc, a.id desc
),
lists as (
    select distinct t.assignment_id, t.customer_id, t.run_id, t.export_id from touched as t
),
exported as (
    select l.assignment_id, e.item_id, e.product_id, e.rank
    from lists as l
    inner join recommendations_recoexportitem as e
        on l.export_id = e.export_id and l.customer_id = e.customer_id
),
offered as materialized (
    select e.assignment_id, e.item_id, e.product_id, e.rank from exported as e
    union all
    select l.assignment_id, i.id, i.product_id, i.rank
    from lists as l
    inner join recommendations_recoitem as i
        on l.run_id = i.run_id and l.customer_id = i.customer_id
    where l.export_id is null
),
matches as (
    select distinct on (t.order_id)
        t.order_id, f.item_id, f.product_id, f.rank, i.product_id = f.product_id as same
    from touched as t
    inner join orders_orderitem as i on t.order_id = i.order_id
    inner join orders_product as p on i.product_id = p.id
    inner join offered as f on t.assignment_id = f.assignment_id
    inner join orders_product as q on f.product_id = q.id
    where i.product_id = f.product_id or (p.family != '' and p.family = q.family)
    order by t.order_id asc, (i.product_id = f.product_id) desc, f.rank asc
)
select
    t.assignment_id, t.customer_id, t.order_id,
    case when m.same then m.item_id end,
    case when m.same then m.product_id end,
    (case when m.same then 3 when m.order_id is not null then 2 else 1 end)::smallint,
    case when m.same then m.rank end,
    t.sold - t.returned, t.margin, t.returned, t.items, t.ordered_at
from touched as t
left join matches as m on t.order_id = m.order_id
$$;
