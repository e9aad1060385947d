import os
import signal

import pytest

from crm_project.embedded import postgres
from tests.embedded.support import Home, eventually

FORKING = """
import os, sys
from crm_project import embedded
embedded.ensure_for_process()
go_on, told = os.pipe()
if os.fork() == 0:
    os.close(told)
    os.read(go_on, 1)
    sys.exit()  # runs what was registered for the exit, as a clean end does
{parent}
"""


def test_the_servers_stop_with_their_last_user(home: Home):
    first, second = home.use_twice()

    first.leave()
    assert home.running == (True, True)

    assert second.leave() == ""
    assert home.running == (False, False)


def test_the_first_start_says_what_it_does_and_later_ones_are_quiet(new_home: Home):
    first = new_home.use().leave()
    second = new_home.use().leave()

    assert first == f"Starting PostgreSQL 18 and Valkey under {new_home.path} …\n"
    assert second == ""


def test_processes_that_start_at_the_same_moment_share_one_pair_of_servers(new_home: Home):
    users = [new_home.begin() for _ in range(3)]

    for user in users:
        user.wait_ready()

    said = "".join(user.leave() for user in users)
    assert said.count("Starting") == 1
    assert new_home.running == (False, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_process_that_is_told_to_end_stops_the_servers(home: Home, number: signal.Signals):
    user = home.use()

    user.send(number)

    assert home.running == (False, False)


def test_a_killed_user_does_not_keep_the_servers(home: Home):
    killed, other = home.use_twice()

    killed.send(signal.SIGKILL)
    assert home.running == (True, True)

    other.leave()
    assert home.running == (False, False)


def test_a_forked_child_does_not_stop_the_servers(home: Home):
    parent = "os.close(told); os.wait(); print('ready', flush=True); sys.stdin.read()"

    user = home.use(FORKING.format(parent=parent))
    assert home.running == (True, True)

    user.leave()
    assert home.running == (False, False)


def test_a_forked_child_that_outlives_its_killed_parent_does_not_keep_the_servers(home: Home):
    parent = "print('ready', flush=True); os.close(go_on); os.fork() or os.read(0, 1); os.wait()"
    user = home.use(FORKING.format(parent=parent))
    user.process.kill()
    user.process.wait()

    home.use().leave()

    assert home.running == (False, False)


def test_a_key_pressed_in_the_terminal_does_not_reach_the_servers(home: Home):
    user = home.use()

    with home.redis() as client:
        valkey = client.info("server")["process_id"]
    servers = {postgres.postmaster_pid(home.layout), valkey}
    sessions = {os.getsid(pid) for pid in servers}

    assert os.getsid(user.process.pid) not in sessions


def test_only_the_server_that_is_asked_for_is_started(home: Home):
    user = home.use(REDIS_URL="redis://elsewhere")

    assert home.running == (True, False)

    user.leave()
    assert eventually(lambda: home.running == (False, False))
