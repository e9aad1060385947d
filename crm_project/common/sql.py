"""Run the .sql files kept next to an app from that app's migrations.

A file that a landed migration names is never edited: a change is a new file and a new migration.
"""

from pathlib import Path

from django.apps import apps
from django.db.migrations import RunSQL


def read_sql(app_label: str, name: str) -> str:
    """Return the text of ``<app>/sql/<name>``."""
    folder = Path(apps.get_app_config(app_label).path) / "sql"
    return (folder / name).read_text(encoding="utf-8")


def run_sql_file(app_label: str, forward: str, *, reverse: str) -> RunSQL:
    """Return a migration operation; both directions are files, both are required."""
    return RunSQL(read_sql(app_label, forward), read_sql(app_label, reverse))
