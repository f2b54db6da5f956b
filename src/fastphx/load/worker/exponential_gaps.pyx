import cython

from fastphx.load.worker.random_bits cimport RandomBits


@cython.final
cdef class ExponentialGaps:
    def __cinit__(self, RandomBits bits not None):
        self._bits = bits

    def take(self):
        return self.next()
