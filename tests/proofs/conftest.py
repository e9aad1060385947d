"""A folder that PostgreSQL's user can reach too, and servers that are gone after the test."""

import shutil
import tempfile
from pathlib import Path

import pytest

from crm_project.common.scopes import SCOPES
from crm_project.common.services.tokens import issue_token
from tests.factories import UserFactory
from tests.proofs.buckets import Service
from tests.proofs.crm import Crm
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
    """Turn on disks that forget: ``disk(early=0.3)``. Skipped where there is no FUSE."""
    if WHY_NOT:
        pytest.skip(f"No power can be cut here: {WHY_NOT}.")
    disks = []

    def make(**options):
        disks.append(Disk(folder / f"disk{len(disks)}", **options))
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
def postgres(folder, db):
    """Make a PostgreSQL: ``postgres(data, weak=True)``; killed after the test."""
    made = []

    def make(data, **options):
        made.append(Postgres(folder / f"postgres{len(made)}", data, **options))
        return made[-1]

    yield make
    for server in made:
        if server.program is not None:
            server.program.kill()


@pytest.fixture
def token(db, in_thread):
    """A token that may do everything, in the database that ``postgres.copy_to`` copies.

    Made over a connection of its own: what this test's own transaction holds is not copied.
    """

    def issue():
        user = UserFactory()
        return user, issue_token(user=user, name="proofs", scopes=SCOPES, rate="9000000/s")[1]

    user, clear = in_thread(issue)()
    yield clear
    in_thread(user.delete)()


@pytest.fixture
def crm(folder, token, postgres, valkey):
    """Start the whole CRM: ``crm(consumers=2)``, its data on disks if given; gone afterwards."""
    made = []

    def start(*, postgres_disk=None, valkey_disk=None, **options):
        home = folder / f"crm{len(made)}"
        (home / "aof").mkdir(parents=True)
        database = postgres((postgres_disk.mount if postgres_disk else home) / "data")
        database.copy_to((postgres_disk.platter if postgres_disk else home) / "data")
        queue = valkey(valkey_disk.mount if valkey_disk else home / "aof")
        made.append(Crm(home, database, queue, **options))
        return made[-1].start()

    yield start
    for system in made:
        system.destroy()


@pytest.fixture
def service(folder):
    """An S3 server with a bucket ``backups``; killed after the test."""
    made = Service(folder / "weed").start()
    made.make("backups")
    yield made
    made.program.kill()
