"""Latencies counted in HdrHistogram's bucket layout: unit 1 ns, 1 ns to 1 h, 3 significant digits."""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    SUB_BUCKET_HALF_MAGNITUDE = 10      # 2 * 10**3 rounded up to 2**11 sub-buckets, halved
    SUB_BUCKET_HALF = 1024
    SUB_BUCKET_MASK = 2047
    COUNTS = 33792                      # 32 buckets reach 1 h: (32 + 1) * 1024

cdef extern from *:
    """
    #define FASTPHX_HIGHEST_NS 3600000000000LL
    static inline int fastphx_bucket(unsigned long long value) {
        return 53 - __builtin_clzll(value | 2047);
    }
    """
    const int64_t FASTPHX_HIGHEST_NS
    int fastphx_bucket(uint64_t value) noexcept nogil

cdef class Histogram:
    cdef uint64_t* counts
    cdef readonly uint64_t count
    cdef readonly uint64_t sum_ns
    cdef int64_t low_ns                 # INT64_MAX while empty
    cdef readonly int64_t max_ns

    cdef inline void record_ns(self, int64_t value_ns) noexcept nogil:
        """Values below 0 count as 0, values above 1 h as 1 h."""
        if value_ns < 0:
            value_ns = 0
        elif value_ns > FASTPHX_HIGHEST_NS:
            value_ns = FASTPHX_HIGHEST_NS
        cdef int bucket = fastphx_bucket(<uint64_t>value_ns)
        # index <= COUNTS - 1: 1 h lies in bucket 31, whose last index is (31 + 1) * 1024 + 1023
        self.counts[(bucket << SUB_BUCKET_HALF_MAGNITUDE) + (value_ns >> bucket)] += 1
        self.count += 1
        self.sum_ns += <uint64_t>value_ns
        if value_ns < self.low_ns:
            self.low_ns = value_ns
        if value_ns > self.max_ns:
            self.max_ns = value_ns

    cdef int merge(self, Histogram other) noexcept
    cdef void clear(self) noexcept
