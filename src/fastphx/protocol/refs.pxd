"""Ref table: the refs that somebody waits for, since when, and for which join."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

cdef struct RefEntry:
    uint64_t ref                # 0: an empty slot
    uint64_t join_ref
    int64_t sent_at_ns
    int64_t deadline_ns         # INT64_MAX: none
    int64_t due_ns              # for a schedule: when it should have been sent (else = sent_at_ns)
    PyObject* waiter            # owned by the table while it is in it; NULL if only time is measured

cdef class RefTable:
    cdef RefEntry* slots
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t size
    cdef readonly Py_ssize_t max_in_flight
    cdef int64_t earliest_ns    # a lower bound of the deadlines in the table; INT64_MAX: none

    cdef int put(self, uint64_t ref, uint64_t join_ref, int64_t sent_at_ns, int64_t deadline_ns,
                 int64_t due_ns, PyObject* waiter) except -1
    """Raises OverloadedError if max_in_flight refs already wait. Takes a reference to *waiter*."""

    cdef bint has(self, uint64_t ref) noexcept
    cdef bint take(self, uint64_t ref, RefEntry* out) noexcept
    """Move the entry out. The caller then owns its waiter. False if nobody waits for *ref*."""
    cdef bint take_reply(self, uint64_t ref, uint64_t join_ref, RefEntry* out) noexcept
    """Like `take`, but only for a push on the join *join_ref*: a reply on another topic is not an answer."""

    cdef RefEntry* extract(self, uint64_t join_ref, int64_t expired_at_ns, Py_ssize_t* count) except? NULL
    """Move out, in the order of their refs, the entries of *join_ref* (0: of any) whose deadline has passed
    at *expired_at_ns* (INT64_MAX: whatever their deadline). NULL where there is none. The caller frees the
    array with `free` and owns the waiters' references. Raises MemoryError, and nothing is moved."""
    cdef bint take_any(self, uint64_t join_ref, int64_t expired_at_ns, RefEntry* out) noexcept
    """Like `extract`, for one of them: slow, and no memory is asked for."""

    cdef RefEntry* _slot(self, uint64_t ref) noexcept
    cdef void _insert(self, RefEntry entry) noexcept
    cdef int _resize(self, Py_ssize_t capacity) except -1
    cdef void _remove(self, Py_ssize_t index) noexcept
