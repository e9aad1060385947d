-- As in version 1.

create or replace function crm_private.refresh_customer_signals(since timestamptz) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    zone text := coalesce((select time_zone from crm_private.business), 'UTC');
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
        group by 1, 2, 3;
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
    where c.updated_at >= since and c.created_at >= since
    union
    select s.customer_id, (s.occurred_at at time zone zone)::date
    from customers_customeralias as a
    inner join analytics_signal as s on a.customer_id = s.customer_id
    where a.created_at >= since;
    analyze signal_days;

    delete from analytics_customersignalsbyday as c
    using signal_days as d
    where c.customer_id = d.customer_id and c.day = d.day;
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
