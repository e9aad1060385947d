-- Both arms of the campaigns as they were drawn, whatever was delivered (intent to treat).

-- Whether a customer asked not to be written to any more, or complained, after a moment and within
-- so many days: blocks that they asked for, consents that they took back, and reported answers.
create function crm_private.turned_away(
    customer bigint, opens timestamptz, days integer, until timestamptz, complained boolean
)
returns boolean
language sql
stable
as $$
select
    exists (
        select from customers_contactblock as b
        where
            b.customer_id = customer and b.kind = 'optout'
            and (b.reason = 'COMPLAINT') = complained
            and b.since > opens and b.since <= opens + days * interval '1 day' and b.since < until
    )
    or exists (
        select from customers_consent as c
        where
            not complained and c.customer_id = customer
            and c.status in ('denied', 'withdrawn') and c.purpose = 'marketing'
            and c.decided_at > opens and c.decided_at <= opens + days * interval '1 day'
            and c.decided_at < until
    )
    or exists (
        select from recommendations_outcomeevent as e
        where
            e.customer_id = customer
            and e.kind = case when complained then 'complaint' else 'unsubscribe' end
            and e.occurred_at > opens and e.occurred_at <= opens + days * interval '1 day'
            and e.occurred_at < until
    )
$$;

comment on function crm_private.turned_away(
    bigint, timestamptz, integer, timestamptz, boolean
) is 'Whether a customer unsubscribed, or complained, in a window.';

-- Grain: campaign, run, scenario, segment, share, arm. "customers" are those whose window is over;
-- "open": their window is not over; "unsent": nobody of their day was written to yet.
create function crm_private.uplift_groups(until timestamptz, only_campaign bigint)
returns table (
    campaign_id bigint,
    run_id integer,
    scenario text,
    segment text,
    share numeric,
    arm text,
    customers bigint,
    open bigint,
    unsent bigint,
    contacted bigint,
    unsubscribed bigint,
    complained bigint
)
language sql
stable
as $$
with measured as (
    select
        a.*,
        a.measured_from is null or a.measured_from >= until as is_unsent,
        a.measured_from + a.window_days * interval '1 day' < until as is_over
    from recommendations_assignment as a
    where
        (only_campaign is null or a.campaign_id = only_campaign)
        and a.assigned_at < until
)
select
    m.campaign_id, m.run_id, m.scenario::text, m.segment::text, m.share, m.arm::text,
    count(*) filter (where m.is_over),
    count(*) filter (where not m.is_unsent and not m.is_over),
    count(*) filter (where m.is_unsent),
    count(*) filter (where m.contacted_at < until),
    count(*) filter (
        where m.is_over and crm_private.turned_away(
            m.customer_id, m.measured_from, m.window_days, until, false
        )
    ),
    count(*) filter (
        where m.is_over and crm_private.turned_away(
            m.customer_id, m.measured_from, m.window_days, until, true
        )
    )
from measured as m
group by m.campaign_id, m.run_id, m.scenario, m.segment, m.share, m.arm
$$;

comment on function crm_private.uplift_groups(timestamptz, bigint) is
'How many customers each arm of each group has, and how many turned away.';

-- One row per assignment whose window is over and whose customer bought in it.
create function crm_private.uplift_buyers(
    until timestamptz, only_campaign bigint, return_days integer
)
returns table (
    campaign_id bigint,
    run_id integer,
    scenario text,
    segment text,
    share numeric,
    arm text,
    orders bigint,
    items bigint,
    sold double precision,
    returned double precision,
    margin double precision
)
language sql
stable
as $$
select
    a.campaign_id, a.run_id, a.scenario::text, a.segment::text, a.share, a.arm::text,
    count(*) filter (where o.sold > o.returned),
    coalesce(sum(o.items) filter (where o.sold > o.returned), 0)::bigint,
    sum(o.sold)::double precision,
    sum(o.returned)::double precision,
    case when count(*) = count(o.margin) then sum(o.margin)::double precision end
from crm_private.orders_in_windows(until, '-infinity', only_campaign, false, return_days) as o
inner join recommendations_assignment as a on o.assignment_id = a.id
where
    a.assigned_at < until
    and a.measured_from + a.window_days * interval '1 day' < until
group by a.id
order by a.id
$$;

comment on function crm_private.uplift_buyers(timestamptz, bigint, integer) is
'What each buyer of both arms bought in their window, less what came back.';
