"""Prove that the archive of the log restores: all of it, up to what was written a minute ago."""

import time
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.utils import timezone

from crm_project.backup import contents
from crm_project.backup.errors import BackupError
from crm_project.backup.log_archive import Archive
from crm_project.backup.recovering import Recovered, newest_change, recovered
from crm_project.backup.server import Server
from crm_project.common import backup_setup as setup
from crm_project.common import formats
from crm_project.common.jobs import Progress
from crm_project.common.models import DrillRun
from crm_project.common.services.operations import recorded
from crm_project.common.services.restores import MOST, DrillFailedError, compare_migrations
from crm_project.embedded.account import server_account

LOG_DRILL_LOCK = 7_264_205
"""The advisory lock of drills of the log; any number that nothing else uses."""

WITHIN_SECONDS = 180.0
"""``archive_timeout`` of a minute, and what sending takes on a bad day. Later: it is behind."""

_WRITTEN = "select pg_walfile_name(pg_current_wal_insert_lsn()), current_setting('archive_mode')"
_ARCHIVED = "select last_archived_wal from pg_stat_archiver"
_PLACES = "select count(*) from pg_tablespace where spcname not like 'pg\\_%'"
_OWN_ROW = "select from public.common_drillrun where id = %s"


def _silent(done: int, total: int | None, message: str) -> None:
    """Progress that nobody watches."""


def drill_log(*, progress: Progress = _silent) -> DrillRun:
    """Restore the newest base backup and the whole log into a server of its own, and look at it.

    The row of this drill is written first. It must leave the server by itself, within
    ``archive_timeout`` and a little, and must be found in the restored database: so nothing that
    was committed before the drill would have been lost. Every table is read to its end.

    Raises ``CrmError`` in words; the drill is then on record as failed. A ``ConflictError`` when
    another one is under way.
    """
    server = setup.server()
    alone = setup.alone(server, LOG_DRILL_LOCK, "Another drill of the log is under way.")
    with setup.in_words(), alone:
        run = DrillRun(kind=DrillRun.Kind.LOG, started_at=timezone.now())
        with recorded(run, "log drill"):
            archive = settings.CRM_BACKUP.archive
            if archive is None:
                raise BackupError(
                    "There is no archive of the log to restore. Set CRM_ARCHIVE_URL to the place "
                    "that archive_command names (docs/point-in-time.md)."
                )
            run.archived_seconds = _leave(server, progress)
            _restore(run, archive, server, progress)
    return run


def _leave(server: Server, progress: Progress) -> float:
    """Wait until what is written now has left the server; return after how many seconds it had."""
    began = time.monotonic()
    with server.connect(autocommit=True) as session:
        (written, mode), (places,) = _one(session, _WRITTEN), _one(session, _PLACES)
        if mode == "off":
            raise BackupError("This server archives no log: archive_mode is off.")
        if places:
            # They would be restored where they lie: in the middle of the live server.
            raise BackupError("A server with tablespaces of its own cannot be restored beside it.")
        # A timeline, then a place: they compare as text. A base backup's marker has more after it.
        while ((_one(session, _ARCHIVED)[0] or "")[:24]) < written:
            waited = time.monotonic() - began
            if waited > WITHIN_SECONDS:
                raise BackupError(
                    f"What was written {waited:.0f} s ago is not in the archive yet. Is "
                    "archive_timeout 60, and does archive_command succeed (pg_stat_archiver)?"
                )
            progress(0, None, "Waiting until this drill's own row is in the archive")
            time.sleep(0.5)
    return time.monotonic() - began


def _one(session: psycopg.Connection[Any], query: LiteralString) -> tuple[str, ...]:
    found: Any = session.execute(query).fetchone()
    row: tuple[str, ...] = found
    return row


def _restore(run: DrillRun, archive: Archive, server: Server, progress: Progress) -> None:
    account = server_account()
    progress(0, None, "Fetching the newest base backup")
    base = archive.newest(account)
    run.backup_name, run.taken_at = base.id, base.ended
    run.save()
    recovering = recovered(
        archive=archive,
        base=base,
        live=server,
        programs=setup.programs().folder,
        work_folder=settings.CRM_BACKUP.work_dir,
        account=account,
        watch=lambda: progress(0, None, "Restoring the base backup and the log"),
    )
    with recovering as found:
        _look(run, found, progress)


def _look(run: DrillRun, found: Recovered, progress: Progress) -> None:
    began = time.monotonic()
    with found.server.connect() as session:
        newest: datetime | None = newest_change(session)
        own = session.execute(_OWN_ROW, [run.pk]).rowcount == 1
        held = contents.measure(
            session, lambda done, total, name: progress(done, total, f"Reading {name}")
        )
    _, unknown = compare_migrations(found.server)
    run.fetch_seconds, run.restore_seconds = found.fetch_seconds, found.recovery_seconds
    run.compare_seconds = time.monotonic() - began
    run.tables, run.rows = len(held.tables), held.rows
    run.notes = [f"The newest change is of {formats.moment(newest)}." if newest else
                 "The log held no change since the base backup."]  # fmt: skip
    differences = [] if own else ["This drill's own row is not there: the log ends before it."]
    differences += [f"Migration {one} is of no version known here." for one in unknown]
    run.differences = differences[:MOST]
    if differences:
        raise DrillFailedError(f"The archive does not give the database back. {differences[0]}")
