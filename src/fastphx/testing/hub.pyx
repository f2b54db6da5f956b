import cython

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastphx.protocol.sink cimport FRAME_HEADROOM
from fastphx.testing.faults cimport Faults
from fastphx.timing.wheel cimport monotonic_ns

cdef enum:
    KEPT_BYTES = 1 << 20        # a larger buffer is freed when a smaller frame comes


cdef int64_t to_ns(double seconds) noexcept:
    return <int64_t>(min(seconds, 3.2e9) * 1e9)


@cython.final
cdef class Hub:
    """Counters, fault switches, limits and the send buffer of one server.

    *on_open* is called with each connection that opens, and *on_end* with each that is gone.
    """

    def __init__(self, loop, Py_ssize_t max_write_buffer, Py_ssize_t max_queue_bytes, double close_timeout_s,
                 on_open, on_end):
        memset(&self.counters, 0, sizeof(self.counters))
        self.faults = Faults()
        self.loop = loop
        self.max_write_buffer = max_write_buffer
        self.max_queue_bytes = max_queue_bytes
        self.close_timeout_ns = to_ns(close_timeout_s)
        self.on_open = on_open
        self.on_end = on_end

    def __dealloc__(self):
        PyMem_Free(self._memory)

    cdef char* reserve(self, Py_ssize_t size) except NULL:
        cdef Py_ssize_t needed = size + FRAME_HEADROOM
        cdef void* memory
        if needed > self._capacity or (self._capacity > KEPT_BYTES and needed <= KEPT_BYTES):
            needed = max(needed, 4096)
            memory = PyMem_Realloc(self._memory, <size_t>needed)
            if memory == NULL:
                raise MemoryError
            self._memory = <char*>memory
            self._capacity = needed
        return self._memory + FRAME_HEADROOM

    @property
    def stats(self):
        """The counters by name."""
        return self.counters

    def count_refused(self):
        self.counters.refused += 1

    def count_overflow(self):
        self.counters.overflows += 1

    def stall(self, double seconds):
        """Connections that open within *seconds* are stalled until then from the start."""
        self.stalled_until_ns = monotonic_ns() + to_ns(seconds)
