-- Version 2: refuses a run that is not being made. Version 1 dropped the tables of any run it was
-- called for, those of the current one too, and waited for its readers as long as it took.

create or replace function crm_private.reco_open(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '10s'
as $$
declare
    kind text;
    -- Who called: inside this function current_user is the owner.
    caller constant name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    if
        not exists (select from recommendations_recorun where id = run and status = 'running')
        or exists (
            select from pg_inherits
            where inhrelid = to_regclass('public.recommendations_recoitem_' || run)
        )
    then
        raise exception 'Run % is not being made; its items stay.', run;
    end if;
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
'Make the four tables of a run that is being made, still invisible; the caller may copy into them.';
