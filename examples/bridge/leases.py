"""Who follows which topics: leases in Redis, which run out when their owner no longer renews them.

Topics are spread over slots, and a slot has one owner. All that is shared is in Redis, and every step is a
script that Redis runs as a whole, so no two processes ever own a slot at once.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from redis.asyncio import Redis

SLOTS = 256
"""More than there will be processes, so that each gets about the same share."""

LEASE_MS = 3000
"""How long a killed process keeps its slots."""

MEMBERS = "bridge:members"

# Who has said that it lives, by Redis' own clock; what it may hold; what it takes and renews, up to that.
_TICK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
local share = math.ceil(ARGV[3] / redis.call('ZCARD', KEYS[1]))
local mine = {}
for slot = 0, ARGV[3] - 1 do
    local lease = 'bridge:lease:' .. slot
    if redis.call('GET', lease) == ARGV[1] then
        if #mine < share then
            redis.call('PEXPIRE', lease, ARGV[2])
            mine[#mine + 1] = slot
        end
    end
end
for slot = 0, ARGV[3] - 1 do
    if #mine >= share then break end
    if redis.call('SET', 'bridge:lease:' .. slot, ARGV[1], 'NX', 'PX', ARGV[2]) then
        mine[#mine + 1] = slot
    end
end
return mine
"""

_RELEASE = """
for _, slot in ipairs(ARGV) do
    local lease = 'bridge:lease:' .. slot
    if redis.call('GET', lease) == KEYS[1] then redis.call('DEL', lease) end
end
"""


def slot_of(topic: str) -> int:
    """The slot of *topic*, the same in every process."""
    return zlib.crc32(topic.encode()) % SLOTS


@dataclass
class Leases:
    """The slots of one process."""

    redis: Redis
    owner: str
    held: frozenset[int] = field(default_factory=frozenset)

    async def tick(self) -> tuple[frozenset[int], frozenset[int]]:
        """Say that this process lives, renew, and take free slots up to a fair share. Returns the slots that
        are new, and those that are this process' no longer: run out, or more than its share. The caller
        stops writing for the latter, then calls ``release``."""
        mine = frozenset(await self.redis.eval(_TICK, 1, MEMBERS, self.owner, LEASE_MS, SLOTS))
        before, self.held = self.held, mine
        return mine - before, before - mine

    async def release(self, slots: frozenset[int]) -> None:
        """Give *slots* to whoever wants them, as far as they are this process' still."""
        if slots:
            await self.redis.eval(_RELEASE, 1, self.owner, *slots)

    async def leave(self) -> None:
        """This process ends: others need not wait for its leases to run out."""
        await self.redis.zrem(MEMBERS, self.owner)
        await self.release(self.held)
        self.held = frozenset()
