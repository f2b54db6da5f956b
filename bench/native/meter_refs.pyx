"""Makes a meter's session wait for replies that nothing was pushed for."""

from libc.stdint cimport INT64_MAX, uint64_t

from fastphx.load.worker.meter cimport MeterSession
from fastphx.timing.wheel cimport monotonic_ns


def expect(MeterSession session not None, uint64_t first, Py_ssize_t count):
    cdef uint64_t ref
    for ref in range(first, first + <uint64_t>count):
        session.refs.put(ref, 1, monotonic_ns(), INT64_MAX, monotonic_ns(), NULL)
    session._next_ref = first + <uint64_t>count
    session.meter.counts.pushes += <uint64_t>count
    session.meter.in_flight += count
