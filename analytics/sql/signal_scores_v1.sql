-- The decayed score of customers' interest. analytics/scoring/signal_scores.py has the same rule
-- for one customer; a test holds them together.

create function crm_private.score_signals(as_of timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
    scored bigint;
begin
    perform pg_advisory_xact_lock(hashtext('crm signal scores'));
    insert into analytics_signalscore as kept
        (customer_id, score, intent, last_signal_at, signals_90d, as_of)
    select
        s.customer_id,
        -- 1 - Π(1 - s·2^(-age/30 days)), as a sum of logarithms.
        1 - exp(sum(ln(greatest(
            1 - s.score::float8 * power(
                0.5::float8,
                extract(epoch from score_signals.as_of - s.occurred_at)::float8 / (30 * 86400)
            ),
            1e-9
        )))),
        coalesce(
            max(s.score) filter (
                where
                t.signal_class in ('intent', 'high_intent')
                and s.occurred_at > score_signals.as_of - interval '14 days'
            ),
            0
        ),
        max(s.occurred_at),
        count(*) filter (where s.occurred_at > score_signals.as_of - interval '90 days'),
        score_signals.as_of
    from analytics_signal as s
    left join analytics_signaltype as t on s.event_type = t.event_type
    where
        s.customer_id is not null
        and s.occurred_at <= score_signals.as_of
        -- After thirty half-lives nothing is left that four decimals could show.
        and s.occurred_at > score_signals.as_of - interval '900 days'
        -- What we did says nothing about their interest.
        and t.signal_class is distinct from 'outreach'
    group by s.customer_id
    on conflict (customer_id) do update set
        score = excluded.score,
        intent = excluded.intent,
        last_signal_at = excluded.last_signal_at,
        signals_90d = excluded.signals_90d,
        as_of = excluded.as_of;
    get diagnostics scored = row_count;
    -- Nothing is left of them that counts.
    delete from analytics_signalscore as kept where kept.as_of <> score_signals.as_of;
    return scored;
end
$$;

comment on function crm_private.score_signals is
'Score every customer with a signal of their own as of a moment. Returns how many.';

revoke all on function crm_private.score_signals(timestamptz) from public;

create view crm.signal_scores as
select
    c.code as customer_id,
    s.customer_id as customer_key,
    s.score,
    s.intent,
    s.last_signal_at,
    s.signals_90d,
    s.as_of
from public.analytics_signalscore as s
inner join public.customers_customer as c on s.customer_id = c.id;

comment on view crm.signal_scores is
'One row per customer with a signal of their own: decayed score, and intent of the last 14 days.';
