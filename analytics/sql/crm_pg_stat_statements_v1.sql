-- Slow queries under the names of seed 003, which are those of PostgreSQL before 13. Empty where
-- the extension is not installed or the server has not loaded it.

do $$
begin
    create extension if not exists pg_stat_statements;
exception
    -- No right to create it, or the server's programs come without it.
    when insufficient_privilege or undefined_file or feature_not_supported then
        raise notice 'pg_stat_statements is not available; crm.pg_stat_statements stays empty.';
end
$$;

create function crm.statement_statistics()
returns table (
    userid oid,
    dbid oid,
    queryid bigint,
    query text,
    calls bigint,
    total_time double precision,
    min_time double precision,
    max_time double precision,
    mean_time double precision,
    stddev_time double precision,
    rows bigint,
    shared_blks_hit bigint,
    shared_blks_read bigint
)
language plpgsql
stable
as $$
declare
    place name;
begin
    select n.nspname into place
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
    where e.extname = 'pg_stat_statements';
    if place is null then
        return;
    end if;
    return query execute format(
        'select s.userid, s.dbid, s.queryid, s.query, s.calls, s.total_exec_time, s.min_exec_time,'
        ' s.max_exec_time, s.mean_exec_time, s.stddev_exec_time, s.rows, s.shared_blks_hit,'
        ' s.shared_blks_read from %I.pg_stat_statements as s'
        ' inner join pg_catalog.pg_database as d on s.dbid = d.oid'
        ' where d.datname = current_database()', place
    );
exception
    -- It is installed but not among the server's shared_preload_libraries, or not ours to see.
    when object_not_in_prerequisite_state or insufficient_privilege then
        return;
end
$$;

comment on function crm.statement_statistics is
'What pg_stat_statements knows of this database, or nothing; with the caller''s rights.';

create view crm.pg_stat_statements as
select
    userid,
    dbid,
    queryid,
    query,
    calls,
    total_time,
    min_time,
    max_time,
    mean_time,
    stddev_time,
    rows,
    shared_blks_hit,
    shared_blks_read
from crm.statement_statistics();

comment on view crm.pg_stat_statements is
'One row per statement of this database since the last reset; times in milliseconds.';
