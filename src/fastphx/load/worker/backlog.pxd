"""The due times of pushes that a socket holds back: a ring."""

from libc.stdint cimport int64_t

cdef class Backlog:
    cdef Py_ssize_t size
    cdef int64_t* _due_ns
    cdef Py_ssize_t _capacity
    cdef Py_ssize_t _first

    cdef bint add(self, int64_t due_ns) except -1
    """False: it is full."""
    cdef int64_t take_first(self) noexcept
    """There must be one."""
    cdef Py_ssize_t drop_all(self) noexcept
    """How many there were."""
    cdef int _grow(self) except -1
