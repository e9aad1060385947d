"""Make, check and remove backups, and keep the history of it."""

from dataclasses import dataclass, field
from datetime import datetime
from os import devnull
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from crm_project.backup import catalogue, retention
from crm_project.backup.catalogue import Entry
from crm_project.backup.errors import BackupError
from crm_project.backup.making import make
from crm_project.backup.manifest import Manifest, moment_of
from crm_project.backup.packing import unpack
from crm_project.backup.targets import Swept, Target
from crm_project.common import backup_setup as setup
from crm_project.common.exceptions import CrmError
from crm_project.common.jobs import Progress
from crm_project.common.models import BackupRun, DrillRun
from crm_project.common.services.operations import recorded

LOCK = 7_264_201
"""The advisory lock of making and removing backups; any number that nothing else uses."""

logger = structlog.get_logger(__name__)


def _silent(done: int, total: int | None, message: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention removed: backups, halves that died on the way, and what was refused."""

    removed: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def create_backup(*, progress: Progress = _silent) -> BackupRun:
    """Make a backup of the whole database; remove what is past retention afterwards.

    Raises ``CrmError`` in words; then nothing of it is left where backups lie. A ``ConflictError``
    when another process makes one.
    """
    server = setup.server()
    words = "Another process is making or removing backups right now."
    with setup.in_words(), setup.alone(server, LOCK, words):
        run = BackupRun(started_at=timezone.now())
        with recorded(run, "backup"):
            target = setup.target()
            run.place = target.words[:300]
            last = BackupRun.objects.succeeded().order_by("-started_at").first()
            manifest = make(
                server=server,
                target=target,
                programs=setup.programs(),
                keys=setup.keys(),
                prefix=setup.PREFIX,
                expected_bytes=last.file_bytes if last else None,
                expected_dump=last.dump_bytes if last else None,
                told=progress,
            )
            _describe(run, manifest)
        _tidy(target)
    return run


def _tidy(target: Target) -> None:
    """Apply retention. The backup that was just made is good, whatever becomes of this."""
    try:
        pruned = _prune(target, dry_run=False)
    except BackupError as error:
        logger.warning("backups_not_pruned", error=str(error))
        return
    if pruned.refused:
        logger.warning("backups_not_removed", names=sorted(pruned.refused))


def prune_backups(*, dry_run: bool = False) -> Pruned:
    """Remove backups past retention, and halves that nobody will finish.

    The newest good one stays however old it is, and so does the newest that a drill restored.
    Damaged ones past retention go as well. What an object lock keeps is told as refused.

    Raises ``CrmError`` in words, also for days that cannot be meant; nothing goes then.
    """
    words = "Another process is making or removing backups right now."
    with setup.in_words(), setup.alone(setup.server(), LOCK, words):
        return _prune(setup.target(), dry_run=dry_run)


def _prune(target: Target, *, dry_run: bool) -> Pruned:
    # A check refuses it at start, but a command may pass over checks.
    if words := retention.wrong(settings.CRM_BACKUP.keep_days):
        raise BackupError(words)
    now = timezone.now()
    entries = catalogue.entries(target)
    good = [entry.manifest for entry in entries if entry.manifest and entry.good]
    proved = (
        DrillRun.objects.succeeded()
        .filter(kind=DrillRun.Kind.COPY)
        .filter(backup_name__in=[one.name for one in good])
    )
    newest_proved = proved.order_by("-taken_at").values_list("backup_name", flat=True).first()
    keep = {newest_proved} if newest_proved else set()
    going = retention.expired(good, now=now, keep_days=settings.CRM_BACKUP.keep_days, keep=keep)
    if good:
        # Damaged ones only where a good one is left: they may be all that there is to be saved.
        limit = retention.oldest_kept(good, now=now, keep_days=settings.CRM_BACKUP.keep_days)
        going += [one.name for one in entries if not one.good and _older(one, limit)]
    swept = Swept() if dry_run else catalogue.sweep(target, now)
    result = Pruned(halves=swept.gone, refused=swept.refused)
    for name in going:
        _remove(target, name, now, result, dry_run=dry_run)
    return result


def _older(entry: Entry, limit: datetime) -> bool:
    """Tell whether a backup is of before a moment; where its manifest is damaged, by its name."""
    moment = entry.manifest.created_at if entry.manifest else moment_of(entry.name)
    return moment is not None and moment < limit


def _remove(target: Target, name: str, now: datetime, result: Pruned, *, dry_run: bool) -> None:
    try:
        if not dry_run:
            catalogue.remove(target, name)
            BackupRun.objects.filter(name=name).update(removed_at=now)
    except BackupError as error:
        result.refused[name] = str(error)
    else:
        result.removed.append(name)


@dataclass(frozen=True, slots=True)
class Verified:
    """A backup whose file was read to its end. ``opened``: also decrypted and unpacked."""

    name: str
    opened: bool
    problem: str = ""


def verify_backups(*, name: str = "", every: bool = False) -> list[Verified]:
    """Read files and compare them with their SHA-256; unpack them where the key is here.

    Args:
        name: by default the newest one.
        every: all of them instead.

    Raises ``CrmError`` when there is nothing to verify. Damage is told in the result.
    """
    with setup.in_words():
        target = setup.target()
        if every:
            names = [entry.name for entry in catalogue.entries(target)]
        else:
            names = [name or catalogue.find(target).name]
        if not names:
            raise CrmError(f"There is no backup in {target.words}.")
        return [_verify(target, one) for one in names]


def _verify(target: Target, name: str) -> Verified:
    keys = setup.keys()
    try:
        manifest = catalogue.find(target, name)
        opened = not manifest.encrypted or bool(keys.identity)
        with target.read(manifest.file) as stream, Path(devnull).open("wb") as nowhere:
            unpack(
                stream,
                nowhere if opened else None,
                sha256=manifest.sha256,
                encrypted=manifest.encrypted,
                keys=keys,
            )
    except BackupError as error:
        return Verified(name, opened=False, problem=str(error))
    return Verified(name, opened)


def note_what_is_there(target: Target) -> None:
    """Let the history know the backups of a target: a restored database knows older ones only."""
    for entry in catalogue.entries(target):
        if entry.manifest is not None:
            run = BackupRun.objects.filter(name=entry.name).first()
            if run is None or run.status != BackupRun.Status.SUCCEEDED:
                run = run or BackupRun(started_at=entry.manifest.created_at)
                run.place = target.words[:300]
                run.status, run.error = BackupRun.Status.SUCCEEDED, ""
                run.finished_at = entry.manifest.created_at
                _describe(run, entry.manifest)
                run.save()


def _describe(run: BackupRun, manifest: Manifest) -> None:
    run.name = manifest.name
    run.taken_at = manifest.created_at
    run.file_bytes, run.dump_bytes = manifest.file_bytes, manifest.dump_bytes
    run.sha256, run.encrypted = manifest.sha256, manifest.encrypted
    run.tables, run.rows = len(manifest.contents.tables), manifest.contents.rows
