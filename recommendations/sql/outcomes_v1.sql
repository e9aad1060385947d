-- What customers did after a contact. Everything looks at what is known before "until" (the end of
-- a local day), so that a report of a past day is the same whenever it is made.

-- Notes when each customer was first really written to, and from when both arms are measured.
-- A customer without a contact (control, or the message failed) takes one of the moments of the
-- treated customers who were drawn on the same local day, by hash: so both arms have windows of the
-- same length at the same times, and no order before a contact counts.
-- Where the sending system reports nothing, the campaign's planned moment stands for its contacts.
create function crm_private.outcome_moments(
    until timestamptz, since timestamptz, zone text
)
returns bigint
language plpgsql
as $$
declare
    changed bigint;
begin
    with asked as materialized (
        select
            a.id, a.campaign_id, a.arm, a.assigned_at,
            date_trunc('day', a.assigned_at, zone) as wave,
            crm_private.draw(a.salt || 'moment', k.code, c.code) as place,
            k.contact_at, a.customer_id
        from recommendations_assignment as a
        inner join customers_campaign as k on a.campaign_id = k.id
        inner join customers_customer as c on a.customer_id = c.id
        where a.assigned_at >= since and a.assigned_at < until
    ),
    sent as materialized (
        select a.id, a.campaign_id, min(e.occurred_at) as moment
        from asked as a
        inner join customers_contactevent as e
            on a.customer_id = e.customer_id and a.campaign_id = e.campaign_id
        where
            e.direction = 'outbound'
            and e.status in ('sent', 'delivered', 'opened', 'clicked')
            and e.occurred_at >= a.assigned_at and e.occurred_at < until
        group by a.id, a.campaign_id
    ),
    contacts as materialized (
        select
            a.*,
            coalesce(
                s.moment,
                case
                    when
                        a.arm = 'treatment' and a.contact_at < until
                        and a.contact_at >= a.assigned_at - interval '1 day'
                        and a.campaign_id not in (select r.campaign_id from sent as r)
                        then greatest(a.contact_at, a.assigned_at)
                end
            ) as contacted
        from asked as a
        left join sent as s on a.id = s.id
    ),
    moments as materialized (
        select
            t.campaign_id, t.wave, t.contacted,
            row_number() over (wave order by t.contacted, t.id) as ordinal,
            count(*) over (partition by t.campaign_id, t.wave) as of_all
        from contacts as t
        where t.arm = 'treatment' and t.contacted is not null
        window wave as (partition by t.campaign_id, t.wave)
    ),
    sizes as (
        select distinct campaign_id, wave, of_all from moments
    ),
    placed as (
        select
            t.id, t.contacted,
            case
                when t.arm = 'treatment' and t.contacted is not null then t.contacted
                else m.contacted
            end as measured
        from contacts as t
        left join sizes as z on t.campaign_id = z.campaign_id and t.wave = z.wave
        left join moments as m
            on
                t.campaign_id = m.campaign_id and t.wave = m.wave
                and m.ordinal = 1 + floor(t.place * z.of_all)
    )
    update recommendations_assignment as a
    set contacted_at = p.contacted, measured_from = p.measured
    from placed as p
    where
        a.id = p.id
        and (a.contacted_at is distinct from p.contacted
            or a.measured_from is distinct from p.measured);
    get diagnostics changed = row_count;
    return changed;
end
$$;

comment on function crm_private.outcome_moments(timestamptz, timestamptz, text) is
'Note who was contacted when, and from when both arms are measured. Returns changed rows.';

-- One row per assignment and sale after its window opened: contact < sale <= contact + window.
-- "by_contact": treated customers from their own contact; otherwise both arms, as measured.
-- A return lowers the newest sale of that product to the customer in the days before it, by at most
-- what was sold; what is left of an older sale stays. Charges (postage) earn nothing and are no
-- lines. The margin is NULL where a cost is not known.
create function crm_private.orders_in_windows(
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
with windows as (
    select
        a.id, a.customer_id, a.window_days,
        case when by_contact then a.contacted_at else a.measured_from end as opens
    from recommendations_assignment as a
    where
        (only_campaign is null or a.campaign_id = only_campaign)
        and (not by_contact or a.arm = 'treatment')
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
    left join sent_back as x on g.order_id = x.order_id and g.product_id = x.product_id
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

comment on function crm_private.orders_in_windows(
    timestamptz, timestamptz, bigint, boolean, integer
) is 'Sales after a window opened, with what came back and what they earned.';

-- One row per sale that followed a contact of a treated customer: for the campaign that touched
-- last. Level 3: a product that was offered, at its best rank; 2: of an offered product's family;
-- 1: any other order.
create function crm_private.outcome_purchases(
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

comment on function crm_private.outcome_purchases(timestamptz, timestamptz, integer) is
'Orders that followed a contact: which campaign touched last, and how near they are to the offer.';

-- Makes the stored purchases the ones that there are: writes what is new or changed, and takes away
-- what was cancelled or left its window. Rows that stay keep their ids. Orders before "since" keep
-- what is stored. Returns rows written and rows taken away.
create function crm_private.outcome_fill(
    until timestamptz, since timestamptz, return_days integer
)
returns table (written bigint, removed bigint)
language sql
as $$
with found as materialized (
    select f.* from crm_private.outcome_purchases(until, since, return_days) as f
),
gone as (
    delete from recommendations_outcomeevent as e
    where
        e.kind = 'purchase' and e.occurred_at >= since
        and not exists (select from found as f where f.order_id = e.order_id)
    returning e.id
),
stored as (
    insert into recommendations_outcomeevent as e (
        assignment_id, customer_id, kind, order_id, item_id, product_id, match_level,
        last_touch_reco_rank, amount, margin, returned_amount, items, occurred_at, source
    )
    select
        f.assignment_id, f.customer_id, 'purchase', f.order_id, f.item_id, f.product_id,
        f.match_level, f.reco_rank, f.amount, f.margin, f.returned, f.items, f.occurred_at,
        'orders'
    from found as f
    order by f.occurred_at, f.order_id
    on conflict (order_id) where kind = 'purchase' do update set
        assignment_id = excluded.assignment_id,
        customer_id = excluded.customer_id,
        item_id = excluded.item_id,
        product_id = excluded.product_id,
        match_level = excluded.match_level,
        last_touch_reco_rank = excluded.last_touch_reco_rank,
        amount = excluded.amount,
        margin = excluded.margin,
        returned_amount = excluded.returned_amount,
        items = excluded.items,
        occurred_at = excluded.occurred_at
    where
        (e.assignment_id, e.customer_id, e.item_id, e.product_id, e.match_level,
            e.last_touch_reco_rank, e.amount, e.margin, e.returned_amount, e.items, e.occurred_at)
        is distinct from
        (excluded.assignment_id, excluded.customer_id, excluded.item_id, excluded.product_id,
            excluded.match_level, excluded.last_touch_reco_rank, excluded.amount,
            excluded.margin, excluded.returned_amount, excluded.items, excluded.occurred_at)
    returning e.id
)
select (select count(*) from stored), (select count(*) from gone)
$$;

comment on function crm_private.outcome_fill(timestamptz, timestamptz, integer) is
'Bring the stored purchases up to a day.';
