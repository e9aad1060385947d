"""Give up on callers who send too slowly, at next to no cost for all the others.

``asyncio.timeout`` sets a timer for each request, which costs as much as checking its event. Here
one task looks once a second at who is still being waited for.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

LOOK_SECONDS = 1.0

Result = TypeVar("Result")


class Patience:
    """Waits for many things at once, for each not much longer than ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._watcher: asyncio.Task[None] | None = None

    async def wait(self, awaited: Awaitable[Result]) -> Result:
        """Return what is awaited.

        Raises:
            TimeoutError: it took too long.
        """
        task = asyncio.current_task()
        if task is None:
            return await awaited
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())
        self._since[task] = time.monotonic()
        try:
            return await awaited
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            del self._since[task]
            self._late.discard(task)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._seconds))
            latest = time.monotonic() - self._seconds
            for task in [task for task, since in self._since.items() if since < latest]:
                self._late.add(task)
                task.cancel()

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
