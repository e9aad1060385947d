"""Run every test as a database role that owns nothing: ``CRM_TEST_ROLE=app_user pytest``.

Tests that themselves need the owner (they make roles or databases, take triggers away, migrate)
are marked ``owner`` and left out then. Only the server of the tests' own is touched.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

from crm_project.common.services.roles import apply_roles

ROLE = os.environ.get("CRM_TEST_ROLE", "")


@contextmanager
def logged_in() -> Iterator[None]:
    """Apply the roles to the tests' database and log in as the role until the end."""
    if not settings.EMBEDDED_POSTGRES:
        pytest.exit("CRM_TEST_ROLE makes roles: unset DATABASE_URL first.", returncode=3)
    apply_roles(passwords={})
    owner = dict(connection.get_connection_params())
    usual, flush = connection.settings_dict["USER"], DatabaseOperations.execute_sql_flush
    connection.close()

    def flush_as_owner(self: DatabaseOperations, statements: list[str]) -> None:
        """Truncate what a test committed: no right of the application."""
        known = {"host", "port", "user", "dbname"}
        with psycopg.connect(**{key: owner[key] for key in known & owner.keys()}) as session:
            for statement in statements:
                session.execute(statement)

    connection.settings_dict["USER"] = ROLE
    DatabaseOperations.execute_sql_flush = flush_as_owner
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = usual
        DatabaseOperations.execute_sql_flush = flush
