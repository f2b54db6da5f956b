"""A hierarchical timer wheel: O(1) to schedule and to cancel, however many timers there are.

Level 0 has 64 slots of one tick each, and each level above has 64 slots that are as long as the whole level
below. A timer waits at the level of the highest bit in which its tick differs from the wheel's, and moves
down when the wheel gets to its slot; so the lowest level that is not empty always holds what is due next.

The wheel is woken by a Linux timerfd, which is exact to some microseconds, where the timers of asyncio and
uvloop are exact to a millisecond. Elsewhere, or where no descriptor is left, the loop's timers are used.
"""

from weakref import WeakValueDictionary

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from fastphx.operating_system cimport system_calls
from fastphx.operating_system.compiler cimport highest_bit, lowest_bit
from fastphx.operating_system.system_calls cimport timerfd_close, timerfd_open, timerfd_set

cdef enum:
    # Waking for a few timers that only move to a finer level costs more than looking at each.
    MAX_LOOKED_AT = 16


cdef int64_t monotonic_ns() noexcept nogil:
    return system_calls.monotonic_ns()


cdef Timer new_head(int position):
    # A head is a Timer so that a slot is a ring: taking one out needs no look at the slot. A head carries
    # its slot's position, negative so that no deadline is mistaken for one.
    cdef Timer head = Timer.__new__(Timer)
    head._next = head
    head._prev = head
    head.deadline_ns = -1 - position
    return head


cdef class Timer:
    cdef int on_timer(self, int64_t now_ns) except -1:
        return 0

    cdef bint is_scheduled(self) noexcept:
        return self._wheel is not None

    @property
    def scheduled(self):
        return self._wheel is not None

    def cancel(self):
        if self._wheel is not None:
            self._wheel.cancel(self)


cdef int64_t deadline_in(double delay_s) except -1:
    cdef int64_t now_ns = monotonic_ns()
    cdef double delay_ns = delay_s * 1e9
    if delay_ns != delay_ns:
        raise ValueError("delay_s is nan: give a number of seconds")
    if delay_ns <= 0:
        return now_ns
    # 2**62 ns are 146 years: never.
    return now_ns + (<int64_t>delay_ns if delay_ns < <double>(1 << 62) else <int64_t>1 << 62)


cdef class CallbackTimer(Timer):
    def __init__(self, callback):
        if not callable(callback):
            raise TypeError(f"a timer's callback must be callable, not {type(callback).__name__}")
        self.callback = callback

    def schedule(self, TimerWheel wheel not None, delay_s=None, *, deadline_ns=None):
        if (delay_s is None) == (deadline_ns is None):
            raise TypeError("give a timer either delay_s or deadline_ns")
        wheel.schedule(self, deadline_in(delay_s) if deadline_ns is None else <int64_t>deadline_ns)

    cdef int on_timer(self, int64_t now_ns) except -1:
        self.callback()
        return 0


cdef class TimerWheel:
    def __cinit__(self):
        self._fd = -1

    def __init__(self, loop=None, *, bint timerfd=True):
        self.loop = loop
        self._slots = [new_head(position) for position in range(LEVELS << LEVEL_BITS)]
        self._due = new_head(0)
        self._tick = 0 if loop is None else monotonic_ns() >> TICK_SHIFT
        self._armed_ns = INT64_MAX
        if loop is not None and timerfd:
            self._fd = timerfd_open()

    def __dealloc__(self):
        if self._fd >= 0:
            timerfd_close(self._fd)

    def __len__(self):
        return self._size

    @property
    def next_deadline_ns(self):
        # A timer may be due at the end of time, which stands for none inside.
        return self.next_wake_ns() if self._size else None

    def advance(self, int64_t now_ns):
        return self.fire(now_ns)

    cdef int schedule(self, Timer timer, int64_t deadline_ns) except -1:
        if timer._wheel is not None:
            timer._wheel.cancel(timer)
        timer.deadline_ns = deadline_ns if deadline_ns > 0 else 0
        self._insert(timer)
        timer._wheel = self
        self._size += 1
        if timer.deadline_ns < self._armed_ns and not self._advancing:
            self._arm(timer.deadline_ns)
        return 0

    cdef int cancel(self, Timer timer) except -1:
        # The loop is not told: it wakes the wheel once too often, but telling it each time costs more.
        if timer._wheel is self:
            self._unlink(timer)
        return 0

    cdef Timer _slot(self, int level, int index):
        return <Timer>self._slots[(level << LEVEL_BITS) + index]

    cdef int _insert(self, Timer timer) except -1:
        cdef int64_t tick = timer.deadline_ns >> TICK_SHIFT
        cdef int level
        cdef int index
        cdef Timer head
        cdef Timer last
        if tick < self._tick:
            tick = self._tick
        # Bits above the highest that differs are equal, so the slot lies ahead of the wheel in its level.
        level = highest_bit(<uint64_t>(tick ^ self._tick) | 1) // LEVEL_BITS
        index = <int>(tick >> (level * LEVEL_BITS)) & 63
        head = self._slot(level, index)
        last = head._prev
        timer._prev = last
        timer._next = head
        last._next = timer
        head._prev = timer
        self._occupied[level] |= <uint64_t>1 << index
        return 0

    cdef int _unlink(self, Timer timer) noexcept:
        cdef Timer prev = timer._prev
        cdef Timer next = timer._next
        cdef int64_t position
        prev._next = next
        next._prev = prev
        timer._next = None
        timer._prev = None
        timer._wheel = None
        self._size -= 1
        if next is prev and next is not self._due:
            position = -1 - next.deadline_ns
            self._occupied[position >> LEVEL_BITS] &= ~(<uint64_t>1 << (position & 63))
        return 0

    cdef int _lowest(self, int* index) noexcept:
        """The lowest level that is not empty, and its first slot; -1: the wheel is empty."""
        cdef int level
        for level in range(LEVELS):
            if self._occupied[level]:
                index[0] = lowest_bit(self._occupied[level])
                return level
        return -1

    cdef int64_t next_wake_ns(self) noexcept:
        cdef int index = 0
        cdef int level
        cdef int shift
        cdef int looked_at = 0
        cdef int64_t earliest
        cdef Timer head
        cdef Timer timer
        if self._due._next is not self._due:
            return 0
        level = self._lowest(&index)
        if level < 0:
            return INT64_MAX
        earliest = INT64_MAX
        head = self._slot(level, index)
        timer = head._next
        while timer is not head:
            if timer.deadline_ns < earliest:
                earliest = timer.deadline_ns
            timer = timer._next
            looked_at += 1
            if level > 0 and looked_at == MAX_LOOKED_AT:
                earliest = INT64_MAX
                break
        if level == 0 or earliest < INT64_MAX:
            return earliest
        shift = level * LEVEL_BITS
        return ((self._tick >> shift >> LEVEL_BITS << LEVEL_BITS) + index) << shift << TICK_SHIFT

    cdef int _collect(self, int64_t now_ns) except -1:
        """Move what is due at *now_ns* to `_due`, and the wheel to that time."""
        cdef int64_t now_tick = now_ns >> TICK_SHIFT
        cdef int64_t tick
        cdef int index = 0
        cdef int level
        cdef int shift
        cdef Timer head
        cdef Timer timer
        cdef Timer following
        cdef Timer last
        while True:
            level = self._lowest(&index)
            if level < 0:
                break
            shift = level * LEVEL_BITS
            tick = ((self._tick >> shift >> LEVEL_BITS << LEVEL_BITS) + index) << shift
            if tick > now_tick:
                break
            self._tick = tick
            head = self._slot(level, index)
            timer = head._next
            head._next = head
            head._prev = head
            self._occupied[level] &= ~(<uint64_t>1 << index)
            while timer is not head:
                following = timer._next
                if level == 0 and timer.deadline_ns <= now_ns:
                    last = self._due._prev
                    timer._prev = last
                    timer._next = self._due
                    last._next = timer
                    self._due._prev = timer
                else:
                    self._insert(timer)
                timer = following
            if level == 0 and tick == now_tick:
                break
        if now_tick > self._tick:
            self._tick = now_tick
        return 0

    cdef int fire(self, int64_t now_ns) except -1:
        cdef int fired = 0
        cdef Timer timer
        cdef list errors = None
        if self._advancing:
            return 0
        self._advancing = True
        try:
            self._collect(now_ns)
            # Only what was due at the start is fired, so that a timer that is always due again cannot hold
            # the loop; and one by one, since a timer may cancel another that is due too.
            while self._due._next is not self._due:
                timer = self._due._next
                self._unlink(timer)
                fired += 1
                try:
                    timer.on_timer(now_ns)
                except Exception as error:
                    if self.loop is not None:
                        self.loop.call_exception_handler(
                            {"message": f"a {type(timer).__name__} failed", "exception": error}
                        )
                    else:
                        errors = errors or []
                        errors.append(error)
        finally:
            self._advancing = False
            self._armed_ns = INT64_MAX
            if self._size:
                self._arm(self.next_wake_ns())
            elif self._is_reading:
                timerfd_set(self._fd, 0)
        if errors is not None:
            if len(errors) == 1:
                raise errors[0]
            raise ExceptionGroup("timers failed", errors)
        return fired

    cdef int _arm(self, int64_t deadline_ns) except -1:
        cdef double delay_s
        self._armed_ns = deadline_ns
        if self.loop is None:
            return 0
        if self._fd >= 0:
            if not self._is_reading:
                self.loop.add_reader(self._fd, self._wake)
                self._is_reading = True
            # A time of 0 would disarm it.
            if timerfd_set(self._fd, deadline_ns if deadline_ns > 0 else 1) != 0:
                raise OSError("timerfd_settime failed")
            return 0
        if self._handle is not None:
            self._handle.cancel()
        delay_s = <double>(deadline_ns - monotonic_ns()) * 1e-9
        # Half a millisecond more: uvloop rounds to the nearest millisecond, and would wake too early.
        self._handle = self.loop.call_later(delay_s + 0.0005 if delay_s > 0 else 0, self._wake)
        return 0

    def _wake(self):
        # The timerfd's count is not read: setting the timer again, at the end of `fire`, resets it.
        self._handle = None
        self.fire(monotonic_ns())


_wheels = WeakValueDictionary()


def wheel_for(loop):
    """The one wheel of *loop*. It is made when first asked for, and gone with its timers and the loop."""
    # The wheel keeps the loop alive, so no other loop can have its id while the wheel is in the table.
    wheel = _wheels.get(id(loop))
    if wheel is None:
        wheel = _wheels[id(loop)] = TimerWheel(loop)
    return wheel
