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
