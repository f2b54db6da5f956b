from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

LOWEST_NS = 1
HIGHEST_NS = FASTPHX_HIGHEST_NS
SIGNIFICANT_DIGITS = 3


cdef inline Py_ssize_t index_of(int64_t value_ns) noexcept nogil:
    cdef int bucket = fastphx_bucket(<uint64_t>value_ns)
    return (<Py_ssize_t>bucket << SUB_BUCKET_HALF_MAGNITUDE) + (value_ns >> bucket)


cdef inline int64_t lowest_at(Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t bucket = (index >> SUB_BUCKET_HALF_MAGNITUDE) - 1
    if bucket < 0:
        return index
    return <int64_t>((index & (SUB_BUCKET_HALF - 1)) + SUB_BUCKET_HALF) << bucket


cdef inline int64_t highest_at(Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t bucket = (index >> SUB_BUCKET_HALF_MAGNITUDE) - 1
    return lowest_at(index) + (<int64_t>1 << (bucket if bucket > 0 else 0)) - 1


cdef class Histogram:
    """Counts of values in nanoseconds, in HdrHistogram's bucket layout (lowest 1 ns, highest 1 h, three
    significant digits; 270 KB). Values below 0 count as 0 and values above 1 h as 1 h.

    Source of the layout: HdrHistogram's AbstractHistogram.
    """

    def __cinit__(self):
        self.counts = <uint64_t*>calloc(COUNTS, sizeof(uint64_t))
        if self.counts == NULL:
            raise MemoryError
        self.low_ns = INT64_MAX

    def __dealloc__(self):
        free(self.counts)

    def __len__(self):
        return self.count

    @property
    def min_ns(self):
        """The exact smallest value; 0 while empty."""
        return 0 if self.count == 0 else self.low_ns

    @property
    def mean_ns(self):
        """The exact mean; 0 while empty."""
        return 0.0 if self.count == 0 else <double>self.sum_ns / <double>self.count

    def record(self, int64_t value_ns):
        self.record_ns(value_ns)

    def percentile_ns(self, double percentile):
        """HdrHistogram's value at *percentile* (0 to 100), never above the largest value; 0 while empty."""
        if not 0.0 <= percentile <= 100.0:
            raise ValueError(f"a percentile is between 0 and 100, not {percentile}")
        if self.count == 0:
            return 0
        cdef uint64_t wanted = <uint64_t>(percentile * <double>self.count / 100.0 + 0.5)
        cdef uint64_t seen = 0
        cdef Py_ssize_t index
        if wanted < 1:
            wanted = 1
        for index in range(index_of(self.low_ns), index_of(self.max_ns) + 1):
            seen += self.counts[index]
            if seen >= wanted:
                return min(highest_at(index), self.max_ns) if percentile > 0 else lowest_at(index)
        return self.max_ns

    def add(self, Histogram other):
        self.merge(other)

    def reset(self):
        self.clear()

    def export(self):
        """A JSON value: ``count``, ``sum_ns``, ``min_ns``, ``max_ns``, and ``counts``, a flat list of bucket
        index and count for every bucket that is not empty."""
        cdef list pairs = []
        cdef Py_ssize_t index
        if self.count:
            for index in range(index_of(self.low_ns), index_of(self.max_ns) + 1):
                if self.counts[index]:
                    pairs.append(index)
                    pairs.append(self.counts[index])
        return {
            "count": self.count, "sum_ns": self.sum_ns, "min_ns": self.min_ns, "max_ns": self.max_ns,
            "counts": pairs,
        }

    def add_export(self, dict exported not None):
        """Add what `export` gave, of this process or another. Raises ValueError, KeyError or TypeError for
        anything else, and then counts nothing."""
        cdef list pairs = exported["counts"]
        cdef Py_ssize_t at, index
        cdef uint64_t counted = 0
        cdef int64_t low, high
        if len(pairs) % 2:
            raise ValueError("an exported histogram's counts come in pairs")
        if not pairs:
            return
        low = exported["min_ns"]
        high = exported["max_ns"]
        if not 0 <= low <= high <= HIGHEST_NS:
            raise ValueError(f"an exported histogram's values are between 0 and {HIGHEST_NS} ns")
        for at in range(0, len(pairs), 2):
            index = pairs[at]
            if not index_of(low) <= index <= index_of(high):
                raise ValueError(f"an exported histogram has a count at {index}, outside its own values")
        for at in range(0, len(pairs), 2):
            index = pairs[at]
            self.counts[index] += <uint64_t>pairs[at + 1]
            counted += <uint64_t>pairs[at + 1]
        self.count += counted
        self.sum_ns += <uint64_t>exported["sum_ns"]
        self.low_ns = min(self.low_ns, low)
        self.max_ns = max(self.max_ns, high)

    cdef int merge(self, Histogram other) noexcept:
        cdef Py_ssize_t index
        if other.count == 0:
            return 0
        for index in range(index_of(other.low_ns), index_of(other.max_ns) + 1):
            self.counts[index] += other.counts[index]
        self.count += other.count
        self.sum_ns += other.sum_ns
        if other.low_ns < self.low_ns:
            self.low_ns = other.low_ns
        if other.max_ns > self.max_ns:
            self.max_ns = other.max_ns
        return 0

    cdef void clear(self) noexcept:
        cdef Py_ssize_t first
        if self.count == 0:
            return
        first = index_of(self.low_ns)
        memset(self.counts + first, 0, (index_of(self.max_ns) + 1 - first) * sizeof(uint64_t))
        self.count = 0
        self.sum_ns = 0
        self.low_ns = INT64_MAX
        self.max_ns = 0
