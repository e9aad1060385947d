"""A shop to back up, a folder for its backups, and a disk that is as small as wanted."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from crm_project.backup.folder import FolderTarget
from crm_project.common import backup_setup
from crm_project.common.services import restores
from tests.backup.shop import Shop
from tests.backup.small_disks import mounted


@pytest.fixture
def shop():
    made = Shop()
    yield made
    made.remove()


@pytest.fixture
def folder(tmp_path):
    return FolderTarget(tmp_path / "backups")


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of so many KiB: ``small_disk(512)`` returns its folder."""
    with ExitStack() as disks:
        yield lambda kib: disks.enter_context(mounted(tmp_path / "disk", kib))


@pytest.fixture
def in_use(shop, folder, settings, monkeypatch, tmp_path):
    """Let services and commands work on the shop's database and the folder."""
    settings.CRM_BACKUP = replace(settings.CRM_BACKUP, url=f"file://{tmp_path}/backups")
    monkeypatch.setattr(backup_setup, "server", lambda: shop.server)
    return shop


@pytest.fixture
def no_migrations(monkeypatch):
    """The shop has none of our migrations; what that says is tested by itself."""
    monkeypatch.setattr(restores, "compare_migrations", lambda server: ([], []))
