"""What is known of backups: what lies there, and whether the promises are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from django.db import DatabaseError, connection
from django.db.models import F, Q
from django.utils import timezone

from crm_project.backup import catalogue
from crm_project.backup.catalogue import Entry
from crm_project.common import backup_setup as setup
from crm_project.common.freshness import NIGHTLY
from crm_project.common.models import BackupRun, DrillRun
from crm_project.common.models.backup import OperationQuerySet

PROMISED = NIGHTLY
"""A backup, and the proof of one, are never older than this."""

LOG_PROMISED = timedelta(days=8)
"""The proof of the log's archive is made every week."""


def backups_there() -> list[Entry]:
    """Return the backups that lie at the target, newest first. Raises ``CrmError`` in words."""
    with setup.in_words():
        return catalogue.entries(setup.target())


def newest_drills() -> dict[str, DrillRun]:
    """Return the newest successful drill of each backup, by the backup's name.

    None where the history cannot be read: who wants to know what backups there are may have lost
    the database.
    """
    try:
        return _newest_drills()
    except DatabaseError:
        return {}


def _newest_drills() -> dict[str, DrillRun]:
    copies = DrillRun.objects.succeeded().filter(kind=DrillRun.Kind.COPY)
    runs = copies.order_by("backup_name", "-started_at")
    return {run.backup_name: run for run in runs.distinct("backup_name")}


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that must have succeeded lately.

    Attributes:
        at: when it last succeeded; None: never.
        failing: whether the newest attempt that is over failed.
        error: of that failure, in words.
        checked_at: the moment for which this holds.
        promised: how old it may be.
    """

    at: datetime | None
    failing: bool
    error: str
    checked_at: datetime
    promised: timedelta = PROMISED

    @property
    def age(self) -> timedelta | None:
        return self.checked_at - self.at if self.at else None

    @property
    def kept(self) -> bool:
        return self.age is not None and self.age <= self.promised


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether the data would survive the loss of the database.

    Attributes:
        backup: of the newest backup, by the moment that it is a copy of.
        restore: of the newest drill that found everything equal in a backup that was new then: one
            of an older backup says nothing of what would be brought back today.
        newest: the newest backup; None: there is none.
        proof: that drill; None: there was none.
        log: of the newest drill of the log's archive.
        log_proof: that drill; None: there was none.
    """

    backup: Promise
    restore: Promise
    log: Promise
    newest: BackupRun | None
    proof: DrillRun | None
    log_proof: DrillRun | None


def trust() -> Trust:
    """Return how old the newest backup and the newest proofs are."""
    now = timezone.now()
    # What a wrong clock dated into the future would look new for as long as that lasts.
    soon = now + catalogue.AHEAD
    there = BackupRun.objects.succeeded().filter(removed_at=None, taken_at__lte=soon)
    newest = there.order_by("-taken_at").first()
    proof, last_drill = _newest_of(_counted_drills(soon), soon)
    log_drills = DrillRun.objects.filter(kind=DrillRun.Kind.LOG)
    log_proof, last_log_drill = _newest_of(log_drills, soon)
    last_try = BackupRun.objects.over().order_by("-started_at").first()
    return Trust(
        backup=_promise(newest.taken_at if newest else None, last_try, now),
        restore=_promise(proof.finished_at if proof else None, last_drill, now),
        log=_promise(
            log_proof.finished_at if log_proof else None, last_log_drill, now, LOG_PROMISED
        ),
        newest=newest,
        proof=proof,
        log_proof=log_proof,
    )


def _counted_drills(soon: datetime) -> OperationQuerySet[DrillRun]:
    """Return drills of backups; of good ones only those whose backup was as new as is promised."""
    new_then = Q(taken_at__gte=F("finished_at") - PROMISED, taken_at__lte=soon)
    counted = new_then | ~Q(status=DrillRun.Status.SUCCEEDED)
    return DrillRun.objects.filter(counted, kind=DrillRun.Kind.COPY)


def _newest_of(
    drills: OperationQuerySet[DrillRun], soon: datetime
) -> tuple[DrillRun | None, DrillRun | None]:
    """Return the newest good one of these drills, and the newest that is over."""
    good = drills.succeeded().filter(finished_at__lte=soon)
    return good.order_by("-finished_at").first(), drills.over().order_by("-started_at").first()


def _promise(
    at: datetime | None,
    last: BackupRun | DrillRun | None,
    now: datetime,
    promised: timedelta = PROMISED,
) -> Promise:
    failed = last is not None and last.status == last.Status.FAILED
    return Promise(at, failed, last.error if last is not None and failed else "", now, promised)


ARCHIVER: LiteralString = """
    select last_archived_time, last_failed_time
    from pg_stat_archiver
    where current_setting('archive_mode') <> 'off'
"""


@dataclass(frozen=True, slots=True)
class LogArchive:
    """What the server says of sending its log away (docs/point-in-time.md).

    Attributes:
        at: when the last piece was archived; None: none yet.
        failing: whether the last attempt failed. The log waits on the server's own disk then.
    """

    at: datetime | None
    failing: bool


def log_archive() -> LogArchive | None:
    """Return how the archive of the log does; None: the server sends none."""
    with connection.cursor() as cursor:
        cursor.execute(ARCHIVER)
        row = cursor.fetchone()
    return seen_archive(*row) if row else None


def seen_archive(archived: datetime | None, failed: datetime | None) -> LogArchive:
    """Read a row of ``ARCHIVER``."""
    return LogArchive(archived, failed is not None and (archived is None or failed > archived))
