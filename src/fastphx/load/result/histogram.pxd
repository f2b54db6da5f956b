"""Latencies counted with three significant digits, in memory that is all there from the start."""

from libc.stdint cimport int64_t, uint64_t

from fastphx.load.result.abstract_histogram cimport AbstractHistogram, in_range, index_of

cdef enum:
    HALF_MAGNITUDE = 10                 # 2 * 10**3 rounded up to 2**11 sub-buckets, halved
    COUNTS = 33792                      # 32 buckets reach 1 h: (32 + 1) * 1024

cdef class Histogram(AbstractHistogram):
    cdef uint64_t* counts

    cdef inline void record_ns(self, int64_t value_ns) noexcept nogil:
        """Values below 0 count as 0, values above 1 h as 1 h."""
        value_ns = in_range(value_ns)
        # index <= COUNTS - 1: 1 h lies in bucket 31, whose last index is (31 + 1) * 1024 + 1023
        self.count_in(self.counts, index_of(value_ns, HALF_MAGNITUDE), value_ns)
