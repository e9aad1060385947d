"""A lock that a dead process cannot keep: the kernel drops every ``flock`` with its last holder.

So nothing here reads a pid file to find out who is alive.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crm_project.embedded.errors import EmbeddedError

POLL_SECONDS = 0.02


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask ``condition`` again and again; False when it was not met within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def open_lock(path: Path) -> int:
    """Open (and create) a lock file. The descriptor is not passed on to started programs."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_exclusive(descriptor: int) -> bool:
    """Take the lock alone if nobody else holds it in any form."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def shared(path: Path) -> int:
    """Hold the lock together with others; returns the descriptor that carries it."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def release(descriptor: int) -> None:
    """Give the lock up, also for copies of the descriptor that forked children still hold."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether any living process holds the lock."""
    descriptor = open_lock(path)
    try:
        return not try_exclusive(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock alone for the length of the block.

    Raises ``EmbeddedError`` when another process keeps it for longer than ``seconds``.
    """
    descriptor = open_lock(path)
    try:
        if not wait_until(lambda: try_exclusive(descriptor), seconds=seconds):
            message = (
                f"Another process has been starting or stopping the embedded servers for more than "
                f"{seconds:.0f} seconds (lock {path}). Find it with: fuser {path}"
            )
            raise EmbeddedError(message)
        yield
    finally:
        os.close(descriptor)
