"""What ``manage.py backup`` prints: sentences and a table for people, facts for programs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.utils import timezone
from rich import box
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from crm_project.backup.catalogue import Entry
from crm_project.common import formats
from crm_project.common.jobs import Progress
from crm_project.common.models import BackupRun, DrillRun
from crm_project.common.services.backups import Pruned, Verified
from crm_project.common.services.restores import RestoreResult


@contextmanager
def bar(console: Console) -> Iterator[Progress]:
    """Show what is being done, and for how long."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("Starting", total=None)

        def progress(done: int, total: int | None, message: str) -> None:
            bars.update(task, completed=done, total=total, description=message)

        yield progress


def to_json(facts: Any) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str)


# --- create -----------------------------------------------------------------------------------


def created(run: BackupRun) -> str:
    return (
        f"Backup {run.name}: {run.rows or 0:,} rows of {run.tables} tables, "
        f"{formats.size(run.file_bytes)} ({'encrypted' if run.encrypted else 'not encrypted'}) in "
        f"{run.place}, made in {formats.duration(run.duration)}."
    )


def created_facts(run: BackupRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "place": run.place,
        "taken_at": run.taken_at,
        "seconds": run.duration.total_seconds() if run.duration else None,
        "tables": run.tables,
        "rows": run.rows,
        "file_bytes": run.file_bytes,
        "dump_bytes": run.dump_bytes,
        "sha256": run.sha256,
        "encrypted": run.encrypted,
    }


# --- list -------------------------------------------------------------------------------------


def table(entries: list[Entry], proved: dict[str, DrillRun]) -> Table:
    """Return the backups that lie at the target, with the newest drill of each."""
    shown = Table(title="Backups", title_justify="left", box=box.SIMPLE_HEAD,
                  collapse_padding=True, pad_edge=False)  # fmt: skip
    # People copy the name into the next command: it is never cut.
    shown.add_column("Name", no_wrap=True, min_width=max((len(e.name) for e in entries), default=4))
    for title in ("Age", "Size", "Rows", "Drilled", "Problem"):
        right, whole = title in {"Size", "Rows"}, title != "Problem"
        shown.add_column(title, justify="right" if right else "left", no_wrap=whole)
    for entry in entries:
        manifest, run = entry.manifest, proved.get(entry.name)
        shown.add_row(
            entry.name,
            _ago(manifest.created_at) if manifest else formats.NOTHING,
            formats.size(manifest.file_bytes) if manifest else formats.NOTHING,
            formats.count(manifest.contents.rows) if manifest else formats.NOTHING,
            _ago(run.finished_at) if run else "never",
            entry.problem or ("" if manifest and manifest.encrypted else "No key."),
        )
    return shown


def _ago(moment: datetime | None) -> str:
    """Return an age that fits into a column."""
    return formats.age(timezone.now() - moment if moment else None).replace("under a", "a")


def entry_facts(entry: Entry, proved: dict[str, DrillRun]) -> dict[str, Any]:
    manifest, run = entry.manifest, proved.get(entry.name)
    facts: dict[str, Any] = {
        "name": entry.name,
        "problem": entry.problem,
        "verified_restore_at": run.finished_at if run else None,
    }
    if manifest is not None:
        facts |= {
            "taken_at": manifest.created_at,
            "file_bytes": manifest.file_bytes,
            "tables": len(manifest.contents.tables),
            "rows": manifest.contents.rows,
            "encrypted": manifest.encrypted,
            "recipients": manifest.recipients,
            "versions": manifest.versions,
        }
    return facts


# --- verify and prune -------------------------------------------------------------------------


def verified(result: Verified) -> str:
    if result.problem:
        return f"{result.name}: {result.problem}"
    how = (
        "and unpacked to its end" if result.opened else "(not unpacked: CRM_BACKUP_KEY is not set)"
    )
    return f"{result.name}: as it was written, by its SHA-256, {how}."


def pruned(result: Pruned, *, dry_run: bool) -> str:
    would = "would be removed" if dry_run else "removed"
    lines = [f"{len(result.removed)} backups {would}."]
    lines += [f"  {name}" for name in result.removed]
    lines += [f"Unfinished, removed: {name}" for name in result.halves]
    lines += [f"Not removed: {name}. {why}" for name, why in sorted(result.refused.items())]
    return "\n".join(lines)


# --- drill and restore ------------------------------------------------------------------------


def drilled(run: DrillRun) -> str:
    if run.kind == DrillRun.Kind.LOG:
        return _log_drilled(run)
    lines = [
        f"Drill of {run.backup_name} (of {formats.moment(run.taken_at)}) on "
        f"{formats.moment(run.finished_at)}:",
        f"  fetched and checked in {run.fetch_seconds or 0:.1f} s",
        f"  restored in {run.restore_seconds or 0:.1f} s",
        f"  compared {run.rows or 0:,} rows of {run.tables} tables in "
        f"{run.compare_seconds or 0:.1f} s",
    ]
    lines += [f"  {note}" for note in run.notes]
    return "\n".join([*lines, "All equal: rows, checksums, sequences, objects, migrations."])


def _log_drilled(run: DrillRun) -> str:
    lines = [
        f"Drill of the log's archive on {formats.moment(run.finished_at)}, from the base backup "
        f"{run.backup_name} (of {formats.moment(run.taken_at)}):",
        f"  what was written had left the server after {run.archived_seconds or 0:.1f} s",
        f"  fetched in {run.fetch_seconds or 0:.1f} s",
        f"  recovered in {run.restore_seconds or 0:.1f} s",
        f"  read {run.rows or 0:,} rows of {run.tables} tables in {run.compare_seconds or 0:.1f} s",
    ]
    lines += [f"  {note}" for note in run.notes]
    return "\n".join([*lines, "The last row that was written before it came back."])


def drilled_facts(run: DrillRun) -> dict[str, Any]:
    return {
        "kind": run.kind,
        "backup": run.backup_name,
        "taken_at": run.taken_at,
        "archived_seconds": run.archived_seconds,
        "finished_at": run.finished_at,
        "status": run.status,
        "fetch_seconds": run.fetch_seconds,
        "restore_seconds": run.restore_seconds,
        "compare_seconds": run.compare_seconds,
        "tables": run.tables,
        "rows": run.rows,
        "differences": run.differences,
        "notes": run.notes,
    }


def restored(result: RestoreResult) -> str:
    found = result.restored
    lines = [
        f"The database {result.database} is the one of {formats.moment(result.manifest.created_at)}"
        f" again: {found.rows:,} rows of {found.tables} tables, compared, in {found.seconds} s."
    ]
    if result.aside:
        lines.append(f"What was there before is kept as {result.aside}; drop it when you are sure.")
    lines += found.notes + result.notes
    if result.newer:
        lines.append(f"{len(result.newer)} migrations are newer than the backup.")
    lines.append("Now run manage.py migrate and manage.py apply_roles, then start the processes.")
    return "\n".join(lines)


def restored_facts(result: RestoreResult) -> dict[str, Any]:
    return {
        "backup": result.manifest.name,
        "taken_at": result.manifest.created_at,
        "database": result.database,
        "kept_as": result.aside,
        "seconds": result.restored.seconds,
        "tables": result.restored.tables,
        "rows": result.restored.rows,
        "notes": result.restored.notes + result.notes,
        "newer_migrations": result.newer,
    }
