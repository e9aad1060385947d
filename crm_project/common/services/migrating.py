"""Change the tables beside people who work: one at a time, and nobody waits behind a change.

A statement that wants a whole table waits for whoever reads it, and everybody else waits behind
that statement: one long report and one ``ALTER TABLE`` stop a shop. So a change waits for seconds
only, gives up, lets the others through, and tries again. What was applied before stays applied.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

from crm_project.common.exceptions import ConflictError

Say = Callable[[str], None]
_TURN = "hashtextextended('crm: migrate', 0)"


def migrate_beside_others(
    *,
    connection: BaseDatabaseWrapper,
    work: Callable[[], object],
    lock_seconds: int,
    attempts: int,
    turn_seconds: int,
    say: Say,
) -> None:
    """Run ``work`` when no other process does, its statements waiting ``lock_seconds`` for a lock.

    Raises:
        ConflictError: another process was not done within ``turn_seconds``, or a lock was not to
            be had in any of the ``attempts``.
    """
    with _turn(connection, turn_seconds, say), _patience(connection, lock_seconds):
        for attempt in range(1, attempts + 1):
            try:
                work()
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable) or connection.in_atomic_block:
                    raise
                say(f"Somebody uses what is to be changed (attempt {attempt} of {attempts}).")
                time.sleep(lock_seconds if attempt < attempts else 0)
    raise ConflictError(
        f"A table was in use for all of {attempts} attempts. What was applied before stays; find "
        "who holds it (pg_stat_activity, pg_locks) and migrate again."
    )


@contextmanager
def _turn(connection: BaseDatabaseWrapper, seconds: int, say: Say) -> Iterator[None]:
    """Ask again and again: who waits *in* the database would stop CREATE INDEX CONCURRENTLY."""
    deadline = time.monotonic() + seconds
    while not _ask(connection, f"select pg_try_advisory_lock({_TURN})"):
        if time.monotonic() > deadline:
            raise ConflictError(f"Another process migrates, and was not done in {seconds} s.")
        say("Another process migrates; waiting for it.")
        time.sleep(1)
    try:
        yield
    finally:
        # A connection that broke has given the lock back by itself.
        if connection.is_usable():
            _ask(connection, f"select pg_advisory_unlock({_TURN})")


@contextmanager
def _patience(connection: BaseDatabaseWrapper, seconds: int) -> Iterator[None]:
    before = _ask(connection, "select current_setting('lock_timeout')")
    _ask(connection, f"select set_config('lock_timeout', '{seconds}s', false)")
    try:
        yield
    finally:
        if connection.is_usable():
            _ask(connection, f"select set_config('lock_timeout', '{before}', false)")


def _ask(connection: BaseDatabaseWrapper, query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return row and row[0]
