"""Run one import batch inside one transaction: read, stage, classify, and (for a commit) write.

A preview stops before writing, so it counts exactly what a commit then writes. A crash at any
point rolls everything back but the batch row, which can then be run again: the stored file is the
truth.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from crm_project.common.jobs import Progress
from customers.importers import registry
from customers.importers.errors import InputError
from customers.importers.files import FileFacts, inspect
from customers.importers.header import Layout, find_columns, guess_delimiter
from customers.importers.lines import line_blocks
from customers.importers.options import Options
from customers.importers.records import Chunk, RecordReader
from customers.importers.registry import Reading, Refusal, Staged
from customers.importers.values import copy_text, latest_moment, number_style, storable
from customers.models import ImportBatch
from customers.selectors.imports import gone_in_words, stored_file

RAW_KEPT = 10_000
_SAMPLED_RECORDS = 2000
_WRITE_LOCK = "import:write"


@dataclass(slots=True)
class RunResult:
    """What a run found. The counts fulfil lines = new + changed + unchanged + refused + skipped."""

    lines: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outcome: registry.Outcome = field(default_factory=registry.Outcome)
    unknown_columns: tuple[str, ...] = ()


def run(
    *, batch: ImportBatch, write: Callable[[RunResult], bool], progress: Progress | None = None
) -> RunResult:
    """Stage and classify the batch's file; apply it if ``write`` says so after the counts.

    Must be called inside a transaction.

    Raises:
        InputError: the file as a whole cannot be imported.
    """
    kind = registry.get(batch.kind)
    tell = progress or _silent
    options = Options.of(batch.options)
    path = stored_file(batch=batch)
    if gone := gone_in_words(batch=batch):
        raise InputError(gone)
    limit = settings.CRM_IMPORT_UNPACKED_MAX_BYTES
    facts = registry.BatchFacts(
        batch.id,
        batch.source,
        batch.mode,
        _currency(options),
        refuse_unknown=options.unknown_products == "refuse",
    )
    tell(0, None, "Reading the file")
    seen = inspect(path, encoding=options.encoding, limit=limit)
    with connection.cursor() as cursor:
        _lock_source(cursor, batch, tell)
        cursor.execute("delete from customers_refusedrow where batch_id = %s", [batch.id])
        _prepare(cursor, kind)
        result = RunResult()
        source = _Source(batch, kind, options, path, seen, limit)
        _stage(cursor, batch, source, result, tell)
        result.unknown_columns = source.layout.unknown
        tell(result.lines, result.lines, "Comparing with what is stored")
        _lock(cursor, _WRITE_LOCK)
        result.outcome = kind.plan.classify(cursor, facts)
        _keep_refused(cursor, batch, source, result)
        if write(result):
            tell(result.lines, result.lines, "Writing")
            # Triggers and references would follow plans that this session made when the tables
            # were small, and read them whole for each row.
            cursor.execute("discard plans")
            kind.plan.apply(cursor, facts)
    return result


def _silent(done: int, total: int | None, message: str) -> None:
    """Tell nobody."""


def _currency(options: Options) -> str:
    return options.currency or str(settings.CRM_CURRENCY)


# --- Locks and staging tables ---------------------------------------------------------------


def _lock_source(cursor: Any, batch: ImportBatch, tell: Progress) -> None:
    """Queue behind another import of the same source; all imports write one after the other."""
    name = f"import:{batch.kind}:{batch.source}"
    cursor.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    if not cursor.fetchone()[0]:
        tell(0, None, f"Waiting for another import of {batch.kind} from {batch.source}")
        _lock(cursor, name)


def _lock(cursor: Any, name: str) -> None:
    cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _prepare(cursor: Any, kind: registry.ImportKind) -> None:
    cursor.execute("set local work_mem = '128MB'")
    cursor.execute("set local jit = off")
    # Checked at the end of each statement: deferred checks would pile up in memory.
    cursor.execute("set constraints all immediate")
    _drop_staging(cursor)
    cursor.execute(
        "create temp table import_refused"
        " (line bigint not null, code text not null, words text) on commit drop"
    )
    for name, columns in kind.plan.tables.items():
        cursor.execute(f"create temp table {name} ({columns}) on commit drop")


def _drop_staging(cursor: Any) -> None:
    """Drop what an earlier run in the same transaction left."""
    cursor.execute(
        "select c.relname from pg_class as c where c.relnamespace = pg_my_temp_schema()"
        " and c.relkind = 'r' and c.relname like 'import\\_%%'"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'drop table pg_temp."{name}"')


# --- Reading and staging --------------------------------------------------------------------


class _Source:
    """The batch's file as staged rows. Opened anew by each method: the file does not change."""

    def __init__(
        self,
        batch: ImportBatch,
        kind: registry.ImportKind,
        options: Options,
        path: Path,
        facts: FileFacts,
        limit: int,
    ) -> None:
        self._batch, self._options, self._path = batch, options, path
        self._limit, self.facts = limit, facts
        self._format = registry.get_format(kind.name, batch.format)
        self._delimiter = options.separator() or self._guess_delimiter()
        header = self._reader()[0]
        if not header:
            raise InputError("The file is empty.")
        self.layout: Layout = find_columns(header, self._format.columns)

    def staged(self) -> Iterator[Staged]:
        """Parse the file from its beginning."""
        reading = Reading(
            layout=self.layout,
            options=self._options,
            source=self._batch.source,
            time_zone=self._options.time_zone or settings.TIME_ZONE,
            currency=_currency(self._options),
            latest=latest_moment(self._batch.created_at.astimezone(UTC)),
            comma=self._comma(),
        )
        return self._format.parse(iter(self._reader()[1]), reading)

    def chunks(self) -> Iterator[Chunk]:
        """Read the records again, for the text of lines that only SQL could refuse."""
        return iter(self._reader()[1])

    def _reader(self) -> tuple[list[str], RecordReader]:
        lines = line_blocks(self._path, self.facts, limit=self._limit)
        reader = RecordReader(lines, delimiter=self._delimiter)
        return reader.first(), reader

    def _guess_delimiter(self) -> str:
        for block in line_blocks(self._path, self.facts, limit=self._limit):
            for line in block:
                if line.strip():
                    return guess_delimiter(line, self._format.columns)
        return ","

    def _comma(self) -> bool:
        if self._options.decimal != "auto":
            return self._options.decimal == "comma"
        places = [self.layout.places[n] for n in self._format.numbers if n in self.layout.places]
        samples: list[str] = []
        for chunk in self._reader()[1]:
            for row in chunk.rows[:_SAMPLED_RECORDS]:
                samples += [row[place].strip() for place in places if place < len(row)]
            break
        return number_style(samples)


def _stage(
    cursor: Any, batch: ImportBatch, source: _Source, result: RunResult, tell: Progress
) -> None:
    """Copy what the parser (in its own thread) makes of the file into the staging tables."""
    total = max(source.facts.lines, 1)
    for staged in _in_thread(source.staged):
        for table, rows in staged.rows.items():
            _copy(cursor, f"copy pg_temp.{table} from stdin", rows)
        _copy_refused(cursor, batch, staged.refused)
        result.refused.update(refusal.code for refusal in staged.refused)
        result.lines += staged.records
        tell(min(result.lines, total), total, "Reading the lines")


def _in_thread(make: Callable[[], Iterator[Staged]]) -> Iterator[Staged]:
    """Parse in a thread while the database takes what was parsed; a few chunks ahead at most."""
    parser = _Parser(make)
    parser.start()
    try:
        yield from parser.results()
    finally:
        parser.stop()


class _Parser(threading.Thread):
    """Fills a short queue; the end is None, an error is handed over to whoever reads."""

    def __init__(self, make: Callable[[], Iterator[Staged]]) -> None:
        super().__init__(name="import-parser", daemon=True)
        self._make = make
        self._ready: queue.Queue[Staged | BaseException | None] = queue.Queue(maxsize=4)
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            for staged in self._make():
                self._put(staged)
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def results(self) -> Iterator[Staged]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _put(self, item: Staged | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return


def _copy(cursor: Any, statement: str, rows: list[str]) -> None:
    if rows:
        with cursor.copy(statement) as copy:
            copy.write("".join(rows))


def _copy_refused(cursor: Any, batch: ImportBatch, refused: list[Refusal]) -> None:
    rows = [
        f"{batch.id}\t{refusal.line}\t{copy_text(storable(refusal.text[:RAW_KEPT]))}\t"
        f"{refusal.code[:40]}\t{copy_text(storable(refusal.words[:300]))}\n"
        for refusal in refused
    ]
    _copy(
        cursor,
        "copy customers_refusedrow (batch_id, line_number, raw, code, reason) from stdin",
        rows,
    )


# --- What only the whole file shows ---------------------------------------------------------


def _keep_refused(cursor: Any, batch: ImportBatch, source: _Source, result: RunResult) -> None:
    """Keep the lines that the plan refused, with their text, read from the file once more."""
    cursor.execute("select code, count(*) from import_refused group by code")
    if not (found := dict(cursor.fetchall())):
        return
    result.refused.update(found)
    cursor.execute("create index on import_refused (line)")
    for chunk in source.chunks():
        if not chunk.numbers:
            continue
        cursor.execute(
            "select line, code, words from import_refused where line between %s and %s",
            [chunk.numbers[0], chunk.numbers[-1]],
        )
        reasons = {line: (code, words) for line, code, words in cursor.fetchall()}
        texts = zip(chunk.numbers, chunk.texts, strict=True)
        _copy_refused(
            cursor,
            batch,
            [Refusal(line, raw, *reasons[line]) for line, raw in texts if line in reasons],
        )
