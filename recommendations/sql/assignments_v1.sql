-- The place of a customer in [0, 1): the first 32 bits of sha256(salt, scope, customer).
-- The same as recommendations.scoring.assignment.draw; a test compares them.
create function crm_private.draw(salt text, scope text, customer text)
returns double precision
language sql immutable strict parallel safe
return (
    'x' || left(encode(sha256(convert_to(salt || scope || customer, 'UTF8')), 'hex'), 8)
)::bit(32)::bigint / 4294967296.0::double precision;

comment on function crm_private.draw(text, text, text) is
'Where the hash puts a customer in [0, 1); below a share: held back.';

-- One row per customer asked for. Stores arms of customers who have none in this campaign yet;
-- whoever has one keeps it, with the share and the salt of that time.
create function crm_private.assign_arms(
    campaign bigint,
    customers bigint[],
    scenarios text[],
    segments text[],
    windows smallint[],
    run integer,
    export bigint,
    salt text,
    share numeric
)
returns table (customer_id bigint, arm text)
language plpgsql
as $$
begin
    insert into recommendations_assignment (
        campaign_id, customer_id, arm, run_id, export_id, scenario, segment, window_days,
        salt, share
    )
    select
        campaign, c.id,
        case
            when crm_private.draw(assign_arms.salt, k.code, c.code) < assign_arms.share
                then 'control' else 'treatment'
        end,
        run, export, coalesce(asked.scenario, ''), coalesce(asked.segment, ''),
        asked.window_days, assign_arms.salt, assign_arms.share
    from unnest(customers, scenarios, segments, windows)
        as asked (id, scenario, segment, window_days)
    inner join customers_customer as c on asked.id = c.id
    inner join customers_campaign as k on k.id = campaign
    order by c.id
    on conflict on constraint assignment_once do nothing;
    return query
    select a.customer_id, a.arm::text
    from recommendations_assignment as a
    where a.campaign_id = campaign and a.customer_id = any(customers);
end
$$;

comment on function crm_private.assign_arms(
    bigint, bigint[], text[], text[], smallint[], integer, bigint, text, numeric
) is 'Store who is written to and who is held back, before anybody is contacted.';
