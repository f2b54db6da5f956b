import cython

from libc.stdint cimport INT64_MAX, int64_t

from fastphx.load.worker.exponential_gaps cimport ExponentialGaps
from fastphx.load.worker.meter cimport Meter
from fastphx.timing.wheel cimport Timer, monotonic_ns

cdef enum:
    # Arrivals are due on a grid: those of one millisecond together, so that one wake-up serves them all
    # and waiting for it is not mistaken for latency.
    TICK_NS = 1_000_000
    # After a stall the overdue arrivals go out in turns with reading, not in one burst.
    MAX_BURST = 512


@cython.final
cdef class Pacer(Timer):
    """Arrivals on a clock: *steps* of (arrivals a second, duration in ns), each pushed by the meter's next
    ready socket. An arrival is due on a grid of one millisecond, and is timed from when it was due, however
    late it is. They are evenly spaced, and *phase* (0 to 1, of the interval) keeps several workers from
    pushing together; with *gaps* they are a Poisson process of the step's rate. *finished* is called when the
    schedule has ended. Raises ValueError.
    """

    def __init__(self, Meter meter not None, list steps not None, double phase=0.5, finished=None,
                 ExponentialGaps gaps=None):
        for rate, duration_ns in steps:
            if rate < 0 or duration_ns <= 0:
                raise ValueError(f"a step of {rate} arrivals a second for {duration_ns} ns is none")
        if not 0 <= phase < 1:
            raise ValueError(f"phase is {phase}: give 0 to 1")
        self.meter = meter
        self.steps = steps
        self.phase = phase
        self.finished = finished
        self.gaps = gaps

    def start(self, int64_t start_ns):
        self.start_ns = start_ns
        self.step_end_ns = start_ns
        self.end_ns = start_ns
        for _, duration_ns in self.steps:
            self.end_ns += duration_ns
        self.running = True
        self._enter(0)
        self._arm()

    def stop(self):
        self.running = False
        self.cancel()

    cdef int _enter(self, Py_ssize_t step) except -1:
        self.step = step
        self.arrived = 0
        if step < len(self.steps):
            rate, duration_ns = self.steps[step]
            self.step_start_ns = self.step_end_ns
            self.step_end_ns += <int64_t>duration_ns
            self.interval_ns = 1e9 / <double>rate if rate > 0 else 0
            self.offset_ns = 0
            self._draw()
        return 0

    cdef int _draw(self) except -1:
        """Say when the next arrival of this step is."""
        if self.gaps is None:
            self.offset_ns = (<double>self.arrived + self.phase) * self.interval_ns
        elif self.interval_ns > 0:
            # A Poisson process has no memory: it may begin anew where the rate changes.
            self.offset_ns += self.gaps.next() * self.interval_ns
        return 0

    cdef int64_t _next_ns(self) except -2:
        """When the next arrival is due, on the grid; INT64_MAX: there is none."""
        cdef int64_t due_ns
        while self.step < len(self.steps):
            if self.interval_ns > 0 and self.offset_ns < <double>(self.step_end_ns - self.step_start_ns):
                due_ns = self.step_start_ns + <int64_t>self.offset_ns
                return self.start_ns + (due_ns - self.start_ns + TICK_NS - 1) // TICK_NS * TICK_NS
            self._enter(self.step + 1)
        return INT64_MAX

    cdef int _arm(self) except -1:
        cdef int64_t due_ns
        if not self.running:
            return 0
        due_ns = self._next_ns()
        if due_ns != INT64_MAX:
            return self.meter.wheel.schedule(self, due_ns)
        # The schedule is over when its time is, not with its last arrival.
        if monotonic_ns() < self.end_ns:
            return self.meter.wheel.schedule(self, self.end_ns)
        self.running = False
        if self.finished is not None:
            self.finished()
        return 0

    cdef int on_timer(self, int64_t now_ns) except -1:
        cdef int sent = 0
        cdef int64_t due_ns = self._next_ns()
        try:
            while due_ns <= now_ns and self.running and sent < MAX_BURST:
                self.arrived += 1
                self._draw()
                sent += 1
                now_ns = monotonic_ns()
                self.meter.schedule_lag.record_ns(now_ns - due_ns)
                self.meter.arrive(due_ns, now_ns)
                due_ns = self._next_ns()
        finally:
            self._arm()
        return 0
