"""What the queue's server does in one step, in its own language (Lua).

A script runs alone: nobody sees the counters and the stream disagree, and a server that is
killed finds either all of it or nothing of it in its append-only file.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name under which the server keeps it."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)

    def run(
        self,
        client: redis.Redis,
        keys: list[str],
        args: list[Any],
        *,
        when_forgotten: Callable[[], None] = lambda: None,
    ) -> Any:
        """Run it; a server that was restarted has forgotten it and is given it again.

        ``when_forgotten`` is called in between: it may be another server, or set up otherwise.
        """
        try:
            return client.evalsha(self.sha, len(keys), *keys, *args)
        except redis.exceptions.NoScriptError:
            when_forgotten()
            return client.eval(self.source, len(keys), *keys, *args)


MINUTES_KEPT = 120

APPEND = Script("""
-- KEYS: stream, accepted, done, bytes, minute. ARGV: chunk, events, most events, most bytes.
local waiting = tonumber(redis.call('GET', KEYS[2]) or '0') - tonumber(redis.call('GET', KEYS[3]) or '0')
local bytes = tonumber(redis.call('GET', KEYS[4]) or '0')
local events, size = tonumber(ARGV[2]), #ARGV[1]
if waiting + events > tonumber(ARGV[3]) or bytes + size > tonumber(ARGV[4]) then
  -- Somebody removed the stream by hand: what is gone does not wait.
  if (waiting ~= 0 or bytes ~= 0) and redis.call('XLEN', KEYS[1]) == 0 then
    redis.call('SET', KEYS[3], redis.call('GET', KEYS[2]) or '0')
    redis.call('SET', KEYS[4], '0')
    waiting, bytes = 0, 0
  end
  if waiting + events > tonumber(ARGV[3]) or bytes + size > tonumber(ARGV[4]) then
    return redis.error_reply('FULL the queue holds as much as it may')
  end
end
local id = redis.call('XADD', KEYS[1], '*', 'c', ARGV[1], 'n', ARGV[2])
redis.call('INCRBY', KEYS[2], events)
redis.call('INCRBY', KEYS[4], size)
local so_far = redis.call('HINCRBY', KEYS[5], 'accepted', events)
redis.call('HSET', KEYS[5], 'depth', waiting + events)
if so_far == events then redis.call('EXPIRE', KEYS[5], 7200) end
return id
""")  # noqa: E501

FINISH = Script("""
-- KEYS: stream, done, bytes, minute, accepted.
-- ARGV: group, stored, duplicate, quarantined, then per entry: id, events, size.
local events, size, entries = 0, 0, 0
for i = 5, #ARGV, 3 do
  -- Another worker may have finished it first: then it is counted there.
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[i]) == 1 then
    redis.call('XDEL', KEYS[1], ARGV[i])
    events = events + tonumber(ARGV[i + 1])
    size = size + tonumber(ARGV[i + 2])
    entries = entries + 1
  end
end
if entries == 0 then return 0 end
local done = redis.call('INCRBY', KEYS[2], events)
redis.call('DECRBY', KEYS[3], size)
for i, name in ipairs({'stored', 'duplicate', 'quarantined'}) do
  if tonumber(ARGV[i + 1]) > 0 then redis.call('HINCRBY', KEYS[4], name, ARGV[i + 1]) end
end
redis.call('HSET', KEYS[4], 'depth', tonumber(redis.call('GET', KEYS[5]) or '0') - done)
redis.call('EXPIRE', KEYS[4], 7200)
return entries
""")

CLAIM = Script("""
-- KEYS: stream, sign of life of the consumer that is looked at.
-- ARGV: group, that consumer, who takes over, most entries.
-- Returns how many entries were taken over; -1 while the consumer lives.
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
local left = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
if #left == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
  return 0
end
local ids = {}
for i, entry in ipairs(left) do ids[i] = entry[1] end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, unpack(ids), 'JUSTID')
return #ids
""")

LEAVE = Script("""
-- KEYS: stream, own sign of life. ARGV: group, consumer. Removes a consumer that holds nothing.
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
""")

OLDEST = Script("""
-- KEYS: stream. Returns the id of the oldest entry ('' if none) and the server's clock, without
-- sending the entry itself, which may be large.
local found = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local now = redis.call('TIME')
return {#found > 0 and found[1][1] or '', now[1], now[2]}
""")

SEEK = Script("""
-- KEYS: stream. ARGV: first id, last id, most entries, the bytes to look for.
-- Returns the chunk that holds them or '', and the last id looked at or '' at the end.
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])
for i, entry in ipairs(found) do
  if string.find(entry[2][2], ARGV[4], 1, true) then return {entry[2][2], entry[1]} end
end
return {'', #found > 0 and found[#found][1] or ''}
""")
