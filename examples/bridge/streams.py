"""Where the messages go: a Redis stream for each topic, and with each write the topic's cursor.

A write is a script: it checks that this process still owns the slot, adds the messages, and sets the
cursors, all or nothing. So a process that stood still and lost its lease writes nothing, whoever takes over
begins exactly where it stopped, and a write that is repeated because its answer was lost adds nothing twice.
"""

from __future__ import annotations

import asyncio

import orjson
from redis.asyncio import Redis

CURSORS = "bridge:cursors"
STREAM_ENTRIES = 10_000
"""About how many messages of a topic are kept."""

FLUSH_S = 0.02
MAX_PENDING = 20_000
"""How many messages may wait for Redis. Then the sockets stop reading."""

# KEYS: the lease, the hash of cursors. ARGV: the owner, how long streams may be; then for each entry its
# topic, its cursor, and the name and value of its field.
_WRITE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for at = 3, #ARGV, 4 do
    local topic, cursor = ARGV[at], tonumber(ARGV[at + 1])
    if cursor > tonumber(redis.call('HGET', KEYS[2], topic) or '-1') then
        redis.call('XADD', 'bridge:stream:' .. topic, 'MAXLEN', '~', ARGV[2], '*', ARGV[at + 2], ARGV[at + 3])
        redis.call('HSET', KEYS[2], topic, cursor)
    end
end
return 1
"""


class Streams:
    """Writes what its slots have collected, a few times a second, with one script for each."""

    def __init__(self, redis: Redis, owner: str) -> None:
        self.redis = redis
        self.owner = owner
        self.written = 0
        self.pending = 0
        self.refused: set[int] = set()
        """Slots whose lease had run out when they were written: what was in them must be heard again."""
        self.has_room = asyncio.Event()
        self._slots: dict[int, SlotWriter] = {}
        self._is_ended = False

    def open(self, slot: int) -> SlotWriter:
        """What collects the messages of *slot* from now on."""
        writer = self._slots[slot] = SlotWriter(self)
        return writer

    def close(self, slot: int) -> None:
        """What waits for *slot*, and what still comes, is another process' to write."""
        writer = self._slots.pop(slot)
        writer.is_open = False
        self.pending -= len(writer.take()) // 4

    async def write_on(self) -> None:
        """Write until ``end``. Raises RedisError."""
        write = self.redis.register_script(_WRITE)
        while not self._is_ended:
            await asyncio.sleep(FLUSH_S)
            taken = {slot: entries for slot, writer in self._slots.items() if (entries := writer.take())}
            if not taken:
                continue
            async with self.redis.pipeline(transaction=False) as pipeline:
                for slot, entries in taken.items():
                    keys = (f"bridge:lease:{slot}", CURSORS)
                    await write(keys=keys, args=(self.owner, STREAM_ENTRIES, *entries), client=pipeline)
                outcomes = await pipeline.execute()
            for (slot, entries), was_written in zip(taken.items(), outcomes, strict=True):
                self.pending -= len(entries) // 4
                if was_written:
                    self.written += len(entries) // 4
                else:
                    self.refused.add(slot)
            self.has_room.set()

    def end(self) -> None:
        """Write no more."""
        self._is_ended = True

    async def cursors(self, topics: list[str]) -> dict[str, int | None]:
        """How far each topic was written; None where nothing was."""
        if not topics:
            return {}
        written = await self.redis.hmget(CURSORS, topics)
        return {
            topic: None if cursor is None else int(cursor)
            for topic, cursor in zip(topics, written, strict=True)
        }


class SlotWriter:
    """Collects the messages of one slot while this process owns it."""

    def __init__(self, streams: Streams) -> None:
        self.is_open = True
        self._streams = streams
        self._entries: list[str | int | bytes] = []

    async def add(self, topic: str, cursor: int, name: str, value: bytes) -> None:
        """Put an entry into the next write; wait while too many wait."""
        streams = self._streams
        while streams.pending >= MAX_PENDING and self.is_open:
            streams.has_room.clear()
            await streams.has_room.wait()
        if self.is_open:
            self._entries += (topic, cursor, name, value)
            streams.pending += 1

    def take(self) -> list[str | int | bytes]:
        """What was collected; it is the caller's now."""
        entries, self._entries = self._entries, []
        return entries


def gap(begin: int, end: int) -> bytes:
    """What stands in a stream for the messages *begin* to *end*, which nobody can get any more."""
    return orjson.dumps({"from": begin, "to": end})
