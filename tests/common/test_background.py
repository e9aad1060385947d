"""The worker's share of the processors is lowered, and nobody else's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from crm_project import background

LOWERED = """
import os
from crm_project import background
background.give_way({niceness})
file = background.PROC / "self" / "autogroup"
share = file.read_text().rpartition("nice")[2] if file.exists() else "{niceness}"
print(os.nice(0), share.strip() or 0)
"""


def after(niceness, *, leader):
    """Give way in a process of its own; returns its niceness and its session's.

    What runs in the machine's very first session has no share: Linux then says nothing, 0 here.
    """
    answer = subprocess.run(
        [sys.executable, "-c", LOWERED.format(niceness=niceness)],
        start_new_session=leader,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        check=True,
        text=True,
    )
    process, session = answer.stdout.split()
    return int(process), int(session)


def usual():
    return after(0, leader=True)[0]


def test_a_process_with_a_session_of_its_own_lowers_both():
    assert after(5, leader=True) == (usual() + 5, 5)


SHARES = background.PROC / "self" / "autogroup"


@pytest.mark.skipif(not SHARES.exists(), reason="Shares by session are Linux's.")
def test_in_a_session_of_somebody_else_only_the_process_is_lowered():
    # Its session's share may have been lowered by whoever runs the tests.
    untouched = after(0, leader=False)[1]

    assert after(5, leader=False) == (usual() + 5, untouched)


@pytest.mark.parametrize("niceness", [0, -5, 20])
def test_zero_and_what_cannot_be_meant_leave_all_as_it_was(niceness):
    assert after(niceness, leader=True) == (usual(), 0)


@pytest.fixture
def session(db, in_thread):
    """A new connection to the database: calls back with its process there, then closes it."""

    def priority_of(**told):
        def ask():
            fresh = connections["default"].copy()
            fresh.connect()
            try:
                background.give_way_in_database(connection=fresh, **told)
                return os.getpriority(os.PRIO_PROCESS, fresh.connection.info.backend_pid)
            finally:
                fresh.close()

        return in_thread(ask)()

    return priority_of


@pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="The server is somebody else's.")
def test_the_embedded_servers_process_is_lowered_for_the_workers_sessions(session, settings):
    settings.CRM_WORKER_NICE = 0
    usual = session()
    settings.CRM_WORKER_NICE = 7

    assert (usual, session()) == (0, 7)


def test_the_process_of_somebody_elses_server_is_left_alone(session, settings):
    settings.EMBEDDED_POSTGRES = False

    assert session() == 0
