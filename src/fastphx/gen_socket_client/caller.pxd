"""A call that waits for its answer."""

from libc.stdint cimport int64_t

from fastphx.timing.wheel cimport Timer

cdef class Caller(Timer):
    cdef readonly object future
    cdef object _own_loop
    cdef object _count_late_reply
    cdef object _timeout_s
