-- The index of a model's vectors. A column without dimension cannot have one as it is: each model
-- gets an index of its own over the vectors cast to its dimension. Queries repeat the cast.

create function crm_private.embedding_cast(dimension integer) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- An index takes 2,000 numbers, or 4,000 of half the precision; NULL: none, it is scanned.
    select case
        when dimension <= 2000 then format('vector(%s)', dimension)
        when dimension <= 4000 then format('halfvec(%s)', dimension)
    end
$$;

comment on function crm_private.embedding_cast is
'The type to which vectors of this dimension are cast in index and queries; NULL: no index.';

create function crm_private.embedding_index(model integer) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    target text := (
        select crm_private.embedding_cast(m.dimension)
        from analytics_embeddingmodel as m where m.id = embedding_index.model
    );
    vectors bigint := (
        select count(*) from analytics_customerembedding as e
        where e.model_id = embedding_index.model and e.vector is not null
    );
    megabytes bigint;
    statement text;
begin
    if target is null then
        return false;
    end if;
    -- The graph must fit, or building takes many times as long: numbers, and links to neighbours.
    select greatest(64, least(4096, vectors * (4 * m.dimension + 700) / 1000000 + 32))
    into megabytes from analytics_embeddingmodel as m where m.id = embedding_index.model;
    perform set_config('maintenance_work_mem', megabytes || 'MB', true);
    statement := format(
        'create index if not exists %I on analytics_customerembedding'
        ' using hnsw ((vector::%s) %s) with (m = 16, ef_construction = 100)'
        ' where model_id = %s and vector is not null',
        'customer_embedding_' || model, target,
        case when target like 'half%' then 'halfvec' else 'vector' end || '_cosine_ops', model
    );
    begin
        execute statement;
    exception when disk_full or out_of_memory or insufficient_resources then
        -- Workers share the graph, and a container may have little shared memory.
        perform set_config('max_parallel_maintenance_workers', '0', true);
        execute statement;
    end;
    return true;
end
$$;

comment on function crm_private.embedding_index is
'Build the index of a model''s vectors unless it is there. Writers wait, readers do not.';

create function crm_private.embedding_index_drop(model integer) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if exists (select from analytics_embeddingmodel where id = model and is_current) then
        raise exception 'Model % is the current one; its index stays.', model;
    end if;
    -- Dropping needs the table for itself for a moment; with readers in the way it gives up.
    perform set_config('lock_timeout', '100ms', true);
    execute format('drop index if exists %I', 'customer_embedding_' || model);
    perform set_config('lock_timeout', '0', true);
    return true;
exception
    when lock_not_available then
        perform set_config('lock_timeout', '0', true);
        return false;
end
$$;

comment on function crm_private.embedding_index_drop is
'Remove the index of a model that no longer serves; false if readers were in the way.';

create function crm_private.embedding_analyze() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    analyze analytics_customerembedding, analytics_productembedding;
end
$$;

comment on function crm_private.embedding_analyze is 'Tell the planner about the vectors.';

revoke all on function crm_private.embedding_cast(integer) from public;
revoke all on function crm_private.embedding_index(integer) from public;
revoke all on function crm_private.embedding_index_drop(integer) from public;
revoke all on function crm_private.embedding_analyze() from public;
