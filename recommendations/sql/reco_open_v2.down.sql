-- Back to version 1.
create or replace function crm_private.reco_open(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    kind text;
    -- Who called: inside this function current_user is the owner.
    caller constant name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    foreach kind in array array['recoitem', 'recoexclusion', 'recoaudit', 'audititem']
    loop
        execute format('drop table if exists public.%I', 'recommendations_' || kind || '_' || run);
        execute format(
            'create table public.%I (like public.%I including defaults)',
            'recommendations_' || kind || '_' || run, 'recommendations_' || kind
        );
        execute format(
            'grant select, insert on public.%I to %I',
            'recommendations_' || kind || '_' || run, caller
        );
    end loop;
    -- Decisions change an item's status; the row finds room on its own page.
    execute format(
        'alter table public.%I set (fillfactor = 90)', 'recommendations_recoitem_' || run
    );
end
$$;

comment on function crm_private.reco_open is
'Make the four tables of a run, still invisible; the caller may copy into them.';
