-- Whether a customer asked not to be written to any more, or complained, after a moment and within
-- so many days: blocks that they asked for, consents that they took back, and reported answers.
-- The first version compared a block with its own end, because a column goes before a parameter of
-- the same name; here every parameter is named with its function.
create or replace function crm_private.turned_away(
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
            b.customer_id = turned_away.customer and b.kind = 'optout'
            and (b.reason = 'COMPLAINT') = turned_away.complained
            and b.since > turned_away.opens
            and b.since <= turned_away.opens + turned_away.days * interval '1 day'
            and b.since < turned_away.until
    )
    or exists (
        select from customers_consent as c
        where
            not turned_away.complained and c.customer_id = turned_away.customer
            and c.status in ('denied', 'withdrawn') and c.purpose = 'marketing'
            and c.decided_at > turned_away.opens
            and c.decided_at <= turned_away.opens + turned_away.days * interval '1 day'
            and c.decided_at < turned_away.until
    )
    or exists (
        select from recommendations_outcomeevent as e
        where
            e.customer_id = turned_away.customer
            and e.kind = case when turned_away.complained then 'complaint' else 'unsubscribe' end
            and e.occurred_at > turned_away.opens
            and e.occurred_at <= turned_away.opens + turned_away.days * interval '1 day'
            and e.occurred_at < turned_away.until
    )
$$;
