from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free


cdef class Histogram(AbstractHistogram):
    def __cinit__(self):
        self.half_magnitude = HALF_MAGNITUDE
        self.significant_digits = 3
        self.counts = <uint64_t*>calloc(COUNTS, sizeof(uint64_t))
        if self.counts == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.counts)

    def record(self, int64_t value_ns):
        self.record_ns(value_ns)

    def add(self, Histogram other not None):
        self.merge(other)

    cdef uint64_t* half_bucket(self, Py_ssize_t number) noexcept:
        return self.counts + (number << HALF_MAGNITUDE)

    cdef uint64_t* new_half_bucket(self, Py_ssize_t number) except NULL:
        return self.counts + (number << HALF_MAGNITUDE)
