import asyncio
from collections import deque

import cython

from fastphx.protocol.message cimport Message

from fastphx.client.outage import Outage
from fastphx.client.queue_policy import POLICIES as _POLICIES
from fastphx.errors import OverloadedError, clip


cdef Py_ssize_t payload_bytes(object item) except -1:
    """The bytes of a message, alone or with its handlers. Other items have none."""
    if type(item) is tuple:
        item = (<tuple>item)[1]
    return (<Message>item).byte_count() if type(item) is Message else 0


@cython.final
cdef class MessageQueue:
    def __init__(self, str topic not None, Py_ssize_t limit, Py_ssize_t limit_bytes, policy, key, owner):
        self._topic = topic
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._policy = _POLICIES.index(policy)
        self._key = key
        self._owner = owner
        self._items = deque()
        self._append = self._items.append
        self._latest = {} if self._policy == LATEST else None

    def __len__(self):
        return len(self._items) if self._latest is None else len(self._latest)

    @property
    def waiting(self):
        return len(self) != 0 or self._error is not None

    @property
    def ready(self):
        # The error must come before items that were put after it, and LATEST keeps no order.
        return self._items if self._policy == BLOCK or self._policy == DROP_OLDEST else None

    def put(self, item):
        cdef Py_ssize_t size = payload_bytes(item)
        cdef Py_ssize_t count
        if self._policy == LATEST:
            self._put_latest(item, size)
        else:
            count = len(self._items)
            # One message may be larger than the bound.
            if self._policy == RAISE and (count >= self._limit or (
                    size and self._bytes and self._bytes + size > self._limit_bytes)):
                self._overflow()
            else:
                self._append(item)
                self._bytes += size
                if self._policy == BLOCK:
                    if (count + 1 >= self._limit or self._bytes >= self._limit_bytes) and not self.paused:
                        self.paused = True
                        self._owner.pause(self)
                elif self._policy == DROP_OLDEST:
                    if count >= self._limit:
                        self._drop_oldest()
                    # The last message may be larger than the bound.
                    while size and self._bytes > size and self._bytes > self._limit_bytes:
                        self._drop_oldest()
        if self._waiter is not None:
            self._wake()

    cdef int _drop_oldest(self) except -1:
        oldest = self._items.popleft()
        if type(oldest) is Outage and len(self._items) > 1:
            # The report of an outage is worth more than a message.
            self._bytes -= payload_bytes(self._items.popleft())
            self._items.appendleft(oldest)
        else:
            self._bytes -= payload_bytes(oldest)
        self._owner.lost(1)
        return 0

    cdef int _overflow(self) except -1:
        self._owner.lost(len(self._items) + 1)
        self._items.clear()
        self._bytes = 0
        self._error = OverloadedError(
            f"more than {self._limit} messages or {self._limit_bytes} bytes of {clip(self._topic)} waited: "
            "take them faster, raise max_queue or max_queue_bytes, or choose another policy")
        return 0

    cdef int _put_latest(self, object item, Py_ssize_t size) except -1:
        key = item if type(item) is Outage else self._key(item)
        if key in self._latest:
            self._bytes -= payload_bytes(self._latest[key])
            self._owner.lost(1)
        elif len(self._latest) >= self._limit:
            self._drop_latest(next(iter(self._latest)))
        self._latest[key] = item
        self._bytes += size
        while size and self._bytes > size and self._bytes > self._limit_bytes:
            # The others have bytes, so the loop finds one of them.
            for other in self._latest:
                if other != key and payload_bytes(self._latest[other]):
                    self._drop_latest(other)
                    break
        return 0

    cdef int _drop_latest(self, object key) except -1:
        self._bytes -= payload_bytes(self._latest.pop(key))
        self._owner.lost(1)
        return 0

    cdef int _wake(self) except -1:
        waiter = self._waiter
        self._waiter = None
        if not waiter.done():
            waiter.set_result(None)
        return 0

    def pop(self):
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._latest is not None:
            item = self._latest.pop(next(iter(self._latest), None))
            self._bytes -= payload_bytes(item)
            return item
        item = self._items.popleft()
        self.taken(item)
        return item

    cdef int taken(self, object item) except -1:
        self._bytes -= payload_bytes(item)
        if self.paused and len(self._items) <= self._limit // 2 and self._bytes <= self._limit_bytes // 2:
            self.unpause()
        return 0

    async def get(self):
        while not self.waiting:
            if self.closed:
                if self._close_error is not None:
                    raise self._close_error
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError(f"two tasks iterate over {clip(self._topic)} with one iterator")
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            try:
                await waiter
            finally:
                # By now, another task may have taken it, before this one had its turn.
                if self._waiter is waiter:
                    self._waiter = None
        return self.pop()

    def unpause(self):
        if self.paused:
            self.paused = False
            self._owner.resume(self)

    def close(self, error):
        if not self.closed:
            self.closed = True
            self._close_error = error
        self.unpause()
        if self._waiter is not None:
            self._wake()

    def clear(self):
        cdef Py_ssize_t count = len(self)
        if count:
            self._owner.lost(count)
        self._items.clear()
        if self._latest is not None:
            self._latest.clear()
        self._bytes = 0
        self._error = None
        self.unpause()
