"""Show how the database is doing: slow queries, sizes, dead rows, idle indexes, locks, replicas."""

import json
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from crm_project.common.selectors.database_report import Section, as_json, report


class Command(BaseCommand):
    help = "Show slow queries, sizes, dead rows, unused indexes, locks and replicas."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=15, help="Rows of each part.")
        parser.add_argument("--json", action="store_true", help="Print plain values as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        sections = report(limit=max(1, options["limit"]))
        if options["json"]:
            self.stdout.write(json.dumps(as_json(sections), default=str, ensure_ascii=False))
            return
        console = Console(file=cast("IO[str]", self.stdout._out), highlight=False)
        for section in sections:
            console.print(_table(section) if section.rows else f"{section.title}: none.", "")


def _table(section: Section) -> Table:
    table = Table(title=section.title, caption=section.what, title_justify="left")
    for column in section.columns:
        text = column.kind in {"text", "query"}
        table.add_column(column.title, justify="left" if text else "right", overflow="fold")
    for row in section.shown:
        table.add_row(*(cell[:120] for cell in row))
    return table
