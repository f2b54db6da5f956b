"""What is HdrHistogram's bucket layout, whatever its number of significant digits: unit 1 ns, 1 ns to 1 h."""

from libc.stdint cimport int64_t, uint64_t

from fastphx.operating_system.compiler cimport highest_bit

cdef extern from *:
    """
    #define FASTPHX_HIGHEST_NS 3600000000000LL
    """
    const int64_t FASTPHX_HIGHEST_NS

cdef inline int bucket_of(uint64_t value, int half_magnitude) noexcept nogil:
    """A bucket has 2 << half_magnitude sub-buckets; all but the first use their upper half only."""
    return highest_bit(value | ((<uint64_t>2 << half_magnitude) - 1)) - half_magnitude

cdef inline int64_t in_range(int64_t value_ns) noexcept nogil:
    """Values below 0 count as 0, values above 1 h as 1 h."""
    if value_ns < 0:
        return 0
    return FASTPHX_HIGHEST_NS if value_ns > FASTPHX_HIGHEST_NS else value_ns

cdef inline Py_ssize_t index_of(int64_t value_ns, int half_magnitude) noexcept nogil:
    """Where a value within the range is counted."""
    cdef int bucket = bucket_of(<uint64_t>value_ns, half_magnitude)
    return (<Py_ssize_t>bucket << half_magnitude) + (value_ns >> bucket)

cdef class AbstractHistogram:
    cdef int half_magnitude             # a half-bucket has 1 << half_magnitude counts
    cdef readonly int significant_digits
    cdef readonly uint64_t count
    cdef readonly uint64_t sum_ns
    cdef int64_t low_ns                 # INT64_MAX while empty
    cdef readonly int64_t max_ns

    # Half-bucket *number* holds the counts from index number << half_magnitude on.
    cdef uint64_t* half_bucket(self, Py_ssize_t number) noexcept   # NULL where it was never hit
    cdef uint64_t* new_half_bucket(self, Py_ssize_t number) except NULL

    cdef inline void count_in(self, uint64_t* counts, Py_ssize_t index, int64_t value_ns) noexcept nogil:
        """Count a value within the range at an index of its own counts."""
        counts[index] += 1
        self.count += 1
        self.sum_ns += <uint64_t>value_ns
        if value_ns < self.low_ns:
            self.low_ns = value_ns
        if value_ns > self.max_ns:
            self.max_ns = value_ns

    cdef Py_ssize_t _first(self) noexcept
    cdef Py_ssize_t _end(self) noexcept
    cdef int merge(self, AbstractHistogram other) except -1
    cdef void clear(self) noexcept
