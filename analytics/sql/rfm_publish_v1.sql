-- Steps 4 to 6 of a run, and what thinning and the planner need.

create function crm_private.rfm_seal(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    scores constant text := 'analytics_rfmscore_' || run;
begin
    execute format('drop table if exists %I', 'analytics_rfmvalues_' || run);
    -- In one pass. The check spares the attachment a pass of its own.
    execute format(
        $sql$
        alter table %1$I
            add constraint %2$I check (run_id = %3$s),
            add constraint %4$I check (
                recency_days >= 0 and frequency > 0
                and r between 1 and 5 and f between 1 and 5 and m between 1 and 5
            ),
            alter column customer_id set not null,
            alter column run_id set not null,
            alter column recency_days set not null,
            alter column frequency set not null,
            alter column r set not null,
            alter column f set not null,
            alter column m set not null,
            alter column segment_id set not null,
            alter column monetary set not null
        $sql$,
        scores, scores || '_run', run, scores || '_range'
    );
    execute format('alter table %I add primary key (customer_id, run_id)', scores);
end
$$;

comment on function crm_private.rfm_seal is 'Give the table of a run its key and its checks.';

create function crm_private.rfm_analyze(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    execute format('analyze %I', 'analytics_rfmscore_' || run);
end
$$;

comment on function crm_private.rfm_analyze is 'Tell the planner about the scores of a run.';

create function crm_private.rfm_attach(run integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    -- Locks the parent against other changes of its partitions, not against readers.
    execute format(
        'alter table analytics_rfmscore attach partition %I for values in (%s)',
        'analytics_rfmscore_' || run, run
    );
end
$$;

comment on function crm_private.rfm_attach is 'Make the scores of a run a partition of all scores.';

create function crm_private.rfm_drop(run integer) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if exists (select from analytics_rfmrun where id = run and is_current) then
        raise exception 'Run % is the current one; its scores stay.', run;
    end if;
    -- Dropping needs the parent for itself. Readers that come meanwhile would have to wait as
    -- long as this does, so it gives up soon; the caller tries again later.
    perform set_config('lock_timeout', '100ms', true);
    execute format('drop table if exists %I', 'analytics_rfmscore_' || run);
    perform set_config('lock_timeout', '0', true);
    return true;
exception
    when lock_not_available then
        perform set_config('lock_timeout', '0', true);
        return false;
end
$$;

comment on function crm_private.rfm_drop is
'Remove the scores of an old run; false if readers were in the way for 100 ms.';

revoke all on function crm_private.rfm_seal(integer) from public;
revoke all on function crm_private.rfm_analyze(integer) from public;
revoke all on function crm_private.rfm_attach(integer) from public;
revoke all on function crm_private.rfm_drop(integer) from public;
