"""Run several processes as one: all start together, and when one ends, all end.

Each child runs in a session of its own, so Ctrl-C on the terminal reaches only the supervisor,
which then ends the children in order: first a request (SIGTERM), after a while the hard way.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from django.conf import settings

STOP_SECONDS = 15
"""How long a child may take to finish what it is doing."""


@dataclass(slots=True)
class Supervisor:
    """Children by name, in the order in which they start.

    Args:
        commands: name → command line.
        say: called with each line of the children's output, prefixed with the child's name.
    """

    commands: Mapping[str, Sequence[str]]
    say: Callable[[str], None]
    _children: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _relays: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Start all, wait until a signal or until one child ends, stop all.

        Returns 0 after Ctrl-C or SIGTERM, 1 when a child ended by itself.
        """
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            for name, command in self.commands.items():
                self._start(name, command)
            return self._wait()
        finally:
            self._stop_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _start(self, name: str, command: Sequence[str]) -> None:
        child = subprocess.Popen(  # noqa: S603 - our own command lines, no shell
            _tied_to_us(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._children[name] = child
        relay = threading.Thread(target=self._relay, args=(name, child), daemon=True)
        self._relays.append(relay)
        relay.start()

    def _relay(self, name: str, child: subprocess.Popen[str]) -> None:
        if child.stdout is None:
            return
        with child.stdout as output:
            for line in output:
                self.say(f"{name:>8} | {line.rstrip()}")

    def _wait(self) -> int:
        while not self._stopping.wait(timeout=0.5):
            for name, child in self._children.items():
                if (code := child.poll()) is not None:
                    self.say(f"{name} ended by itself (exit code {code}); stopping the others.")
                    return 1
        return 0

    def _stop_all(self) -> None:
        """Ask every child at once, then wait for each; what does not listen is killed."""
        for child in self._children.values():
            _signal_group(child, signal.SIGTERM)
        for name, child in self._children.items():
            try:
                child.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.say(f"{name} did not stop within {STOP_SECONDS} s; it is killed.")
            # Also what the child left behind in its session.
            _signal_group(child, signal.SIGKILL)
            child.wait()
        for relay in self._relays:
            relay.join(timeout=STOP_SECONDS)


# Run in the child before the command takes its place: asks Linux for a SIGTERM when the parent
# dies, and notices a parent that died before it could ask.
_TIE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def _tied_to_us(command: Sequence[str]) -> list[str]:
    """Let the child end also when this process is killed and cannot end it (Linux only)."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-c", _TIE, str(os.getpid()), *command]


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def server_commands(
    *, host: str, port: int, visits: float | None = None, workers: int = 1
) -> dict[str, list[str]]:
    """Return the command lines of the processes that make up the CRM.

    With ``visits`` one more makes so many signals a second. ``workers`` processes answer requests.
    """
    python = sys.executable
    manage = str(settings.BASE_DIR / "manage.py")
    celery = (python, "-m", "celery", "--quiet", "-A", "crm_project")
    made = ("generate_signals", "--live", str(visits), "--orders", "--customers", "4000")
    return {
        "web": [
            *(python, "-m", "granian", "--interface", "asgi", "--host", host),
            *("--port", str(port), "--workers", str(workers), "--no-ws"),
            *("--log-level", "warning", "crm_project.asgi:application"),
        ],
        # Has its own servers started, if need be, by manage.py.
        "consumer": [python, manage, "consume_signals"],
        "worker": [
            *(*celery, "worker", "--concurrency", "2"),
            *("--loglevel", "WARNING", "--without-mingle"),
        ],
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""],
        **({"visits": [python, manage, *made]} if visits else {}),
    }
