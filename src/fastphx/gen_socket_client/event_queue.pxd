"""The events of one socket, and the callbacks that they are for: one at a time and in order."""

from cpython.object cimport PyObject

from fastphx.protocol.message cimport Message

cdef class EventQueue:
    cdef readonly bint idle             # a callback may be run at once
    cdef readonly bint started
    cdef readonly bint ended
    cdef readonly bint is_slow          # events wait for a task: a callback is async, or runs in an executor
    cdef readonly Py_ssize_t decode_errors
    cdef readonly Py_ssize_t connects
    cdef readonly Py_ssize_t peak       # how many waited at most, where it is slow
    cdef readonly object thread_id      # the executor's thread that runs a callback now
    cdef object _client
    cdef object _handle_message         # the client's bound method of the hot callback
    cdef object _handle
    cdef object _loop
    cdef object _wheel
    cdef object _executor
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _limit_bytes
    cdef object _respond
    cdef object _crash
    cdef object _disconnected
    cdef object _heartbeat_timed_out
    cdef object _pause
    cdef object _resume
    cdef object _mailbox                # deque, where it is slow: everything, oldest first
    cdef Py_ssize_t _waiting_bytes      # of the messages in it
    cdef bint _is_full                  # reading was paused, and has not gone on yet
    cdef list _later                    # where it is not: what came while a callback ran
    cdef object _posted                 # deque, where it is not: what users sent
    cdef bint _posted_scheduled
    cdef object _drain_task
    cdef object _timer                  # of a response's timeout; None: there is none

    cdef int _deliver_message(self, str name, object callback, Message message) except -1
    cdef int _deliver(self, tuple event) except -1
    cdef int _call(self, object callback, PyObject** args, size_t count, object caller) except -1
    cdef int _returned(self, object callback, PyObject* result, object caller) except -1
    cdef int _run_event(self, tuple event) except -1
    cdef int _run_later(self) except -1
    cdef tuple _ready(self, tuple event)
    cdef int _put(self, tuple event) except -1
    cdef tuple _take(self)
    cdef Py_ssize_t _count(self) except -1
    cdef int _drain(self) except -1
    cdef int _schedule_posted(self) except -1
    cdef int _cancel_timeout(self) except -1
