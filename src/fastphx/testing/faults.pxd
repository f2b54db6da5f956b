"""Fault switches of a server, or of one of its connections."""

from libc.stdint cimport int64_t

cdef class Faults:
    cdef object _refuse_connects            # an http.HTTPStatus, or None
    cdef public object refuse_joins         # the join's error response, or None
    cdef public double reply_delay_s
    cdef public long drop_replies           # how many of the next replies are lost; -1: all
    cdef public bint drop_heartbeats
    cdef public long truncate_frames        # how many of the next frames lose their second half; -1: all
    cdef public double service_s            # of the queue of one that pushes wait in; 0: there is none
    cdef public Py_ssize_t max_connections  # -1: no limit
    cdef int64_t _free_ns                   # when the queue has served all that came

    cdef bint take_reply_drop(self) noexcept
    cdef bint take_truncation(self) noexcept
    cdef int64_t take_turn(self) noexcept
    # When the next reply leaves the queue of one, in CLOCK_MONOTONIC; 0: at once.
