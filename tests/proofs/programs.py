"""Programs under test: started together, killed hard, and never left behind."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

from crm_project.embedded.layout import PROJECT_ROOT
from tests.waiting import wait_until

# Drops privileges, asks the kernel for a signal when we die, becomes the program. In that
# order: a change of user takes the request back.
_START = """
import ctypes, os, sys
parent, uid, gid, number = map(int, sys.argv[1:5])
if uid:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
ctypes.CDLL(None).prctl(1, number)
if os.getppid() == parent:
    os.execv(sys.argv[5], sys.argv[5:])
"""


def free_port():
    """Return a TCP port that nobody has, below those that the kernel gives to callers.

    A server that is down for a moment would else lose its port to somebody's connection, or
    a caller would connect to itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port):
    """Tell whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """One program with its children, in a session of its own, its output in a file.

    ``dying`` is the signal that it gets when the tests themselves are killed.
    """

    def __init__(self, command, *, log, environment=None, account=None, dying=signal.SIGKILL):
        self.log = Path(log)
        uid, gid = (account.uid, account.gid) if account else (0, 0)
        start = [sys.executable, "-I", "-S", "-c", _START, os.getpid(), uid, gid, int(dying)]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(part) for part in (*start, *command)],
                cwd="/" if account else PROJECT_ROOT,
                env=environment or {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077 if account else -1,
            )

    @property
    def pid(self):
        return self.process.pid

    @property
    def ended(self):
        return self.process.poll() is not None

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def wait_for(self, holds, *, seconds=60):
        """Wait until ``holds()``; fail at once with the program's output when it ends."""

        def holds_or_ended():
            assert not self.ended, f"it ended with {self.process.returncode}:\n{self.tail()}"
            return holds()

        return wait_until(holds_or_ended, seconds=seconds, every=0.03)

    def listens(self, number=signal.SIGTERM):
        """Tell whether it takes the signal itself; before, the signal just ends it."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (number - 1) & 1)

    def family(self):
        """Return the pids of the program and of all that it started, also in other sessions."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found

    def pause(self):
        """Stop all its processes where they are, so that killing the next takes no time."""
        for pid in self.family():
            send(pid, signal.SIGSTOP)

    def kill(self):
        """``kill -9`` everything, and wait until it is gone."""
        family = self.family()
        for pid in family:
            send(pid, signal.SIGKILL)
        self.process.wait(timeout=30)
        wait_until(lambda: not any(lives(pid) for pid in family), seconds=30, every=0.01)

    def stop(self, number=signal.SIGTERM, *, seconds=30):
        """Ask it to end, then see to it; returns its exit code."""
        family = self.family()
        if not self.ended:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        finally:
            for pid in family[1:]:
                send(pid, signal.SIGKILL)


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def children(pid):
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []


def lives(pid):
    """Tell whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
