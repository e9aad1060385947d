"""The project's own database, with all its tables, views, triggers and functions."""

from dataclasses import replace

import pytest
from django.db import connection

from crm_project.backup import databases
from crm_project.common import backup_setup
from crm_project.common.services import backups, restores
from tests.backup.shop import owners_server
from tests.factories import UserFactory


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_our_database_is_restored_and_compared_with_every_migration(
    settings, tmp_path, monkeypatch
):
    settings.CRM_BACKUP = replace(settings.CRM_BACKUP, url=f"file://{tmp_path}/backups")
    server = owners_server()
    monkeypatch.setattr(backup_setup, "server", lambda: server)
    UserFactory()

    backup = backups.create_backup()
    drill = restores.drill()

    assert (drill.backup_name, drill.status, drill.differences) == (backup.name, "succeeded", [])
    assert drill.notes == []
    assert drill.tables > 100
    assert databases.left_over(server, restores.DRILL) == []
    assert server.database == connection.settings_dict["NAME"]
