"""A folder that PostgreSQL's user can reach too, and servers that are gone after the test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.proofs.disks import WHY_NOT, Disk
from tests.proofs.servers import Postgres, Valkey


@pytest.fixture
def folder():
    """A folder for one test. Not ``tmp_path``, whose parents let nobody else in."""
    made = Path(tempfile.mkdtemp(prefix="crm-proof-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def disk(folder):
    """Turn on disks that forget: ``disk("name", early=0.3)``. Skipped where there is no FUSE."""
    if WHY_NOT:
        pytest.skip(f"No power can be cut here: {WHY_NOT}.")
    disks = []

    def make(name, **options):
        disks.append(Disk(folder / name, **options))
        return disks[-1].turn_on()

    yield make
    for made in disks:
        made.remove()


@pytest.fixture
def valkey(folder):
    """Make a Valkey: ``valkey(data, appendfsync="everysec")``; killed after the test."""
    made = []

    def make(data, **options):
        made.append(Valkey(folder / f"valkey{len(made)}", data, **options))
        return made[-1]

    yield make
    for server in made:
        if server.program is not None:
            server.program.kill()


@pytest.fixture
def postgres(folder, django_db_setup):
    """Make a PostgreSQL: ``postgres(data, weak=True)``; killed after the test."""
    made = []

    def make(data, **options):
        made.append(Postgres(folder / f"postgres{len(made)}", data, **options))
        return made[-1]

    yield make
    for server in made:
        if server.program is not None:
            server.program.kill()
