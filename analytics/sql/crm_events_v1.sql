-- Signals under the names of seed 003: the behaviour of users.

-- Readers of the contract have no right on crm_private: hence the owner's rights.
create function crm.day_start(day date) returns timestamptz
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select day::timestamp at time zone
        coalesce((select time_zone from crm_private.business), 'UTC')
$$;

comment on function crm.day_start is 'The moment at which a local day of the business begins.';

create view crm.events as
select
    s.id as event_id,
    s.customer_id as user_id,
    s.product_id,
    s.event_type,
    s.occurred_at as event_timestamp,
    s.signal_data as properties,
    coalesce(t.signal_class = 'outreach', false) as is_outreach
from public.analytics_signal as s
left join public.analytics_signaltype as t on s.event_type = t.event_type;

comment on view crm.events is
'One row per stored signal; user_id and product_id are those of crm.users and crm.products.';
comment on column crm.events.user_id is 'NULL: nobody has that code or alias (yet).';
comment on column crm.events.is_outreach is 'We wrote or called: no behaviour of the user.';
