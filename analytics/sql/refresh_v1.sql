-- Refreshes of the materialized views for a role that does not own them.
-- The first refresh is plain (there is nothing to keep readable), later ones are concurrent.

create function crm_private.refresh_dashboard(name text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    filled boolean;
    found bigint;
begin
    if name not in ('analytics_segmentsummary', 'analytics_rfmgrid', 'analytics_revenuebymonth') then
        raise exception 'There is no dashboard view %.', name;
    end if;
    select relispopulated into filled from pg_class where oid = name::regclass;
    execute format(
        'refresh materialized view %s %I', case when filled then 'concurrently' else '' end, name
    );
    execute format('select count(*) from %I', name) into found;
    return found;
end
$$;

comment on function crm_private.refresh_dashboard is
'Recompute one materialized view of the dashboard; returns its rows.';

revoke all on function crm_private.refresh_dashboard(text) from public;
