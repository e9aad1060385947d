"""Bring backups back: as a drill that proves them, or for good."""

import time
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from crm_project.backup import catalogue, databases, restoring
from crm_project.backup.errors import BackupError
from crm_project.backup.manifest import Manifest
from crm_project.backup.restoring import Restored
from crm_project.backup.server import Server
from crm_project.backup.targets import Target
from crm_project.common import backup_setup as setup
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import BackupRun, DrillRun
from crm_project.common.services.backups import note_what_is_there
from crm_project.common.services.operations import recorded

DRILL_LOCK = 7_264_202
"""The advisory lock of drills; any number that nothing else uses."""

RESTORE_LOCK = 7_264_204
"""The advisory lock of restores, held in the server's own database: ours is replaced."""

MOST = 50
"""Differences that are kept of one drill."""

DRILL, RESTORE, BEFORE = "drill", "restore", "before"

logger = structlog.get_logger(__name__)


def _silent(done: int, total: int | None, message: str) -> None:
    """Progress that nobody watches."""


class DrillFailedError(CrmError):
    """The backup was restored, but it is not what the database was."""


def drill(*, name: str = "", progress: Progress = _silent) -> DrillRun:
    """Restore a backup into a database of its own, compare it, and drop that database again.

    Compared are the rows and a checksum of every table, sequences, the names of all objects, and
    the migrations with those of this program.

    Args:
        name: by default the newest; a damaged one fails the drill, though older ones be well.

    Raises ``CrmError`` in words when the backup cannot be restored or differs: the drill is then
    on record as failed. A ``ConflictError`` when another drill is under way.
    """
    server = setup.server()
    with setup.in_words(), setup.alone(server, DRILL_LOCK, "Another drill is under way."):
        run = DrillRun(started_at=timezone.now(), backup_name=name)
        with recorded(run, "backup drill"):
            _drop_left_over(server, DRILL)
            target = setup.target()
            manifest = catalogue.find(target, name or catalogue.newest(target))
            run.backup_name, run.taken_at = manifest.name, manifest.created_at
            run.save()
            _drill(run, target, manifest, server, progress)
    return run


def _drop_left_over(server: Server, purpose: str) -> None:
    """Drop what a killed process left; what stays costs room, and is no reason not to work."""
    for old in databases.left_over(server, purpose):
        try:
            databases.drop_database(server, old)
        except BackupError as error:
            logger.warning("database_not_dropped", database=old, error=str(error))


def _drill(
    run: DrillRun, target: Target, manifest: Manifest, server: Server, progress: Progress
) -> None:
    database = databases.new_name(server.database, DRILL)
    found = _restored(target, manifest, server, database, progress)
    try:
        newer, unknown = compare_migrations(server.at(database))
    finally:
        databases.drop_database(server, database)
    run.fetch_seconds, run.restore_seconds = found.fetch_seconds, found.restore_seconds
    run.compare_seconds = found.compare_seconds
    run.tables, run.rows = found.tables, found.rows
    differences = found.differences + [f"Migration {one} is of no version known here."
                                       for one in unknown]  # fmt: skip
    run.differences = differences[:MOST]
    run.notes = found.notes + _newer(newer)
    if differences:
        raise DrillFailedError(
            f"The restored database differs from the backup's manifest in {len(differences)} "
            f"places. {differences[0]}"
        )


def _newer(names: list[str]) -> list[str]:
    if not names:
        return []
    return [f"{len(names)} migrations are newer than the backup, such as {names[0]}."]


def compare_migrations(server: Server) -> tuple[list[str], list[str]]:
    """Return migrations of this program that a database lacks, and those that only it knows."""
    # Without a connection the loader reads files only.
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or {}}
    with server.connect() as session:
        exists = session.execute("select to_regclass('public.django_migrations')").fetchone()
        if not exists or exists[0] is None:
            return sorted(known), []
        rows = session.execute("select app || '.' || name from public.django_migrations")
        applied = {name for (name,) in rows}
    return sorted(known - applied), sorted(applied - known)


def _restored(
    target: Target, manifest: Manifest, server: Server, database: str, progress: Progress
) -> Restored:
    """Fetch a backup and make a new database of it. Raises ``BackupError``."""
    began = time.monotonic()
    fetching = restoring.fetched(
        target, manifest, setup.keys(), settings.CRM_BACKUP.work_dir, progress
    )
    with fetching as dump:
        return restoring.restore(
            manifest=manifest,
            dump=dump,
            server=server,
            programs=setup.programs(),
            database=database,
            jobs=settings.CRM_BACKUP.restore_jobs,
            fetch_seconds=time.monotonic() - began,
            told=progress,
        )


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """A database that was brought back.

    Attributes:
        database: its name now.
        aside: under what name the database that was there before is kept; empty: there was none.
        newer: migrations of this program that it lacks.
        notes: what could not be done once it was in its place, in words.
    """

    manifest: Manifest
    restored: Restored
    database: str
    aside: str = ""
    newer: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def restore_backup(
    *, name: str = "", into: str = "", force: bool = False, progress: Progress = _silent
) -> RestoreResult:
    """Bring a backup back for good.

    It is restored beside the database and compared first; then both change names in one moment.
    So a backup that turns out to be damaged costs nothing.

    Args:
        name: by default the newest backup that is of use.
        into: a new database of this name instead; the present one is not touched.
        force: replace a database that is not empty. It is kept under another name.

    Raises ``CrmError`` in words; the database is then as it was. What goes wrong once it is
    exchanged is no error any more, but a note of the result.
    """
    server = setup.server()
    alone = setup.alone(server.own_database(), RESTORE_LOCK, "Another restore is under way.")
    with setup.in_words(), alone:
        wanted = server.at(into) if into else server
        _drop_left_over(server, RESTORE)
        _refuse_what_is_full(wanted, into=into, force=force)
        target = setup.target()
        manifest = catalogue.find(target, name)
        fresh = databases.new_name(server.database, RESTORE)
        restored = _restored(target, manifest, server, fresh, progress)
        try:
            result = _put_in_place(manifest, restored, wanted, fresh)
        except BaseException:
            # Where it has its new name already, there is none of this one.
            databases.drop_database(server, fresh)
            raise
        if not into:
            result.notes.extend(_bring_history_up_to_date(target))
    return result


def _refuse_what_is_full(wanted: Server, *, into: str, force: bool) -> None:
    if into and databases.exists(wanted):
        raise BackupError(f"There is a database {into} already. Name another one.")
    if not force and not databases.is_empty(wanted):
        raise BackupError(
            f"The database {wanted.database} is not empty. With --force it is replaced, and kept "
            "under another name; --into NAME restores beside it."
        )


def _put_in_place(
    manifest: Manifest, restored: Restored, wanted: Server, fresh: str
) -> RestoreResult:
    """Exchange the databases, unless the new one is not what it should be."""
    if restored.differences:
        raise BackupError(
            f"The restored database differs from the backup's manifest: {restored.differences[0]} "
            "It was dropped; the present one was not touched."
        )
    newer, _ = compare_migrations(wanted.at(fresh))
    was_empty = databases.is_empty(wanted)
    aside = f"{databases.beginning(wanted.database)}_{BEFORE}_{timezone.now():%Y%m%d%H%M%S}"
    if wanted.database == connections["default"].settings_dict["NAME"]:
        # Or Django would go on with a session of the old one.
        connections.close_all()
    databases.swap(wanted, fresh, aside=aside)
    result = RestoreResult(manifest, restored, wanted.database, "" if was_empty else aside, newer)
    if was_empty:
        result.notes.extend(_drop_empty(wanted, aside))
    return result


def _drop_empty(server: Server, name: str) -> list[str]:
    """Drop the empty database that was there before; return in words why it stays."""
    try:
        databases.drop_database(server, name)
    except BackupError as error:
        return [f"The empty database {name} stays. {error}"]
    return []


def _bring_history_up_to_date(target: Target) -> list[str]:
    """The restored database believes that its own backup is still being made.

    Return in words why it still does: the place may not answer, and an older database may lack a
    column until it is migrated.
    """
    try:
        if BackupRun._meta.db_table in connections["default"].introspection.table_names():
            BackupRun.objects.filter(status=BackupRun.Status.RUNNING).delete()
            note_what_is_there(target)
    except (BackupError, DatabaseError) as error:
        reason = str(error).strip().partition("\n")[0]
        return [f"The history of backups stays as it was when this one was made. {reason}"]
    return []
