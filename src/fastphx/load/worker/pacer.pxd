"""Arrivals on a clock: an open model."""

from libc.stdint cimport int64_t

from fastphx.load.worker.exponential_gaps cimport ExponentialGaps
from fastphx.load.worker.meter cimport Meter
from fastphx.timing.wheel cimport Timer

cdef class Pacer(Timer):
    cdef Meter meter
    cdef list steps                     # (rate a second, duration in ns)
    cdef Py_ssize_t step                # index into steps
    cdef int64_t step_start_ns
    cdef int64_t step_end_ns
    cdef double interval_ns             # between two arrivals of this step, in the mean; 0: it has none
    cdef double phase                   # of the interval, so that workers do not push together
    cdef ExponentialGaps gaps           # None: the arrivals are evenly spaced
    cdef int64_t arrived                # in this step
    cdef double offset_ns               # of the next arrival, from the step's start
    cdef int64_t start_ns
    cdef readonly int64_t end_ns
    cdef readonly bint running
    cdef object finished

    cdef int _enter(self, Py_ssize_t step) except -1
    cdef int _draw(self) except -1
    cdef int _arm(self) except -1
    cdef int64_t _next_ns(self) except -2
