from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free


cdef class StepHistogram(AbstractHistogram):
    def __cinit__(self):
        self.half_magnitude = HALF_MAGNITUDE
        self.significant_digits = 2

    def __dealloc__(self):
        cdef Py_ssize_t number
        if self.half_buckets != NULL:
            for number in range(HALF_BUCKETS):
                free(self.half_buckets[number])
            free(self.half_buckets)

    def __sizeof__(self):
        cdef Py_ssize_t number
        cdef Py_ssize_t size_bytes = type(self).__basicsize__
        if self.half_buckets != NULL:
            size_bytes += HALF_BUCKETS * sizeof(uint64_t*)
            for number in range(HALF_BUCKETS):
                if self.half_buckets[number] != NULL:
                    size_bytes += sizeof(uint64_t) << HALF_MAGNITUDE
        return size_bytes

    def record(self, int64_t value_ns):
        self.record_ns(value_ns)

    def add(self, StepHistogram other not None):
        self.merge(other)

    cdef uint64_t* half_bucket(self, Py_ssize_t number) noexcept:
        return NULL if self.half_buckets == NULL else self.half_buckets[number]

    cdef uint64_t* new_half_bucket(self, Py_ssize_t number) except NULL:
        if self.half_buckets == NULL:
            self.half_buckets = <uint64_t**>calloc(HALF_BUCKETS, sizeof(uint64_t*))
            if self.half_buckets == NULL:
                raise MemoryError
        if self.half_buckets[number] == NULL:
            self.half_buckets[number] = <uint64_t*>calloc(1 << HALF_MAGNITUDE, sizeof(uint64_t))
            if self.half_buckets[number] == NULL:
                raise MemoryError
        return self.half_buckets[number]
