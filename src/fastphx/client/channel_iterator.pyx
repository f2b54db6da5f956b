import cython

from fastphx.client.message_queue cimport MessageQueue
from fastphx.protocol.message cimport Message


@cython.final
cdef class ChannelIterator:
    def __init__(self, delivery, MessageQueue queue not None, decoder):
        self._delivery = delivery
        self._queue = queue
        self._ready = queue.ready
        self._pop = None if self._ready is None else self._ready.popleft
        self._decoder = decoder

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._ready:
            item = self._pop()
            self._queue.taken(item)
        else:
            item = await self._queue.get()
        return self._handed(item)

    cdef object _handed(self, object item):
        # Set now, and not when the message was queued: a queued message refers to nothing of the user's.
        if self._decoder is not None and type(item) is Message:
            (<Message>item).decoder = self._decoder
        return item

    def __del__(self):
        self._delivery.stop_iterating(self._queue)
