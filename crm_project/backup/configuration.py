"""What the environment says of backups, in one object of the settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ

from crm_project.backup.log_archive import Archive
from crm_project.backup.packing import Keys
from crm_project.backup.targets import S3Options


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Where backups lie and how they are made; `.env.example` describes each variable.

    Attributes:
        url: file:///folder or s3://bucket/prefix; empty: there is no place for backups.
        keys: whom backups are encrypted for, and the secret key that opens them.
        keep_days: older ones are removed, but for the last good and the last proved one; what is
            no number of days for this, `retention.wrong` says.
        s3: how to reach a bucket, and for how many days it must refuse to remove a backup.
        database: a login that may read everything and create databases, as Django describes one;
            None: the usual one.
        work_dir: where dumps are unpacked; empty: the system's folder for such files.
        restore_jobs: processes of one restore.
        programs: the folder of pg_dump and pg_restore, where they are not found by themselves.
        by_beat: whether the schedules do the night's work here.
        archive: the archive of the server's log, for drills of it; None: none is named.
    """

    url: str
    keys: Keys
    keep_days: int
    s3: S3Options
    database: dict[str, Any] | None
    work_dir: str
    restore_jobs: int
    programs: str
    by_beat: bool
    archive: Archive | None


def backup_settings(env: environ.Env, *, home: Path, production: bool) -> BackupSettings:
    """Read them. Production has no place for backups unless one is named."""
    return BackupSettings(
        url=env.str("CRM_BACKUP_URL", default="" if production else f"file://{home}/backups"),
        keys=Keys(
            env.str("CRM_BACKUP_KEY", default=""),
            tuple(env.list("CRM_BACKUP_RECIPIENTS", default=[])),
        ),
        keep_days=env.int("CRM_BACKUP_KEEP_DAYS", default=30),
        s3=S3Options(
            endpoint=env.str("CRM_BACKUP_S3_ENDPOINT", default=""),
            access_key=env.str("CRM_BACKUP_S3_ACCESS_KEY", default=""),
            secret_key=env.str("CRM_BACKUP_S3_SECRET_KEY", default=""),
            region=env.str("CRM_BACKUP_S3_REGION", default=""),
            lock_days=env.int("CRM_BACKUP_LOCK_DAYS", default=0),
        ),
        database=(
            dict(env.db_url("CRM_BACKUP_DATABASE_URL"))
            if env.str("CRM_BACKUP_DATABASE_URL", default="")
            else None
        ),
        work_dir=env.str("CRM_BACKUP_WORK_DIR", default=""),
        restore_jobs=env.int("CRM_BACKUP_RESTORE_JOBS", default=2),
        programs=env.str("CRM_PG_BIN", default=""),
        by_beat=env.bool("CRM_BACKUP_BY_BEAT", default=True),
        archive=_archive(env),
    )


def _archive(env: environ.Env) -> Archive | None:
    url = env.str("CRM_ARCHIVE_URL", default="")
    if not url:
        return None
    return Archive(
        url=url,
        name=env.str("CRM_ARCHIVE_NAME", default="crm"),
        endpoint=env.str("CRM_ARCHIVE_S3_ENDPOINT", default=""),
        programs=env.str("CRM_BARMAN_BIN", default=""),
    )
