-- Version 2 answers as version 1 does, in a small part of the time: what a step has computed is
-- not computed again wherever the next one names it, and the holdout's hash is written into the
-- query instead of being called for each row.

-- May we contact these customers at this moment, on this channel, for this purpose?
-- Grain: one row per place in the given array, in no order. The only place where the rules stand;
-- scoring.md D.2 names the codes, in the order in which they are checked.
--
-- Only what happened up to the moment counts: contacts, orders, consents and blocks after it do
-- not. Days are local days of the shop. A customer who does not exist is NOT_CONTACTABLE.

-- Whether a customer belongs to the part of all customers who get no marketing in a quarter: their
-- hash, as a number from 0 to 1, lies below the share.

create or replace function crm_private.held_out(
    customer_code text, salt text, quarter text, share numeric
)
returns boolean
language sql
-- Not more than that: only so can it be written into the query that calls it.
stable
parallel safe
return (
    'x' || left(encode(sha256(convert_to(salt || quarter || customer_code, 'UTF8')), 'hex'), 8)
)::bit(32)::bigint < share * 4294967296;

comment on function crm_private.held_out is
'Whether the hash of salt, quarter and code puts a customer into the global holdout.';

-- The first moment from a given one on that lies outside the quiet hours, and in a quarter in which
-- the customer is not held out; null if they are in each of the next ten.

create or replace function crm_private.contact_from(
    start timestamptz,
    customer_code text,
    zone text,
    rules customers_contactpolicy,
    marketing boolean
)
returns timestamptz
language plpgsql
stable
as $$
declare
    place timestamp := start at time zone zone;
    clock time;
    quarter text;
    moved boolean := false;
begin
    if not marketing then
        return start;
    end if;
    for turn in 1..10 loop
        clock := place::time;
        if rules.quiet_from < rules.quiet_until then
            if clock >= rules.quiet_from and clock < rules.quiet_until then
                place := place::date + rules.quiet_until;
                moved := true;
            end if;
        elsif clock >= rules.quiet_from then
            place := place::date + 1 + rules.quiet_until;
            moved := true;
        elsif clock < rules.quiet_until then
            place := place::date + rules.quiet_until;
            moved := true;
        end if;
        quarter := case when rules.holdout_rotates then to_char(place, 'YYYY"Q"Q') else '' end;
        if not crm_private.held_out(
            customer_code, rules.holdout_salt, quarter, rules.holdout_share
        ) then
            return case when moved then place at time zone zone else start end;
        end if;
        if not rules.holdout_rotates then
            return null;
        end if;
        place := date_trunc('quarter', place) + interval '3 months';
        moved := true;
    end loop;
    return null;
end
$$;

comment on function crm_private.contact_from is
'The first moment from a given one on that quiet hours and the holdout allow.';

create or replace function crm_private.contactability(
    customers bigint[],
    channel text,
    purpose text,
    campaign bigint,
    at timestamptz,
    scenarios text[] default null,
    planned boolean default false
)
returns table (
    customer_id bigint,
    allowed boolean,
    code text,
    codes text[],
    evidence jsonb,
    next_allowed_at timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
-- One customer and a million want different plans.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    rules customers_contactpolicy;
    zone constant text := coalesce((select b.time_zone from crm_private.business as b), 'UTC');
    marketing constant boolean := $3 <> 'transactional';
    today constant date := ($5 at time zone zone)::date;
    clock constant time := ($5 at time zone zone)::time;
    quarter text;
    orders_from timestamptz;
    contacts_from timestamptz;
begin
    select p.* into rules from customers_contactpolicy as p where p.id = 1;
    if not found then
        raise exception 'There is no contact policy. Run: manage.py migrate';
    end if;
    if $2 not in ('email', 'sms', 'phone', 'post', 'telegram')
        or $3 not in ('marketing', 'transactional')
    then
        raise exception 'There is no channel % with the purpose %.', $2, $3;
    end if;
    if $4 is not null and not exists (
        select from customers_campaign as m
        where m.id = $4 and m.channel = $2 and m.purpose = $3
    ) then
        raise exception 'Campaign % is not one of this channel and purpose.', $4;
    end if;
    if scenarios is not null and cardinality(scenarios) <> cardinality(customers) then
        raise exception 'Give a scenario for each customer, or none at all.';
    end if;
    quarter := case when rules.holdout_rotates then to_char(today, 'YYYY"Q"Q') else '' end;
    orders_from := (today - rules.recent_order_days)::timestamp at time zone zone;
    contacts_from := (today - rules.frequency_days + 1)::timestamp at time zone zone;

    return query
    with given as (
        select
            u.customer_id,
            coalesce(u.scenario, '') as scenario
        from unnest(customers, scenarios) as u (customer_id, scenario)
    ),

    -- The exception that fits best: scenario and channel, then scenario, then channel.
    windows as (
        select
            s.scenario,
            coalesce(o.days, rules.silence_window_days) as days,
            coalesce(
                nullif(concat_ws(' and ', nullif(o.scenario, ''), nullif(o.channel, '')), ''),
                'policy'
            ) as rule
        from (select distinct g.scenario from given as g) as s
        left join lateral (
            select x.days, x.scenario, x.channel
            from customers_silenceoverride as x
            where x.channel in ('', $2) and x.scenario in ('', s.scenario)
            order by x.scenario = '', x.channel = ''
            limit 1
        ) as o on true
    ),

    contacts as (
        select
            c.customer_id,
            max(c.occurred_at) as last_at,
            count(*) filter (where c.occurred_at >= contacts_from) as counted,
            -- When this one is old enough, the cap has room again.
            (array_agg(c.occurred_at order by c.occurred_at desc)
                filter (where c.occurred_at >= contacts_from))[rules.frequency_cap] as cap_at
        from customers_contactevent as c
        where c.customer_id in (select g.customer_id from given as g)
            and marketing
            and c.direction = 'outbound'
            and c.purpose = 'marketing'
            and c.status in ('sent', 'delivered', 'opened', 'clicked')
            and c.occurred_at <= $5
        group by c.customer_id
    ),

    orders as (
        select distinct on (o.customer_id)
            o.customer_id,
            o.ordered_at,
            o.number
        from orders_order as o
        where o.customer_id in (select g.customer_id from given as g)
            and marketing
            and o.kind = 'sale'
            and o.status <> 'cancelled'
            and o.ordered_at >= orders_from
            and o.ordered_at <= $5
        order by o.customer_id, o.ordered_at desc, o.id desc
    ),

    blocks as (
        select
            b.customer_id,
            bool_or(b.kind = 'pause') as paused,
            bool_or(b.kind = 'optout') as opted_out,
            bool_or(b.kind = 'bounce') as bounces,
            max(coalesce(b.until, 'infinity')) as until,
            jsonb_agg(
                jsonb_build_object(
                    'kind', b.kind, 'channel', b.channel, 'reason', b.reason, 'source', b.source,
                    'since', b.since, 'until', b.until
                ) order by b.since, b.id
            ) as told
        from customers_contactblock as b
        where b.customer_id in (select g.customer_id from given as g)
            and b.channel in ('', $2)
            and b.since <= $5
            and (b.until is null or b.until > $5)
            and (marketing or b.kind = 'bounce')
        group by b.customer_id
    ),

    facts as (
        select
            g.customer_id,
            w.days as silence_window,
            w.rule as silence_rule,
            k.status,
            k.is_test,
            k.code as customer_code,
            k.id is null as unknown,
            coalesce(b.paused, false) as paused,
            marketing and k.is_optout as flag_optout,
            marketing and (k.is_optout or coalesce(b.opted_out, false)) as opted_out,
            $2 = 'email' and k.is_bounced as flag_bounced,
            ($2 = 'email' and k.is_bounced) or coalesce(b.bounces, false) as bounces,
            b.until as blocked_until,
            b.told as blocks,
            case $2
                when 'email' then k.email_normalized ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'
                when 'sms' then k.phone <> ''
                when 'phone' then k.phone <> ''
                when 'telegram' then k.telegram_id is not null
                when 'post' then jsonb_typeof(k.profile -> 'address') in ('string', 'object')
                    and k.profile -> 'address' not in ('""', '{}')
            end is not true as no_address,
            marketing and crm_private.held_out(
                k.code, rules.holdout_salt, quarter, rules.holdout_share
            ) as held,
            c.last_at,
            (c.last_at at time zone zone)::date as last_day,
            coalesce(c.counted, 0) as counted,
            (c.cap_at at time zone zone)::date as cap_day,
            o.ordered_at,
            o.number,
            (o.ordered_at at time zone zone)::date as order_day,
            n.status as consent,
            n.source as consent_source,
            n.decided_at,
            coalesce(n.status, '') <> 'granted' and (
                n.status is not null or (marketing and $2 = any(rules.consent_channels))
            ) as no_consent
        from given as g
        inner join windows as w on w.scenario = g.scenario
        left join customers_customer as k on k.id = g.customer_id
        left join contacts as c on c.customer_id = g.customer_id
        left join orders as o on o.customer_id = g.customer_id
        left join blocks as b on b.customer_id = g.customer_id
        left join customers_consent as n
            on n.customer_id = g.customer_id and n.channel = $2 and n.purpose = $3
                and n.decided_at <= $5
        -- So that what is computed above is not computed again wherever it is named below.
        offset 0
    ),

    checked as (
        select
            f.*,
            array_remove(array[
                case when f.unknown or f.paused then 'NOT_CONTACTABLE' end,
                case when f.opted_out then 'OPT_OUT' end,
                case when f.bounces then 'BOUNCED' end,
                case when f.no_address and not f.unknown then 'NO_CHANNEL' end,
                case when f.status <> 'active' then 'MERGED_OR_DELETED' end,
                case when f.is_test then 'TEST_ACCOUNT' end,
                case when f.held then 'GLOBAL_HOLDOUT' end,
                case when today - f.last_day < f.silence_window then 'SILENCE' end,
                case when f.counted >= rules.frequency_cap then 'FREQUENCY_CAP' end,
                case when today - f.order_day < rules.recent_order_days then 'RECENT_ORDER' end,
                case when f.no_consent then 'NO_CONSENT' end,
                case when marketing and not planned and case
                    when rules.quiet_from < rules.quiet_until
                        then clock >= rules.quiet_from and clock < rules.quiet_until
                    else clock >= rules.quiet_from or clock < rules.quiet_until
                end then 'QUIET_HOURS' end
            ], null) as failed
        from facts as f
        offset 0
    )

    select
        d.customer_id,
        cardinality(d.failed) = 0,
        coalesce(d.failed[1], ''),
        d.failed,
        jsonb_strip_nulls(jsonb_build_object(
            'last_contact_at', d.last_at,
            'days_since_contact', today - d.last_day,
            'silence_window', case when marketing then d.silence_window end,
            'silence_rule', case when marketing then d.silence_rule end,
            'contacts_counted', case when marketing then d.counted end,
            'last_order', d.number,
            'last_order_at', d.ordered_at,
            'days_since_order', today - d.order_day,
            'consent', d.consent,
            'consent_source', d.consent_source,
            'consent_at', d.decided_at
        )) || case
            when cardinality(d.failed) = 0 then '{}'
            else jsonb_strip_nulls(jsonb_build_object(
                'blocks', d.blocks,
                'flags', case when d.flag_optout or d.flag_bounced then array_remove(array[
                    case when d.flag_optout then 'is_optout' end,
                    case when d.flag_bounced then 'is_bounced' end
                ], null) end,
                'channel', case when d.no_address then $2 end,
                'unknown', nullif(d.unknown, false),
                'status', nullif(d.status, 'active'),
                'holdout_quarter', case when d.held then quarter end,
                'holdout_share', case when d.held then rules.holdout_share end,
                'frequency_cap', case when 'FREQUENCY_CAP' = any(d.failed)
                    then rules.frequency_cap end,
                'frequency_days', case when 'FREQUENCY_CAP' = any(d.failed)
                    then rules.frequency_days end,
                'recent_order_days', case when 'RECENT_ORDER' = any(d.failed)
                    then rules.recent_order_days end,
                'consent_required', case when d.no_consent
                    then $2 = any(rules.consent_channels) end,
                'quiet_from', case when 'QUIET_HOURS' = any(d.failed) then rules.quiet_from end,
                'quiet_until', case when 'QUIET_HOURS' = any(d.failed) then rules.quiet_until end
            ))
        end,
        case
            when cardinality(d.failed) = 0 then null
            -- What no day ends: an address, a flag, a consent, a status.
            when d.failed && array['NO_CHANNEL', 'MERGED_OR_DELETED', 'TEST_ACCOUNT', 'NO_CONSENT']
                or d.unknown or d.flag_optout or d.flag_bounced or d.blocked_until = 'infinity'
                then null
            else crm_private.contact_from(
                greatest(
                    $5,
                    d.blocked_until,
                    case when 'SILENCE' = any(d.failed)
                        then (d.last_day + d.silence_window::integer)::timestamp at time zone zone end,
                    case when 'FREQUENCY_CAP' = any(d.failed)
                        then (d.cap_day + rules.frequency_days)::timestamp at time zone zone end,
                    case when 'RECENT_ORDER' = any(d.failed)
                        then (d.order_day + rules.recent_order_days)::timestamp at time zone zone end
                ),
                d.customer_code,
                zone,
                rules,
                marketing
            )
        end
    from checked as d;
end
$$;

comment on function crm_private.contactability(
    bigint[], text, text, bigint, timestamptz, text[], boolean
) is
'May we contact them: the first failing rule, all of them, what shows it, and when it ends.';
