"""Work in the background gives way to people who wait, where both share a machine's processors."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

PROC = Path("/proc")
"""Linux shares processors out among sessions first, and only within one by niceness (sched(7))."""

LOWEST = 19
"""The niceness of who gives way the most."""


def wrong(niceness: int) -> str:
    """Say what is wrong with a niceness for work that gives way; empty: nothing."""
    return "" if 0 <= niceness <= LOWEST else f"CRM_WORKER_NICE is no number from 0 to {LOWEST}."


def give_way(niceness: int) -> None:
    """Lower the priority of this process and of all that it starts; 0 leaves it as it is.

    So does what is `wrong`: work in the background is never to go first. In containers the
    shares are those of the containers, and this changes nothing between them.
    """
    if niceness and not wrong(niceness):
        os.nice(niceness)
        if os.getsid(0) == os.getpid():
            # A session of somebody else's is not ours to lower.
            _lower_session(os.getpid(), niceness)


def give_way_in_database(*, connection: Any, **kwargs: Any) -> None:
    """Lower the server's process for a new connection, where the server is the embedded one.

    A receiver of Django's ``connection_created``. Each of PostgreSQL's processes has a session of
    its own: a single long statement would get as much of the processors as all web pages. Helpers
    of a parallel query are not lowered.
    """
    niceness = settings.CRM_WORKER_NICE
    if settings.EMBEDDED_POSTGRES and niceness and not wrong(niceness) and connection.connection:
        pid = connection.connection.info.backend_pid
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, niceness)
        _lower_session(pid, niceness)


def _lower_session(pid: int, niceness: int) -> None:
    with suppress(OSError):
        (PROC / str(pid) / "autogroup").write_text(str(niceness))
