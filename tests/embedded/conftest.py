"""Homes for the tests, and processes that use the servers under them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.embedded.support import Home


@contextmanager
def passable_folder() -> Iterator[Path]:
    """A new folder with a short path that others may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="crm-t", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with passable_folder() as folder:
        yield folder


@pytest.fixture
def new_home(short_folder: Path) -> Iterator[Home]:
    """A home that nobody has used yet."""
    home = Home(short_folder / "home")
    yield home
    home.remove()


@pytest.fixture(scope="session")
def _used_home() -> Iterator[Home]:
    with passable_folder() as folder:
        home = Home(folder / "home")
        yield home
        home.remove()


@pytest.fixture
def home(_used_home: Home) -> Iterator[Home]:
    """A home with nothing running, which other tests have used (saves the first start)."""
    yield _used_home
    _used_home.rest()


@pytest.fixture
def hidden_home(short_folder: Path) -> Iterator[Home]:
    """A home below a folder that only root may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as somebody else")
    private = short_folder / "private"
    private.mkdir(mode=0o700)
    home = Home(private / "home")
    yield home
    home.remove()
