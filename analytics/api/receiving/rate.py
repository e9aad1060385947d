"""Count events per token and guesses per address, asking the queue's server once per share."""

import asyncio
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from analytics.services.signal_rate import LEASE, Shares, lease_arguments, too_fast


class Counter:
    """What this process took ahead, and the way to more."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._shares = Shares()
        self._locks: dict[str, asyncio.Lock] = {}

    async def take(self, name: str, rate: str, events: int) -> None:
        """Use up so many events of a rate.

        Raises:
            IntakeError: 429, with the seconds after which there is room again.
        """
        if self._shares.take(name, events):
            return
        lock = self._locks.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                if not self._shares.take(name, events):
                    await self._lease(name, rate, events)
        finally:
            if not lock.locked():
                self._locks.pop(name, None)

    async def _lease(self, name: str, rate: str, events: int) -> None:
        keys, args = lease_arguments(name, rate, events)
        try:
            granted, wait = await self._ask(keys, args)
        except (RedisError, OSError):
            # Nobody can be counted; whether the events can be kept is the queue's answer.
            return
        if not granted:
            raise too_fast(wait)
        self._shares.add(name, granted - events)

    async def _ask(self, keys: list[str], args: list[float]) -> tuple[int, int]:
        try:
            found = await self._client.execute_command(
                "EVALSHA", LEASE.sha, len(keys), *keys, *args
            )
        except NoScriptError:
            found = await self._client.execute_command(
                "EVAL", LEASE.source, len(keys), *keys, *args
            )
        return int(found[0]), int(found[1])
