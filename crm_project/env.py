"""The environment, with secrets from mounted files."""

import os
from pathlib import Path
from typing import Any

import environ
from environ.fileaware_mapping import FileAwareMapping


class _AsMeant(FileAwareMapping):
    """Hands secrets out as people meant them.

    Files of secrets end with a line end wherever an editor or ``echo`` wrote them. PostgreSQL's and
    Valkey's images leave it out of the same files; with it no password fits.

    A value that begins with ``$`` would be taken for another variable's name, so that a password
    drawn by chance could silently be an empty one.
    """

    def __getitem__(self, key: str) -> Any:
        value: Any = super().__getitem__(key)  # type: ignore[no-untyped-call] # untyped package
        return value.rstrip("\r\n").replace("$", r"\$") if isinstance(value, str) else value


class Env(environ.FileAwareEnv):
    """Reads ``NAME``, or the file that ``NAME_FILE`` names."""

    ENVIRON = _AsMeant()  # type: ignore[no-untyped-call] # untyped package

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped package
        self.escape_proxy = True


COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder where the processes of one web server count together (crm_project.health)."""


def read_file(path: Path) -> None:
    """Read ``.env``, which all processes share; what is for web servers alone is passed by.

    Worker, beat and each command would count in that folder, too.
    """
    given = COUNTS in os.environ
    environ.Env.read_env(path)
    if not given:
        os.environ.pop(COUNTS, None)


def make_folder_of_counts() -> None:
    """Make it before anything counts: each process opens a file of its own there."""
    if folder := os.environ.get(COUNTS):
        Path(folder).mkdir(parents=True, exist_ok=True)
