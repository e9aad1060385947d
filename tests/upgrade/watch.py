"""What a migration holds while it works: which tables, how strongly, and if it reads them whole.

A lock for a moment is given way to (``manage.py migrate``). One that is held while a table is read
or rewritten stops whoever writes, or everybody, for as long as the table is large.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor

# Those that make writers wait; the last one makes readers wait, too.
STRONG = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
TABLES = "select oid, oid::regclass::text, relfilenode from pg_class where relkind in ('r', 'p')"
HELD = """
    select c.oid, max(array_position(%s, l.mode)), coalesce(max(s.seq_scan), 0)
    from pg_locks l join pg_class c on c.oid = l.relation
    left join pg_stat_xact_all_tables s on s.relid = c.oid
    where l.pid = pg_backend_pid() and l.granted and l.mode = any(%s) and c.oid = any(%s)
    group by c.oid
"""


@dataclass(frozen=True)
class Hold:
    """A table that was there before, and what was done to it in one transaction."""

    migration: str
    table: str
    lock: str
    reads: bool
    rewrites: bool

    @property
    def long(self):
        return self.reads or self.rewrites


def ask(query, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def tables():
    """Return the name and the file of every table there is, by its oid."""
    return {oid: (name, node) for oid, name, node in ask(TABLES)}


@contextmanager
def watched(current):
    """Look at the end of each change of the schema; yields the list of what is found.

    ``current`` returns the name of the migration under way.
    """
    before = tables()
    holds: list[Hold] = []

    class Watching(DatabaseSchemaEditor):
        def __exit__(self, kind, error, trace):
            if kind is None:
                for statement in self.deferred_sql:
                    self.execute(statement, None)
                self.deferred_sql = []
                holds.extend(look(current(), before))
            return super().__exit__(kind, error, trace)

    usual = connection.SchemaEditorClass
    connection.SchemaEditorClass = Watching
    try:
        yield holds
    finally:
        connection.SchemaEditorClass = usual


def forget_scans():
    """Those of the former transaction would else be counted for the next one."""
    ask("select pg_stat_force_next_flush()")


def migrate():
    """Apply all migrations one by one; return them, and every strong lock on a table of before."""
    applied = []

    def start(action, migration=None, fake=False):
        if action == "apply_start":
            applied.append(f"{migration.app_label}.{migration.name}")
            forget_scans()

    with watched(lambda: applied[-1]) as holds:
        executor = MigrationExecutor(connection, start)
        executor.migrate(executor.loader.graph.leaf_nodes())
    return applied, holds


def look(migration, before):
    """Yield the strong locks that this transaction holds on tables of before."""
    now = tables()
    for oid, lock, scans in ask(HELD, [STRONG, STRONG, list(before)]):
        name = before[oid][0]
        yield Hold(
            migration, name, STRONG[lock - 1], scans > 0, now.get(oid, before[oid]) != before[oid]
        )
