"""What a backup says of itself: written last, sealed, and compared with after every restore."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from crm_project.backup.errors import DamagedError

FORMAT = 1
SUFFIX = ".json"
NAME = re.compile(r"^[a-z0-9]+-(\d{8}T\d{6}Z)-[0-9a-f]{8}$", re.ASCII)
FILES = (".dump.zst", ".dump.zst.age")
"""What follows the name in the key of a packed dump."""

MOST_BYTES = 64 * 1024 * 1024
"""Of a manifest; one of a million tables has less. What is larger is not read."""

COMPARED_APART = frozenset({"extensions"})
"""Kinds of objects whose versions another server may have otherwise: that is a note."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """Rows of a table and a sum over the hashes of their text (of 64 bits each)."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, as far as a restored one must hold it too.

    Attributes:
        tables: schema and table → rows and checksum. Views are not in here: they are computed.
        sequences: schema and sequence → its last value.
        objects: kind of object (index, constraint, trigger, …) → how many, and a digest of names.
    """

    tables: dict[str, TableFacts]
    sequences: dict[str, int]
    objects: dict[str, str]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup.

    Attributes:
        created_at: the moment of the snapshot that dump, counts and checksums share.
        file: key of the packed dump beside the manifest.
        file_bytes: its size; ``dump_bytes``: the size of the dump inside.
        sha256: of the file as it lies there, packed and perhaps encrypted.
        recipients: public age keys that it is encrypted for; empty: not encrypted.
        locale: how the database sorts and encodes, as ``create database`` wants it.
        roles: who owns or may use anything in it, besides the public.
        versions: of the server, of pg_dump, of extensions.
        migrations: newest migration of each app.
        seconds: how long making it took.
    """

    name: str
    created_at: datetime
    database: str
    database_bytes: int
    file: str
    file_bytes: int
    dump_bytes: int
    sha256: str
    recipients: list[str]
    locale: dict[str, str]
    roles: list[str]
    versions: dict[str, str]
    migrations: dict[str, str]
    seconds: float
    contents: Contents = field(repr=False)

    @property
    def encrypted(self) -> bool:
        return bool(self.recipients)

    @property
    def key(self) -> str:
        """Return the key under which the manifest itself lies."""
        return f"{self.name}{SUFFIX}"

    def to_bytes(self) -> bytes:
        """Write it as JSON, with a digest over itself."""
        body = {"format": FORMAT, **asdict(self), "created_at": self.created_at.isoformat()}
        return json.dumps({**body, "seal": _seal(body)}, indent=1, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, text: bytes, *, key: str) -> "Manifest":
        """Read one. Raises ``DamagedError`` for what was not written by ``to_bytes``."""
        try:
            body = json.loads(text)
            seal, version = body.pop("seal"), body.get("format")
            if version == FORMAT and seal == _seal(body):
                return _read(body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedError(f"The manifest {key} cannot be read: it is damaged.") from error
        if version != FORMAT:
            raise DamagedError(f"The manifest {key} has format {version!r}; this program reads 1.")
        raise DamagedError(f"The manifest {key} was changed or damaged: its seal does not match.")


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _read(body: dict[str, Any]) -> Manifest:
    contents = body.pop("contents")
    tables = {name: TableFacts(**facts) for name, facts in contents.pop("tables").items()}
    del body["format"]
    created_at = datetime.fromisoformat(body.pop("created_at"))
    if created_at.tzinfo is None:
        raise ValueError
    # A seal keeps accidents out, and no forger: what it names must be its own.
    if body["file"] not in {f"{body['name']}{end}" for end in FILES}:
        raise ValueError
    return Manifest(**body, created_at=created_at, contents=Contents(tables=tables, **contents))


def moment_of(name: str) -> datetime | None:
    """Return the moment in a backup's name; None where it has none.

    >>> moment_of("crm-20260331T020000Z-0a1b2c3d").isoformat()
    '2026-03-31T02:00:00+00:00'
    """
    found = NAME.match(name)
    try:
        return datetime.strptime(f"{found[1]}+0000", "%Y%m%dT%H%M%SZ%z") if found else None
    except ValueError:
        return None


def is_ours(key: str) -> bool:
    """Tell whether a key is that of a backup's manifest or file: others may keep theirs beside.

    >>> is_ours("crm-20260331T020000Z-0a1b2c3d.dump.zst"), is_ours("film.mov")
    (True, False)
    """
    return NAME.match(key.partition(".")[0]) is not None


def differences(expected: Contents, found: Contents) -> list[str]:
    """Return in words what a restored database lacks or has otherwise; empty: the same."""
    return [
        *_of_tables(expected.tables, found.tables),
        *_of_sequences(expected.sequences, found.sequences),
        *_of_objects(expected.objects, found.objects),
    ]


def _of_tables(expected: dict[str, TableFacts], found: dict[str, TableFacts]) -> Iterator[str]:
    for name, table in sorted(expected.items()):
        other = found.get(name)
        if other is None:
            yield f"Table {name} is missing."
        elif other.rows != table.rows:
            yield f"Table {name} has {other.rows:,} rows, not {table.rows:,}."
        elif other.checksum != table.checksum:
            yield f"Table {name} has as many rows, but not the same."
    yield from (f"Table {name} is new." for name in sorted(found.keys() - expected))


def _of_sequences(expected: dict[str, int], found: dict[str, int]) -> Iterator[str]:
    """Numbers are drawn outside of snapshots: the dump may know a later one."""
    for name, value in sorted(expected.items()):
        if found.get(name, -1) < value:
            yield f"Sequence {name} would give numbers again that are taken."


def _of_objects(expected: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    for kind in sorted((expected.keys() | found) - COMPARED_APART):
        there, here = expected.get(kind, "none"), found.get(kind, "none")
        if there != here:
            counted = f"{here.partition(' ')[0]} of {there.partition(' ')[0]}"
            yield f"The {kind} are others than they were ({counted})."
