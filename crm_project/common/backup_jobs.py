"""Backups and drills as background jobs, for schedules and for the admin."""

from typing import Any

from crm_project.common.jobs import JobContext
from crm_project.common.services import backups, restores

BACKUP, DRILL = "backup", "backup_drill"
"""The kinds of these jobs."""


def backup_job(context: JobContext) -> dict[str, Any]:
    """Make a backup. Run twice, it makes two: each is whole."""
    run = backups.create_backup(progress=context.progress)
    return {"backup_id": run.pk, "name": run.name, "bytes": run.file_bytes, "rows": run.rows}


def drill_job(context: JobContext) -> dict[str, Any]:
    """Restore the newest backup, or the one that ``name`` asks for, and compare it."""
    run = restores.drill(name=context.params.get("name", ""), progress=context.progress)
    return {"drill_id": run.pk, "backup": run.backup_name, "rows": run.rows}
