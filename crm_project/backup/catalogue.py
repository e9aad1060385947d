"""What lies at a target: backups, damaged ones said so, and halves that nobody finished."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from crm_project.backup.errors import BackupError, DamagedError, GoneError, TargetError
from crm_project.backup.manifest import (
    FILES,
    MOST_BYTES,
    NAME,
    SUFFIX,
    Manifest,
    is_ours,
    moment_of,
)
from crm_project.backup.targets import Readable, Swept, Target

HALF_AFTER = timedelta(days=1)
"""No upload lasts so long: what has no manifest by then never gets one."""


AHEAD = timedelta(minutes=10)
"""So far two clocks may differ. What is of a later time yet was made under a wrong one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One backup at the target. ``problem`` says in words why it is of no use; empty: none seen."""

    name: str
    manifest: Manifest | None
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether it could be restored, as far as that can be seen without reading it."""
        return self.manifest is not None and not self.problem


def entries(target: Target) -> list[Entry]:
    """Return the backups of a target, newest first. Files are not read, only their sizes."""
    stored = target.stored()
    names = [key.removesuffix(SUFFIX) for key in stored if key.endswith(SUFFIX)]
    found = []
    for name in filter(NAME.match, names):
        try:
            manifest = read_manifest(target, name)
        except DamagedError as error:
            found.append(Entry(name, None, str(error)))
            continue
        except GoneError:
            continue  # retention took it away while we looked
        file = stored.get(manifest.file)
        if file is None:
            found.append(Entry(name, manifest, "Its file is gone."))
        elif file.size != manifest.file_bytes:
            words = f"Its file has {file.size:,} bytes, not {manifest.file_bytes:,}."
            found.append(Entry(name, manifest, words))
        else:
            found.append(Entry(name, manifest))
    # A name tells its moment also where the manifest cannot.
    return sorted(found, key=lambda entry: entry.name.split("-", 1)[1], reverse=True)


def read_manifest(target: Target, name: str) -> Manifest:
    """Read one manifest. Raises ``DamagedError``, or ``TargetError`` where there is none."""
    key = f"{name}{SUFFIX}"
    with target.read(key) as stream:
        manifest = Manifest.from_bytes(_all_of(stream, key), key=key)
    if manifest.name != name:
        raise DamagedError(f"The manifest {key} is that of {manifest.name}.")
    return manifest


def newest(target: Target) -> str:
    """Return the name of the newest backup, of use or not: a drill must not pass over it.

    Empty when there is none. One of a time to come, made while a clock was wrong, is passed over.
    """
    soon = datetime.now(UTC) + AHEAD
    moments = ((entry.name, moment_of(entry.name)) for entry in entries(target))
    return next((name for name, moment in moments if moment and moment <= soon), "")


def _all_of(stream: Readable, key: str) -> bytes:
    """Read what is no larger than a manifest can be: anybody may have put anything there."""
    text = bytearray()
    while block := stream.read(MOST_BYTES + 1 - len(text)):
        text += block
        if len(text) > MOST_BYTES:
            raise DamagedError(f"The manifest {key} is too large to be one.")
    return bytes(text)


def find(target: Target, name: str = "") -> Manifest:
    """Return the manifest of a backup, by default of the newest one that is of use.

    One of a time to come, made while a clock was wrong, is only taken where there is no other: else
    it would hide every newer one.

    Raises ``BackupError`` when there is none of that name, or it is damaged.
    """
    found = entries(target)
    wanted = [entry for entry in found if (entry.name == name if name else entry.good)]
    if not wanted:
        if name:
            raise BackupError(f"There is no backup {name!r} in {target.words}.")
        if found:
            raise DamagedError(
                f"Of the {len(found)} backups in {target.words} none can be used. The newest, "
                f"{found[0].name}: {found[0].problem}"
            )
        raise BackupError(f"There is no backup in {target.words}. Run: manage.py backup create")
    soon = datetime.now(UTC) + AHEAD
    entry = min(wanted, key=lambda one: bool(one.manifest and one.manifest.created_at > soon))
    if entry.manifest is None or entry.problem:
        raise DamagedError(f"The backup {entry.name} cannot be used. {entry.problem}")
    return entry.manifest


def remove(target: Target, name: str) -> None:
    """Remove a backup: first the manifest, so that it is none before its file goes."""
    target.delete(f"{name}{SUFFIX}")
    for end in FILES:
        target.delete(f"{name}{end}")


def sweep(target: Target, now: datetime) -> Swept:
    """Remove what died on the way more than a day ago, as far as the target lets it go.

    Raises ``TargetError`` only when the target cannot be looked through.
    """
    before = now - HALF_AFTER
    try:
        swept = target.sweep(before)
    except TargetError as error:
        # A key may well list backups and not unfinished uploads.
        swept = Swept(refused={"unfinished uploads": str(error)})
    stored = target.stored()
    for key, file in stored.items():
        half = is_ours(key) and f"{key.partition('.')[0]}{SUFFIX}" not in stored
        if half and file.modified < before:
            swept.remove(key, partial(target.delete, key))
    return swept
