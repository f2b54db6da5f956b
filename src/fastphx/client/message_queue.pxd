"""A bounded queue between a socket and whoever takes a channel's messages at their own pace."""

cdef enum QueuePolicy:
    BLOCK = 0
    DROP_OLDEST = 1
    RAISE = 2
    LATEST = 3

cdef class MessageQueue:
    cdef str _topic
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _limit_bytes
    cdef Py_ssize_t _bytes      # of the queued messages' payloads
    cdef int _policy            # QueuePolicy
    cdef object _key
    cdef object _owner
    cdef object _items          # a deque; empty for LATEST
    cdef object _append         # its method
    cdef dict _latest           # key -> item; None but for LATEST
    cdef object _waiter         # the future of whoever waits in get(), or None
    cdef object _error
    cdef object _close_error
    cdef readonly bint closed
    cdef public bint paused

    cdef int _drop_oldest(self) except -1
    cdef int _overflow(self) except -1
    cdef int _put_latest(self, object item, Py_ssize_t size) except -1
    cdef int _drop_latest(self, object key) except -1
    cdef int taken(self, object item) except -1
    """*item* was taken out of `ready`."""
    cdef int _wake(self) except -1
