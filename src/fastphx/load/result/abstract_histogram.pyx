from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memset

LOWEST_NS = 1
HIGHEST_NS = FASTPHX_HIGHEST_NS


cdef inline int64_t lowest_at(Py_ssize_t index, int half_magnitude) noexcept nogil:
    cdef Py_ssize_t half = <Py_ssize_t>1 << half_magnitude
    cdef Py_ssize_t bucket = (index >> half_magnitude) - 1
    if bucket < 0:
        return index
    return <int64_t>((index & (half - 1)) + half) << bucket


cdef inline int64_t highest_at(Py_ssize_t index, int half_magnitude) noexcept nogil:
    cdef Py_ssize_t bucket = (index >> half_magnitude) - 1
    return lowest_at(index, half_magnitude) + (<int64_t>1 << (bucket if bucket > 0 else 0)) - 1


cdef class AbstractHistogram:
    def __cinit__(self):
        self.low_ns = INT64_MAX

    def __len__(self):
        return self.count

    @property
    def min_ns(self):
        return 0 if self.count == 0 else self.low_ns

    @property
    def mean_ns(self):
        return 0.0 if self.count == 0 else <double>self.sum_ns / <double>self.count

    def percentile_ns(self, double percentile):
        if not 0.0 <= percentile <= 100.0:
            raise ValueError(f"a percentile is between 0 and 100, not {percentile}")
        if self.count == 0:
            return 0
        cdef uint64_t wanted = <uint64_t>(percentile * <double>self.count / 100.0 + 0.5)
        cdef uint64_t seen = 0
        cdef uint64_t* counts
        cdef Py_ssize_t number, at, index
        if wanted < 1:
            wanted = 1
        for number in range(self._first(), self._end()):
            counts = self.half_bucket(number)
            if counts == NULL:
                continue
            for at in range(<Py_ssize_t>1 << self.half_magnitude):
                seen += counts[at]
                if seen >= wanted:
                    index = (number << self.half_magnitude) + at
                    if percentile > 0:
                        return min(highest_at(index, self.half_magnitude), self.max_ns)
                    return lowest_at(index, self.half_magnitude)
        return self.max_ns

    def reset(self):
        self.clear()

    def export(self):
        cdef list pairs = []
        cdef uint64_t* counts
        cdef Py_ssize_t number, at
        for number in range(self._first(), self._end()):
            counts = self.half_bucket(number)
            if counts == NULL:
                continue
            for at in range(<Py_ssize_t>1 << self.half_magnitude):
                if counts[at]:
                    pairs.append((number << self.half_magnitude) + at)
                    pairs.append(counts[at])
        return {
            "count": self.count, "sum_ns": self.sum_ns, "min_ns": self.min_ns, "max_ns": self.max_ns,
            "counts": pairs,
        }

    def add_export(self, dict exported not None):
        cdef list pairs = exported["counts"]
        cdef Py_ssize_t at, index
        cdef uint64_t counted = 0
        cdef uint64_t sum_ns = exported["sum_ns"]
        cdef int64_t low = exported["min_ns"]
        cdef int64_t high = exported["max_ns"]
        cdef Py_ssize_t half = <Py_ssize_t>1 << self.half_magnitude
        if len(pairs) % 2:
            raise ValueError("an exported histogram's counts come in pairs")
        if not pairs:
            return
        if not 0 <= low <= high <= HIGHEST_NS:
            raise ValueError(f"an exported histogram's values are between 0 and {HIGHEST_NS} ns")
        for at in range(0, len(pairs), 2):
            index = pairs[at]
            if not index_of(low, self.half_magnitude) <= index <= index_of(high, self.half_magnitude):
                raise ValueError(f"an exported histogram has a count at {index}, outside its own values")
            counted += <uint64_t>pairs[at + 1]
        for at in range(0, len(pairs), 2):
            index = pairs[at]
            self.new_half_bucket(index >> self.half_magnitude)[index & (half - 1)] += <uint64_t>pairs[at + 1]
        self.count += counted
        self.sum_ns += sum_ns
        self.low_ns = min(self.low_ns, low)
        self.max_ns = max(self.max_ns, high)

    cdef uint64_t* half_bucket(self, Py_ssize_t number) noexcept:
        return NULL

    cdef uint64_t* new_half_bucket(self, Py_ssize_t number) except NULL:
        # Each kind of histogram has its own: a C method cannot be abstract.
        raise NotImplementedError

    cdef Py_ssize_t _first(self) noexcept:
        """The first half-bucket that has a count."""
        return 0 if self.count == 0 else index_of(self.low_ns, self.half_magnitude) >> self.half_magnitude

    cdef Py_ssize_t _end(self) noexcept:
        """The half-bucket after the last that has a count."""
        if self.count == 0:
            return 0
        return (index_of(self.max_ns, self.half_magnitude) >> self.half_magnitude) + 1

    cdef int merge(self, AbstractHistogram other) except -1:
        cdef uint64_t* added
        cdef uint64_t* counts
        cdef Py_ssize_t number, at
        for number in range(other._first(), other._end()):
            added = other.half_bucket(number)
            if added == NULL:
                continue
            counts = self.new_half_bucket(number)
            for at in range(<Py_ssize_t>1 << self.half_magnitude):
                counts[at] += added[at]
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.low_ns = min(self.low_ns, other.low_ns)
        self.max_ns = max(self.max_ns, other.max_ns)
        return 0

    cdef void clear(self) noexcept:
        cdef uint64_t* counts
        cdef Py_ssize_t number
        for number in range(self._first(), self._end()):
            counts = self.half_bucket(number)
            if counts != NULL:
                memset(counts, 0, sizeof(uint64_t) << self.half_magnitude)
        self.count = 0
        self.sum_ns = 0
        self.low_ns = INT64_MAX
        self.max_ns = 0
