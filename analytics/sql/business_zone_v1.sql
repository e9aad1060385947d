-- The business time zone, where views can see it. One row; written by analytics.services.zone.

create schema crm_private;

comment on schema crm_private is
'What the pipeline may do with its owner''s rights, and what only views read. No user data.';

create table crm_private.business (
    only_row boolean primary key default true check (only_row),
    time_zone text not null
);

comment on table crm_private.business is
'One row: the zone of the local days and months in views. The same as CRM_TIME_ZONE.';

create function crm_private.set_business_zone(zone text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- An unknown zone fails here, not later in every view.
    perform now() at time zone zone;
    insert into crm_private.business (time_zone) values (zone)
    on conflict (only_row) do update set time_zone = excluded.time_zone
        where business.time_zone <> excluded.time_zone;
end
$$;

revoke all on function crm_private.set_business_zone(text) from public;
