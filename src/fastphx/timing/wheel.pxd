"""One timer wheel for each loop, asleep when empty: heartbeats, timeouts, schedules."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    TICK_SHIFT = 16             # a tick is 65.5 µs
    LEVEL_BITS = 6
    LEVELS = 8                  # 8 * 6 + 16 bits: every positive int64 of nanoseconds has a place

# CLOCK_MONOTONIC in nanoseconds: the clock of time.monotonic_ns() and of the event loop.
cdef int64_t monotonic_ns() noexcept nogil

cdef class Timer:
    """Something that is due at a time. Subclass it and override `on_timer`."""

    cdef Timer _next
    cdef Timer _prev
    cdef readonly int64_t deadline_ns
    cdef TimerWheel _wheel      # None: not scheduled

    cdef int on_timer(self, int64_t now_ns) except -1
    """Called once, at or after the deadline, when the timer is no longer in the wheel."""

    cdef bint is_scheduled(self) noexcept

cdef class CallbackTimer(Timer):
    """A timer that calls a Python callable."""

    cdef readonly object callback


@cython.final
cdef class TimerWheel:
    cdef object __weakref__
    cdef readonly object loop
    cdef list _slots                    # the heads of LEVELS * 64 rings
    cdef uint64_t[LEVELS] _occupied     # a bit for each slot that is not empty
    cdef Timer _due                     # head of the timers that are being fired
    cdef int64_t _tick                  # every earlier tick has been fired
    cdef Py_ssize_t _size
    cdef int64_t _armed_ns              # when the loop will wake the wheel; INT64_MAX: not at all
    cdef bint _advancing
    cdef int _fd                        # the timerfd; -1: none, the loop's own timers are used
    cdef bint _is_reading               # the timerfd is registered with the loop
    cdef object _handle                 # of loop.call_later, without a timerfd

    cdef int schedule(self, Timer timer, int64_t deadline_ns) except -1
    """Put *timer* in, or move it: O(1). A past deadline fires at the next turn of the loop."""

    cdef int cancel(self, Timer timer) except -1
    """Take *timer* out, if it is in: O(1)."""

    cdef int64_t next_wake_ns(self) noexcept
    """The next deadline, or an earlier time at which timers move to a finer level; INT64_MAX: empty."""

    cdef int fire(self, int64_t now_ns) except -1
    """Fire what is due; the number of timers fired."""

    cdef Timer _slot(self, int level, int index)
    cdef int _insert(self, Timer timer) except -1
    cdef int _unlink(self, Timer timer) noexcept
    cdef int _lowest(self, int* index) noexcept
    cdef int _collect(self, int64_t now_ns) except -1
    cdef int _arm(self, int64_t deadline_ns) except -1
