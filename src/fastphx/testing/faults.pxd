"""Fault switches of a server, or of one of its connections."""

cdef class Faults:
    cdef object _refuse_connects            # an http.HTTPStatus, or None
    cdef public object refuse_joins         # the join's error response, or None
    cdef public double reply_delay_s
    cdef public long drop_replies           # how many of the next replies are lost; -1: all
    cdef public bint drop_heartbeats
    cdef public long truncate_frames        # how many of the next frames lose their second half; -1: all

    cdef bint take_reply_drop(self) noexcept
    cdef bint take_truncation(self) noexcept
