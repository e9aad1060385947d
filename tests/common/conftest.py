"""What tests of the database's roles begin with."""

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from crm_project.common.services.roles import apply_roles
from tests import database_template
from tests.common.roles_support import NAME, NAMES, PASSWORDS, on_it
from tests.factories import CustomerFactory, OrderFactory


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker):
    """A database of its own on which the roles were applied; both are gone afterwards."""
    with django_db_blocker.unblock(), database_template._server() as server:
        template = sql.Identifier(database_template.ready())
        name = sql.Identifier(NAME)
        server.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        server.execute(sql.SQL("create database {} template {}").format(name, template))
        try:
            with on_it():
                CustomerFactory(code="C1", email="ada@example.com")
                OrderFactory()
                apply_roles(passwords=PASSWORDS)
            yield NAME
        finally:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            for role in NAMES:
                server.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


@pytest.fixture
def login(database):
    """Log in as a role: ``login("app_user")`` returns a connection."""
    opened = []

    def log_in(role):
        given = connection.settings_dict
        opened.append(
            psycopg.connect(
                host=given["HOST"],
                port=given["PORT"],
                user=role,
                password=PASSWORDS[role],
                dbname=NAME,
                autocommit=True,
            )
        )
        return opened[-1]

    yield log_in
    for one in opened:
        one.close()
