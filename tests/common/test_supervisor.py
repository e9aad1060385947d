"""Children start together and end together, and none is left behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from crm_project.common.supervisor import Supervisor
from tests.waiting import wait_until

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


def script(code):
    return [sys.executable, "-c", code]


@pytest.fixture
def lines():
    return []


def test_when_one_ends_all_end(lines):
    supervisor = Supervisor(
        commands={"short": script("print('done')"), "long": script(SLEEPER)}, say=lines.append
    )

    assert supervisor.run() == 1
    assert all(child.returncode is not None for child in supervisor._children.values())
    assert any("short ended by itself" in line for line in lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_without_an_error(lines, number):
    seen = threading.Event()

    def say(line):
        lines.append(line)
        if "up" in line and not seen.is_set():
            seen.set()
            os.kill(os.getpid(), number)

    supervisor = Supervisor(commands={"a": script(SLEEPER), "b": script(SLEEPER)}, say=say)

    assert supervisor.run() == 0
    assert all(child.returncode is not None for child in supervisor._children.values())


def test_a_child_that_does_not_listen_is_killed(lines, monkeypatch):
    monkeypatch.setattr("crm_project.common.supervisor.STOP_SECONDS", 0.2)
    ready = threading.Event()

    def say(line):
        lines.append(line)
        if "up" in line and not ready.is_set():
            ready.set()
            os.kill(os.getpid(), signal.SIGTERM)

    supervisor = Supervisor(commands={"deaf": script(STUBBORN)}, say=say)
    supervisor.run()

    assert supervisor._children["deaf"].returncode == -signal.SIGKILL
    assert any("it is killed" in line for line in lines)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_children_end_with_a_supervisor_that_is_killed():
    child = script("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    code = (
        "from crm_project.common.supervisor import Supervisor; from functools import partial; "
        f"Supervisor(commands={{'child': {child!r}}}, say=partial(print, flush=True)).run()"
    )
    with subprocess.Popen(script(code), stdout=subprocess.PIPE, text=True) as supervisor:
        pid = int(supervisor.stdout.readline().split("|")[1])
        supervisor.kill()

    wait_until(lambda: not runs(pid))


def runs(pid):
    """Tell whether the process lives; one that nobody has buried yet does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_taken_port_is_told_in_words(db):
    import socket  # noqa: PLC0415

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr
