-- The kinds are a closed list; and what the planner knows of all months together, which
-- autovacuum, looking at each month by itself, never finds out.

alter table public.analytics_signal
add constraint signal_kind_known
check (kind in ('track', 'identify', 'alias', 'group', 'page', 'screen'));

create function crm_private.analyze_signals() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    analyze only analytics_signal;
end
$$;

comment on function crm_private.analyze_signals is
'Tell the planner about the signals of all months together: how many customers, types, articles.';

revoke all on function crm_private.analyze_signals() from public;
