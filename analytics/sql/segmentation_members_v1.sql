-- Writing the members of a segmentation, in this order: make, fill (in chunks) or copy, seal.
-- All of it in one transaction: what kills it on the way leaves nothing behind.

create function crm_private.segmentation_make(segmentation integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    execute format(
        'create table public.%I (customer_id bigint, segmentation_id integer, number smallint)',
        'analytics_segmentationmember_' || segmentation
    );
end
$$;

comment on function crm_private.segmentation_make is 'Make the empty table of one segmentation.';

create function crm_private.segmentation_fill(
    segmentation integer, customer_ids bigint[], numbers smallint[]
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    filled bigint;
begin
    if not exists (
        select from analytics_segmentation where id = segmentation and status = 'running'
    ) then
        raise exception 'Segmentation % is not being made; its members stay.', segmentation;
    end if;
    execute format(
        'insert into public.%I select customer_id, %s, number'
        ' from unnest($1, $2) as given (customer_id, number)',
        'analytics_segmentationmember_' || segmentation, segmentation
    ) using customer_ids, numbers;
    get diagnostics filled = row_count;
    return filled;
end
$$;

comment on function crm_private.segmentation_fill is
'Write one chunk of members; returns how many. Both arrays name the same customers in one order.';

create function crm_private.segmentation_fill_map(segmentation integer, run integer)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    filled bigint;
begin
    execute format(
        'insert into public.%I select customer_id, %s, segment_id'
        ' from analytics_rfmscore where run_id = %s order by customer_id',
        'analytics_segmentationmember_' || segmentation, segmentation, run
    );
    get diagnostics filled = row_count;
    return filled;
end
$$;

comment on function crm_private.segmentation_fill_map is
'Write the segments of an RFM run as members, the number being that of the segment.';

create function crm_private.segmentation_seal(segmentation integer) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    members constant text := 'analytics_segmentationmember_' || segmentation;
begin
    execute format(
        $sql$
        alter table %1$I
            add constraint %2$I check (segmentation_id = %3$s),
            alter column customer_id set not null,
            alter column segmentation_id set not null,
            alter column number set not null
        $sql$,
        members, members || '_of', segmentation
    );
    execute format('alter table %I add primary key (customer_id, segmentation_id)', members);
    execute format('analyze %I', members);
    -- Locks the parent against other changes of its partitions, not against readers.
    execute format(
        'alter table analytics_segmentationmember attach partition %I for values in (%s)',
        members, segmentation
    );
end
$$;

comment on function crm_private.segmentation_seal is
'Give the table of a segmentation its key and make it a partition of all members.';

create function crm_private.segmentation_drop(segmentation integer) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if exists (select from analytics_segmentation where id = segmentation and is_current) then
        raise exception 'Segmentation % is current; its members stay.', segmentation;
    end if;
    -- As for scores: readers that come meanwhile would have to wait, so it gives up soon.
    perform set_config('lock_timeout', '100ms', true);
    execute format(
        'drop table if exists %I', 'analytics_segmentationmember_' || segmentation
    );
    perform set_config('lock_timeout', '0', true);
    return true;
exception
    when lock_not_available then
        perform set_config('lock_timeout', '0', true);
        return false;
end
$$;

comment on function crm_private.segmentation_drop is
'Remove the members of an old segmentation; false if readers were in the way for 100 ms.';

revoke all on function crm_private.segmentation_make(integer) from public;
revoke all on function crm_private.segmentation_fill(integer, bigint[], smallint[]) from public;
revoke all on function crm_private.segmentation_fill_map(integer, integer) from public;
revoke all on function crm_private.segmentation_seal(integer) from public;
revoke all on function crm_private.segmentation_drop(integer) from public;
