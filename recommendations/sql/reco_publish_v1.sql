-- The steps of a recommendation run that change tables. Between open and seal the caller copies
-- items and exclusions into tables that nobody else reads; attach shows them; the audit fills its
-- two tables later, when they are already attached, and may empty them again.

create function crm_private.reco_open(run integer) returns void
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

create function crm_private.reco_seal(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    kind text;
    part text;
begin
    foreach kind in array array['recoitem', 'recoexclusion', 'recoaudit', 'audititem']
    loop
        part := 'recommendations_' || kind || '_' || run;
        -- Spares the attachment a pass of its own.
        execute format(
            'alter table public.%I add constraint %I check (run_id = %s)', part, part || '_run', run
        );
    end loop;
    part := 'recommendations_recoitem_' || run;
    execute format(
        $sql$
        alter table public.%1$I
            add constraint %2$I check (
                id >> 32 = run_id and rank between 1 and 10 and score between 0 and 100
                and scenario in ('WINBACK', 'REBUY', 'CROSS_SELL', 'UPSELL', 'NURTURE')
                and slot in ('repeat', 'explore')
                and status in ('pending', 'approved', 'rejected', 'flagged')
            ),
            add primary key (id, run_id)
        $sql$,
        part, part || '_range'
    );
    execute format(
        'create unique index %I on public.%I (customer_id, run_id, rank)', part || '_list', part
    );
    execute format('analyze public.%I', part);
    part := 'recommendations_recoexclusion_' || run;
    execute format(
        $sql$
        alter table public.%1$I
            add constraint %2$I check (stage in ('offer', 'contact')),
            add primary key (customer_id, run_id, stage)
        $sql$,
        part, part || '_range'
    );
    execute format('analyze public.%I', part);
    execute format(
        'alter table public.%I add primary key (customer_id, run_id)',
        'recommendations_recoaudit_' || run
    );
    execute format(
        'alter table public.%I add primary key (customer_id, run_id, ordinal)',
        'recommendations_audititem_' || run
    );
end
$$;

comment on function crm_private.reco_seal is 'Give the tables of a run their keys and checks.';

create function crm_private.reco_attach(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    kind text;
begin
    foreach kind in array array['recoitem', 'recoexclusion', 'recoaudit', 'audititem']
    loop
        execute format(
            'alter table %I attach partition %I for values in (%s)',
            'recommendations_' || kind, 'recommendations_' || kind || '_' || run, run
        );
    end loop;
end
$$;

comment on function crm_private.reco_attach is 'Make the tables of a run partitions of all rows.';

create function crm_private.reco_drop(run integer) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    kind text;
begin
    if exists (select from recommendations_recorun where id = run and is_current) then
        raise exception 'Run % is the current one; its items stay.', run;
    end if;
    -- As in rfm_drop: readers must not queue behind this, so it gives up soon.
    perform set_config('lock_timeout', '100ms', true);
    foreach kind in array array['recoitem', 'recoexclusion', 'recoaudit', 'audititem']
    loop
        execute format('drop table if exists %I', 'recommendations_' || kind || '_' || run);
    end loop;
    perform set_config('lock_timeout', '0', true);
    return true;
exception
    when lock_not_available then
        perform set_config('lock_timeout', '0', true);
        return false;
end
$$;

comment on function crm_private.reco_drop is
'Remove the rows of an old or a failed run; false if readers were in the way for 100 ms.';

revoke all on function crm_private.reco_open(integer) from public;
revoke all on function crm_private.reco_seal(integer) from public;
revoke all on function crm_private.reco_attach(integer) from public;
revoke all on function crm_private.reco_drop(integer) from public;
