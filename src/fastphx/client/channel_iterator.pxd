"""The iterator of ``async for``: a channel's messages, one at a time."""

from fastphx.client.message_queue cimport MessageQueue

cdef class ChannelIterator:
    cdef object _delivery
    cdef MessageQueue _queue
    cdef object _ready          # what may be taken as it is, or None (see MessageQueue.ready)
    cdef object _pop            # its method
    cdef object _decoder

    cdef object _handed(self, object item)
