-- Partitions of signals and raw events: made on demand and ahead, removed by whole months.
-- A partition holds one month in UTC; before 2020 one year, so that made-up dates of the past
-- cannot make hundreds of tables. Which it is follows from the date alone, so that partitions
-- never overlap.

create function crm_private.signal_partition(parent text, moment timestamptz)
returns table (name text, starts timestamptz, ends timestamptz)
language sql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
    select
        parent || to_char(piece.starts, case step when 'year' then '_YYYY' else '_YYYY_MM' end),
        piece.starts,
        piece.starts + ('1 ' || step)::interval
    from (select case when moment < '2020-01-01 00:00+00' then 'year' else 'month' end as step)
        as chosen,
        lateral (select date_trunc(chosen.step, moment, 'UTC') as starts) as piece
$$;

comment on function crm_private.signal_partition is
'The partition that a moment belongs to: its name, its first moment, and the first moment after.';

-- Not `create table … partition of`: that would need the parent for itself and wait for, and hold
-- up, everybody. Attaching only keeps others from attaching.
-- The second look is a statement of its own, which sees what another session committed while this
-- one waited; the look-up of a name may still remember that there was none.
create function crm_private.ensure_signal_partitions(parent text, moments timestamptz[])
returns integer
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    piece record;
    made integer := 0;
begin
    if parent not in ('analytics_signal', 'analytics_rawevent') then
        raise exception '% has no partitions by month.', parent;
    end if;
    for piece in
        select distinct p.*
        from unnest(moments) as each (moment)
        cross join lateral crm_private.signal_partition(parent, each.moment) as p
        order by p.starts
    loop
        continue when to_regclass('public.' || piece.name) is not null;
        perform pg_advisory_xact_lock(hashtextextended('signal partitions', 0));
        continue when exists (
            select from pg_class as c
            where c.relname = piece.name and c.relnamespace = 'public'::regnamespace
        );
        execute format(
            'create table public.%I (like public.%I including all)', piece.name, parent
        );
        execute format(
            'alter table public.%I attach partition public.%I for values from (%L) to (%L)',
            parent, piece.name, piece.starts, piece.ends
        );
        made := made + 1;
    end loop;
    return made;
end
$$;

comment on function crm_private.ensure_signal_partitions is
'Make the partitions of analytics_signal or analytics_rawevent that hold the moments; returns how '
'many were missing.';

create function crm_private.signal_partitions(parent text)
returns table (name text, starts timestamptz, ends timestamptz, estimated_rows bigint, bytes bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
begin
    if parent not in ('analytics_signal', 'analytics_rawevent') then
        raise exception '% has no partitions by month.', parent;
    end if;
    return query
        select p.name, p.starts, p.ends, greatest(c.reltuples, 0)::bigint,
            pg_total_relation_size(c.oid)
        from pg_inherits as i
        join pg_class as c on c.oid = i.inhrelid
        cross join lateral crm_private.signal_partition(
            parent,
            (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]
            ::timestamptz
        ) as p
        where i.inhparent = ('public.' || parent)::regclass
        order by p.starts;
end
$$;

comment on function crm_private.signal_partitions is
'The partitions there are, oldest first, with the rows the planner believes in, and bytes on disk.';

create function crm_private.drop_signal_partition(parent text, partition_name text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if not exists (
        select from crm_private.signal_partitions(parent) as p
        where p.name = partition_name and p.ends <= now()
    ) then
        raise exception 'There is no past partition % of %.', partition_name, parent;
    end if;
    -- Dropping needs the parent for itself. Readers that come meanwhile would have to wait as
    -- long as this does, so it gives up soon; the caller tries again later.
    perform set_config('lock_timeout', '100ms', true);
    execute format('drop table public.%I', partition_name);
    perform set_config('lock_timeout', '0', true);
    return true;
exception
    when lock_not_available then
        perform set_config('lock_timeout', '0', true);
        return false;
end
$$;

comment on function crm_private.drop_signal_partition is
'Remove one whole month (or year) of the past; false if readers were in the way for 100 ms.';

revoke all on function crm_private.signal_partition(text, timestamptz) from public;
revoke all on function crm_private.ensure_signal_partitions(text, timestamptz[]) from public;
revoke all on function crm_private.signal_partitions(text) from public;
revoke all on function crm_private.drop_signal_partition(text, text) from public;
