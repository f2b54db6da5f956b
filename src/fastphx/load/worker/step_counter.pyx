import cython

from libc.stdint cimport int64_t, uint64_t

from fastphx.load.result.step_histogram cimport StepHistogram
from fastphx.timing.wheel cimport monotonic_ns

from fastphx.load.result.reasons import Reasons

_KIND = "step"


@cython.final
cdef class StepCounter:
    def __init__(self, str name not None):
        self.name = name
        self.histogram = StepHistogram()

    def begin(self, int64_t due_ns, int64_t now_ns):
        cdef CountedStep step = CountedStep.__new__(CountedStep)
        step.counter = self
        step.name = self.name
        step.due_ns = due_ns
        step.begun_ns = now_ns
        self.attempts += 1
        self._begun += 1
        return step

    def cut_rest(self):
        self._cut += self.attempts - self.ended
        self.ended = self.attempts

    def take(self):
        cdef dict taken = {}
        counted = (("attempts", self._begun), ("ok", self._ok), ("cut", self._cut), ("bytes", self._bytes))
        for key, number in counted:
            if number:
                taken[key] = number
        if self._reasons is not None:
            reasons = self._reasons.take().get(_KIND)
            if reasons:
                taken["reasons"] = reasons
        if self.histogram.count:
            taken["histogram"] = self.histogram.export()
            self.histogram.reset()
        self._begun = self._ok = self._cut = self._bytes = 0
        return taken


@cython.final
cdef class CountedStep:
    def ok(self, uint64_t size_bytes=0, *, int64_t ended_ns=0):
        cdef StepCounter counter = self.counter
        cdef int64_t latency_ns = (ended_ns if ended_ns else monotonic_ns()) - self.due_ns
        if counter is not None:
            self.counter = None
            counter.ended += 1
            counter._ok += 1
            counter._bytes += size_bytes
            counter.histogram.record_ns(latency_ns)
        return latency_ns

    def failed(self, str reason not None):
        cdef StepCounter counter = self.counter
        if counter is not None:
            self.counter = None
            counter.ended += 1
            if counter._reasons is None:
                counter._reasons = Reasons()
            counter._reasons.add(_KIND, reason)

    def cut(self):
        cdef StepCounter counter = self.counter
        if counter is not None:
            self.counter = None
            counter.ended += 1
            counter._cut += 1
