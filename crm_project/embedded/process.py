"""What a process of the project does about the embedded servers before its own work."""

import os
import signal
import threading
from collections.abc import Sequence
from types import FrameType

from crm_project.embedded.services import ensure_services, needed

WITHOUT_SERVICES = frozenset(
    {
        "check",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "help",
        "makemessages",
        "startapp",
        "startproject",
        "version",
    }
)
"""Management commands that neither read the database nor send messages."""

_SHOW_ONLY = {"--help", "-h", "--version"}
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def ensure_for_process(*, handle_signals: bool = False) -> None:
    """Start the servers that the environment leaves to us, until this process ends.

    ``handle_signals`` is for ``manage.py``: SIGTERM and SIGHUP then end the process like Ctrl-C
    does, through the clean-up, instead of at once. Web servers and Celery have handlers of
    their own and lead to the same end; a process that is killed anyway loses its share without
    any help, and the next one that leaves stops the servers.

    Raises ``EmbeddedRefused`` in production, ``EmbeddedError`` when a server cannot be had.
    """
    with_postgres, with_valkey = needed()
    if not (with_postgres or with_valkey):
        return
    if handle_signals:
        end_cleanly_on_signals()
    ensure_services(postgres=with_postgres, valkey=with_valkey)


def command_needs_services(arguments: Sequence[str]) -> bool:
    """Tell whether a ``manage.py`` call needs the servers; ``arguments`` as in ``sys.argv``.

    >>> command_needs_services(["manage.py", "migrate"])
    True
    >>> command_needs_services(["manage.py", "migrate", "--help"])
    False
    >>> command_needs_services(["manage.py", "check", "--database", "default"])
    True
    """
    options = set(arguments[2:])
    if len(arguments) < 2 or arguments[1] in _SHOW_ONLY or options & _SHOW_ONLY:
        return False
    if arguments[1] == "check":
        return any(option.startswith("--data") for option in options)
    return arguments[1] not in WITHOUT_SERVICES


def end_cleanly_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process through its clean-up, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        return
    owner = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise SystemExit(128 + number)
        # A forked child keeps the system's answer: it ends at once.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in _ENDING:
        # Somebody else's handler, or "ignore" under nohup, stays.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)
