"""Latencies counted with two significant digits, in memory that grows with what is hit."""

from libc.stdint cimport int64_t, uint64_t

from fastphx.load.result.abstract_histogram cimport AbstractHistogram, in_range, index_of

cdef enum:
    HALF_MAGNITUDE = 7                  # 2 * 10**2 rounded up to 2**8 sub-buckets, halved
    HALF_BUCKETS = 36                   # 35 buckets reach 1 h, and the first has two halves

cdef class StepHistogram(AbstractHistogram):
    cdef uint64_t** half_buckets        # HALF_BUCKETS of them, each NULL until it is hit; NULL until one is

    cdef inline int record_ns(self, int64_t value_ns) except -1:
        """Values below 0 count as 0, values above 1 h as 1 h. Raises MemoryError."""
        value_ns = in_range(value_ns)
        cdef Py_ssize_t index = index_of(value_ns, HALF_MAGNITUDE)
        cdef uint64_t* counts = self.new_half_bucket(index >> HALF_MAGNITUDE)
        self.count_in(counts, index & ((1 << HALF_MAGNITUDE) - 1), value_ns)
        return 0
