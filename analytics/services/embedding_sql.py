"""Statements over rows of vectors; ``embedding_rows`` fills in table, key and source.

``{source}`` gives rows (key, changed_at) of everything that could be embedded.
"""

ASKED = """
    update {table} as e set
        status = case when e.vector is null then 'pending' else 'stale' end,
        attempts = 0,
        next_try_at = null
    where e.model_id = %(model)s and e.{key} = any(%(keys)s::bigint[])
"""

GONE = """
    delete from {table} as e
    where e.model_id = %(model)s and not exists (select from ({source}) as s where s.key = e.{key})
"""

NEW = """
    insert into {table} ({key}, model_id, status)
    select s.key, %(model)s, 'pending' from ({source}) as s
    where not exists (select from {table} as e where e.{key} = s.key and e.model_id = %(model)s)
    on conflict do nothing
"""

OTHER_TEMPLATE = """
    update {table} as e set status = case e.status when 'empty' then 'pending' else 'stale' end
    where
        e.model_id = %(model)s and e.status in ('done', 'empty')
        and e.template_version <> %(template)s
"""

CHANGED = """
    select e.{key}, s.changed_at, e.text_sha256
    from {table} as e inner join ({source}) as s on s.key = e.{key}
    where
        e.model_id = %(model)s and e.status in ('done', 'empty')
        and s.changed_at is distinct from e.checked_at and e.{key} > %(after)s
    order by e.{key} limit %(most)s
"""

SEEN = """
    update {table} as e set checked_at = s.at
    from unnest(%(same)s::bigint[], %(seen)s::timestamptz[]) as s (key, at)
    where e.model_id = %(model)s and e.{key} = s.key
"""

STALE = """
    update {table} as e set status = case e.status when 'empty' then 'pending' else 'stale' end
    where
        e.model_id = %(model)s and e.{key} = any(%(other)s::bigint[])
        and e.status in ('done', 'empty')
"""

QUEUE = """
    select e.{key}, s.changed_at, e.attempts
    from {table} as e inner join ({source}) as s on s.key = e.{key}
    where
        e.model_id = %(model)s and e.{key} > %(after)s
        and (e.status in ('pending', 'stale') or (e.status = 'failed' and e.next_try_at <= now()))
        and (%(only)s::bigint[] is null or e.{key} = any(%(only)s::bigint[]))
    order by e.{key} limit %(most)s
"""

UNSURVEYED = """
    select count(*)
    from ({source}) as s
    left join {table} as e on e.{key} = s.key and e.model_id = %(model)s
    where
        e.status is null or e.status in ('pending', 'stale')
        or (e.status = 'failed' and e.next_try_at <= now())
        or s.changed_at is distinct from e.checked_at
"""

COUNT = """
    select count(*) from {table} as e
    where
        e.model_id = %(model)s
        and (e.status in ('pending', 'stale') or (e.status = 'failed' and e.next_try_at <= now()))
        and (%(only)s::bigint[] is null or e.{key} = any(%(only)s::bigint[]))
"""

WRITE = """
    update {table} as e set
        status = case when b.told then 'done' else 'empty' end,
        vector = case when b.told then b.vector end,
        embedded_at = case when b.told then now() end,
        text_sha256 = b.sha,
        template_version = %(template)s,
        checked_at = b.changed,
        error = '',
        attempts = 0,
        next_try_at = null
    from (
        select batch.key, batch.sha, batch.vector, r.changed, batch.key = any(%(told)s) as told
        from embedding_batch as batch
        inner join unnest(%(keys)s::bigint[], %(changed)s::timestamptz[]) as r (key, changed)
            on batch.key = r.key
    ) as b
    where e.model_id = %(model)s and e.{key} = b.key
"""

FAILED = """
    update {table} as e set
        status = 'failed',
        error = %(why)s,
        attempts = least(e.attempts + 1, 30000),
        next_try_at = now() + least(%(longest)s, %(first)s * power(2, least(e.attempts, 20)))
    where e.model_id = %(model)s and e.{key} = any(%(keys)s::bigint[])
"""

UNTOLD = """
    update {table} as e set
        status = 'empty',
        text_sha256 = %(sha)s,
        template_version = %(template)s,
        checked_at = s.changed_at
    from ({source}) as s
    where
        s.key = e.{key} and e.model_id = %(model)s and e.status = 'pending' and e.vector is null
        and e.{key} = any(%(keys)s::bigint[])
"""
