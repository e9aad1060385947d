"""A database of its own on which the roles are applied, for tests that log in as them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from crm_project.common import roles
from tests import database_template

NAME = "roles_in_test"
NAMES = [role.name for role in roles.ROLES]
PASSWORDS = {name: f"a password of {name}'s \\ %s" for name in NAMES}


@contextmanager
def on_it(user: str = "") -> Iterator[None]:
    """Let Django use this database for a while, by another login than usual if one is named."""
    usual = connection.settings_dict["USER"]
    with database_template.on_database(NAME):
        connection.settings_dict["USER"] = user or usual
        try:
            yield
        finally:
            connection.settings_dict["USER"] = usual
