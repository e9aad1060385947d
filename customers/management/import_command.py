"""What the import commands share: options, a progress bar, a table at the end."""

import json
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crm_project.common import jobs
from crm_project.common.exceptions import CrmError
from customers.importers import registry
from customers.importers.errors import InputError
from customers.models import ImportBatch
from customers.services import imports

COUNTS = ("lines", "new", "changed", "unchanged", "refused", "skipped")
_AGAIN = "Give the same command again, or use --resume."
OPTIONS = (
    "anonymous", "time_zone", "delimiter", "encoding", "decimal", "date_order", "currency",
    "unknown_products",
)  # fmt: skip


class ImportCommand(BaseCommand):
    """Imports one kind of file.

    Exit code 0: imported (or previewed), though lines may be refused. 1: nothing was imported.
    """

    kind: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        formats = list(registry.get(self.kind).formats)
        parser.add_argument("file", nargs="?", help="CSV, also .gz or .xz; - reads standard input.")
        parser.add_argument("--format", choices=formats, default=formats[-1])
        parser.add_argument("--source", default="", help="The shop system; default: the format.")
        parser.add_argument("--mode", choices=ImportBatch.Mode.values, default="both")
        parser.add_argument("--on-error", choices=ImportBatch.OnError.values, default="skip")
        parser.add_argument("--dry-run", action="store_true", help="Count only, write nothing.")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")
        parser.add_argument(
            "--resume", nargs="?", type=int, const=0, metavar="BATCH",
            help="Go on with a batch that was left unfinished; without a number, the newest.",
        )  # fmt: skip
        parser.add_argument("--anonymous", choices=["refuse", "keep"], default="refuse")
        parser.add_argument("--time-zone", default="", help="Of times without one.")
        parser.add_argument("--delimiter", default="", help="comma, semicolon, tab or pipe.")
        parser.add_argument("--encoding", default="", help="Like utf-8 or latin-1.")
        parser.add_argument("--decimal", choices=["auto", "point", "comma"], default="auto")
        parser.add_argument("--date-order", choices=["mdy", "dmy"], default="")
        parser.add_argument("--currency", default="", help="Of amounts without one, like GBP.")
        parser.add_argument(
            "--unknown-products", choices=["create", "refuse"], default="",
            help="Orders: make products of unknown article numbers (usual), or refuse the lines.",
        )  # fmt: skip

    def handle(self, **options: Any) -> None:
        try:
            with bar() as progress:
                batch = self._import(options, progress)
        except CrmError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError(f"Stopped: nothing was imported. {_AGAIN}") from error
        except (DatabaseError, OSError) as error:
            raise CommandError(f"{_cause(error)} Nothing was imported. {_AGAIN}") from error
        self.stdout.write(_as_json(batch) if options["json"] else _as_table(batch))
        if batch.status == ImportBatch.Status.FAILED:
            raise CommandError(batch.error)

    def _import(self, options: dict[str, Any], progress: jobs.Progress | None) -> ImportBatch:
        if options["resume"] is not None:
            batch = imports.unfinished(kind=self.kind, batch_id=options["resume"] or None)
            work = imports.preview if options["dry_run"] else imports.commit
            return work(batch_id=batch.pk, progress=progress)
        if not options["file"]:
            raise CommandError("Name a file, or use --resume.")
        with _path(options["file"]) as path:
            return imports.import_file(
                path=path,
                kind=self.kind,
                progress=progress,
                options={name: options[name] for name in OPTIONS},
                **{n: options[n] for n in ("format", "source", "mode", "on_error", "dry_run")},
            )


def _cause(error: Exception) -> str:
    """Say what went wrong around the import; a database's own words may quote the data."""
    if isinstance(error, OSError):
        return f"The file cannot be read or stored: {error.strerror}."
    return f"The database broke off the import ({type(error).__name__})."


@contextmanager
def _path(name: str) -> Iterator[Path]:
    """Give the file's path; what can be read only once (standard input, a pipe) is stored first.

    Raises:
        InputError: it does not end within the size that is taken.
    """
    path = Path(name)
    if name != "-" and (not path.exists() or path.is_file() or path.is_dir()):
        yield path
        return
    limit, size = settings.CRM_UPLOAD_MAX_BYTES, 0
    with tempfile.TemporaryDirectory(prefix="crm-import-") as folder, _input(name) as source:
        stored = Path(folder) / ("standard input" if name == "-" else path.name)
        with stored.open("wb") as copy:
            while block := source.read(1 << 20):
                size += len(block)
                if size > limit:
                    raise InputError(f"The input is larger than {limit:,} bytes.")
                copy.write(block)
        yield stored


def _input(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


@contextmanager
def bar() -> Iterator[jobs.Progress | None]:
    """Show a bar on standard error; nothing where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        task = bars.add_task("Starting", total=None)

        def tell(done: int, total: int | None, message: str) -> None:
            bars.update(task, completed=done, total=total, description=message)

        yield tell


def _as_json(batch: ImportBatch) -> str:
    counts = {name: getattr(batch, name) for name in COUNTS}
    return json.dumps(
        {"batch": batch.pk, "status": batch.status, **counts, "summary": batch.summary}, indent=2
    )


def _as_table(batch: ImportBatch) -> str:
    table = Table(title=f"Import {batch.pk}: {batch.file_name} ({batch.status})", title_style="")
    table.add_column("What")
    table.add_column("Count", justify="right")
    for name in COUNTS:
        table.add_row(name, f"{getattr(batch, name):,}")
    for name, value in batch.summary.items():
        if not isinstance(value, dict | list):
            table.add_row(name.replace("_", " "), f"{value:,}" if type(value) is int else value)
    for code, count in batch.summary.get("refused_by_reason", {}).items():
        table.add_row(f"refused: {code.replace('_', ' ')}", f"{count:,}")
    for column in batch.summary.get("ignored_columns", []):
        table.add_row("column not used", column)
    console = Console(width=88, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
