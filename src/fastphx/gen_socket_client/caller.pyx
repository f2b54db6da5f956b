import cython
from libc.stdint cimport int64_t

from fastphx.timing.wheel cimport Timer, TimerWheel, monotonic_ns

from fastphx.errors import CallTimeoutError


@cython.final
cdef class Caller(Timer):
    def __init__(self, own_loop, count_late_reply):
        self._own_loop = own_loop
        self._count_late_reply = count_late_reply
        self.future = own_loop.loop.create_future()

    def expire_after(self, double timeout_s, TimerWheel wheel not None):
        if timeout_s != timeout_s:
            raise ValueError("timeout is nan: give a number of seconds, or None")
        self._timeout_s = timeout_s
        # 2**62 ns are 146 years: never.
        wheel.schedule(self, monotonic_ns() + <int64_t>min(max(timeout_s * 1e9, 0.0), <double>(1 << 62)))

    cdef int on_timer(self, int64_t now_ns) except -1:
        self.fail(CallTimeoutError(f"the call was not answered within {self._timeout_s:g} s"))
        return 0

    def answer(self, value):
        if self.future.done():
            self._count_late_reply()
        else:
            self.future.set_result(value)

    def fail(self, error):
        if not self.future.done():
            self.future.set_exception(error)

    def reply(self, value):
        self._own_loop.run(self.answer, value)


def reply(Caller caller not None, value):
    caller.reply(value)
