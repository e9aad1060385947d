-- What was counted by day, brought up to date from the signals stored since a moment: the days
-- (and customers' days) that they fall on are counted anew, so that doing it twice is harmless.
-- What retention has dropped stays counted. With the owner's rights for the time zone only.

-- Serves "what was stored since?". Rows are stored in that order, so a block range index will do.
create index signal_stored on public.analytics_signal using brin (created_at);

create function crm_private.refresh_signals_by_day(since timestamptz) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    zone text := coalesce((select time_zone from crm_private.business), 'UTC');
    days date[];
    counted bigint;
begin
    -- Two at once would count the same days and collide.
    perform pg_advisory_xact_lock(hashtext('crm signals by day'));
    if since is null then
        delete from analytics_signalsbyday;
    end if;
    select array_agg(distinct (s.occurred_at at time zone zone)::date) into days
    from analytics_signal as s
    where since is null or s.created_at >= since;

    delete from analytics_signalsbyday where day = any (days);
    insert into analytics_signalsbyday
        (day, event_type, signals, customers, mean_score, max_score)
    select d.day, t.event_type, t.signals, t.customers, t.mean_score, t.max_score
    from unnest(days) as d (day)
    cross join lateral (
        select
            s.event_type,
            count(*) as signals,
            count(distinct s.customer_id) as customers,
            avg(s.score) as mean_score,
            max(s.score) as max_score
        from analytics_signal as s
        where
            s.occurred_at >= d.day::timestamp at time zone zone
            and s.occurred_at < (d.day + 1)::timestamp at time zone zone
        group by s.event_type
    ) as t;
    get diagnostics counted = row_count;
    return counted;
end
$$;

comment on function crm_private.refresh_signals_by_day is
'Count the days anew on which signals stored since then fall (NULL: all days). '
'Returns rows written.';

revoke all on function crm_private.refresh_signals_by_day(timestamptz) from public;

-- Many at once are counted in one pass, and only customers whose signals were there before them
-- are looked at for signals that were linked since.
create function crm_private.refresh_customer_signals(since timestamptz) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    zone text := coalesce((select time_zone from crm_private.business), 'UTC');
    touched bigint;
    first_day date;
    last_day date;
    counted bigint;
begin
    perform pg_advisory_xact_lock(hashtext('crm customer signals'));
    if since is null then
        delete from analytics_customersignalsbyday;
        insert into analytics_customersignalsbyday
            (customer_id, day, event_type, signals, mean_score, max_score)
        select
            customer_id,
            (occurred_at at time zone zone)::date,
            event_type,
            count(*),
            avg(score),
            max(score)
        from analytics_signal
        where customer_id is not null
        group by 1, 2, 3
        order by 1, 2, 3;
        get diagnostics counted = row_count;
        return counted;
    end if;

    drop table if exists pg_temp.signal_days;
    create temporary table signal_days on commit drop as
    select s.customer_id, (s.occurred_at at time zone zone)::date as day
    from analytics_signal as s
    where s.customer_id is not null and s.created_at >= since
    union
    -- Earlier signals are linked when somebody comes to have their code or alias.
    select s.customer_id, (s.occurred_at at time zone zone)::date
    from customers_customer as c
    inner join analytics_signal as s on c.id = s.customer_id
    where c.updated_at >= since and c.created_at >= since and s.created_at < c.created_at
    union
    select s.customer_id, (s.occurred_at at time zone zone)::date
    from customers_customeralias as a
    inner join analytics_signal as s on a.customer_id = s.customer_id
    where a.created_at >= since;
    analyze signal_days;
    select count(*), min(day), max(day) into touched, first_day, last_day from signal_days;

    delete from analytics_customersignalsbyday as c
    using signal_days as d
    where c.customer_id = d.customer_id and c.day = d.day;
    if touched > 10000 then
        -- So many that reading all signals of these days once is cheaper than looking each up.
        insert into analytics_customersignalsbyday
            (customer_id, day, event_type, signals, mean_score, max_score)
        select d.customer_id, d.day, s.event_type, count(*), avg(s.score), max(s.score)
        from signal_days as d
        inner join analytics_signal as s
            on
                d.customer_id = s.customer_id
                and d.day = (s.occurred_at at time zone zone)::date
        where
            s.occurred_at >= first_day::timestamp at time zone zone
            and s.occurred_at < (last_day + 1)::timestamp at time zone zone
        group by 1, 2, 3
        order by 1, 2, 3;
        get diagnostics counted = row_count;
        drop table signal_days;
        return counted;
    end if;
    insert into analytics_customersignalsbyday
        (customer_id, day, event_type, signals, mean_score, max_score)
    select d.customer_id, d.day, t.event_type, t.signals, t.mean_score, t.max_score
    from signal_days as d
    cross join lateral (
        select
            s.event_type,
            count(*) as signals,
            avg(s.score) as mean_score,
            max(s.score) as max_score
        from analytics_signal as s
        where
            s.customer_id = d.customer_id
            and s.occurred_at >= d.day::timestamp at time zone zone
            and s.occurred_at < (d.day + 1)::timestamp at time zone zone
        group by s.event_type
    ) as t;
    get diagnostics counted = row_count;
    drop table signal_days;
    return counted;
end
$$;

comment on function crm_private.refresh_customer_signals is
'Count customers'' days anew on which signals stored or linked since then fall (NULL: all).';

revoke all on function crm_private.refresh_customer_signals(timestamptz) from public;

create view crm.signals_by_day as
select
    d.day,
    d.event_type,
    t.signal_class as signal_type,
    d.signals,
    d.customers,
    d.mean_score,
    d.max_score
from public.analytics_signalsbyday as d
left join public.analytics_signaltype as t on d.event_type = t.event_type;

comment on view crm.signals_by_day is
'One row per local day and type of signal: how many, of how many known customers, their scores.';

create view crm.signal_summary as
select
    c.code as customer_id,
    d.customer_id as customer_key,
    d.day,
    d.event_type,
    t.signal_class as signal_type,
    d.signals,
    d.mean_score,
    d.max_score
from public.analytics_customersignalsbyday as d
inner join public.customers_customer as c on d.customer_id = c.id
left join public.analytics_signaltype as t on d.event_type = t.event_type;

comment on view crm.signal_summary is
'One row per customer, local day and type of signal: how many, mean and highest score.';
