"""How many events a token may send, counted over all processes by the queue's server.

The generic cell rate algorithm keeps one number per token: when its bucket would be empty again.
Each process takes small shares of the bucket ahead, so that most requests ask nobody.
"""

import math
import time
from dataclasses import dataclass, field

import redis

from analytics.services.signal_intake import IntakeError
from analytics.signal_scripts import Script
from analytics.signal_stream import client, key
from crm_project.common.services.tokens import parse_rate

_MICROSECONDS = 1_000_000
SHARES_A_SECOND = 20
SHARE_SECONDS = 1.0
"""A share that was not used up by then is given up."""

LEASE = Script("""
-- KEYS: bucket. ARGV: microseconds per event, events at once, needed now, wanted ahead.
-- Returns events granted, and microseconds to wait where none were.
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
local granted = 0
for _, events in ipairs({tonumber(ARGV[4]), tonumber(ARGV[3])}) do
  if granted == 0 and full + events * interval - now <= interval * burst then granted = events end
end
local needed = tonumber(ARGV[3])
-- A batch larger than the bucket may pass when the bucket is empty; then it is in debt.
if granted == 0 and needed > burst and full == now then granted = needed end
if granted == 0 then
  return {0, math.ceil(full - now + interval * (math.min(needed, burst) - burst))}
end
full = full + granted * interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return {granted, 0}
""")


def lease_arguments(token: str, rate: str, events: int) -> tuple[list[str], list[float]]:
    """Return keys and arguments of ``LEASE`` for a token that needs so many events now."""
    limit, seconds = parse_rate(rate)
    ahead = min(limit, limit // seconds // SHARES_A_SECOND)
    return [key(f"rate:{token}")], [seconds * 1e6 / limit, limit, events, max(events, ahead)]


def take(token: str, rate: str, events: int) -> None:
    """Use up so many events of a token's rate, without taking any ahead.

    Raises:
        IntakeError: 429, with the seconds after which there is room again.
    """
    keys, args = lease_arguments(token, rate, events)
    try:
        granted, wait = LEASE.run(client(), keys, [*args[:3], events])
    except redis.RedisError:
        # Nobody can be counted; whether the events can be kept is the queue's answer.
        return
    if not granted:
        raise too_fast(int(wait))


def too_fast(wait: int) -> IntakeError:
    """Return the answer to a sender who is ``wait`` microseconds too early."""
    seconds = max(1, math.ceil(wait / _MICROSECONDS))
    words = f"More events than this token may send. Please try again in {seconds} s."
    return IntakeError(429, "throttled", words, retry_after=seconds)


@dataclass(slots=True)
class Shares:
    """What this process took ahead: token → (events left, until when)."""

    _left: dict[str, tuple[int, float]] = field(default_factory=dict)

    def take(self, token: str, events: int) -> bool:
        """Use up some of the share; False when it does not suffice."""
        left, until = self._left.get(token, (0, 0.0))
        if left < events or time.monotonic() > until:
            return False
        self._left[token] = (left - events, until)
        return True

    def add(self, token: str, events: int) -> None:
        """Put what was granted in the place of what is left.

        Nothing left is not remembered: the addresses of strangers have no end.
        """
        if events:
            self._left[token] = (events, time.monotonic() + SHARE_SECONDS)
        else:
            self._left.pop(token, None)
