-- The same as before, but for the second look: a statement of its own sees what another session
-- committed while this one waited; the look-up of a name may still remember that there was none.

create or replace function crm_private.ensure_signal_partitions(
    parent text, moments timestamptz[]
)
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
