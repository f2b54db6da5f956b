import cython

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

cdef enum:
    MAX_BACKLOG = 65536


@cython.final
cdef class Backlog:
    """When pushes were due that wait until fewer are in flight: up to 65,536 a socket, the oldest first."""

    def __dealloc__(self):
        free(self._due_ns)

    cdef bint add(self, int64_t due_ns) except -1:
        if self.size >= MAX_BACKLOG:
            return False
        if self.size == self._capacity:
            self._grow()
        self._due_ns[(self._first + self.size) % self._capacity] = due_ns
        self.size += 1
        return True

    cdef int64_t take_first(self) noexcept:
        cdef int64_t due_ns = self._due_ns[self._first]
        self._first = (self._first + 1) % self._capacity
        self.size -= 1
        return due_ns

    cdef Py_ssize_t drop_all(self) noexcept:
        cdef Py_ssize_t dropped = self.size
        self.size = 0
        self._first = 0
        return dropped

    cdef int _grow(self) except -1:
        cdef Py_ssize_t capacity = max(8, 2 * self._capacity), at
        cdef int64_t* due_ns = <int64_t*>malloc(<size_t>capacity * sizeof(int64_t))
        if due_ns == NULL:
            raise MemoryError
        for at in range(self.size):
            due_ns[at] = self._due_ns[(self._first + at) % self._capacity]
        free(self._due_ns)
        self._due_ns = due_ns
        self._capacity = capacity
        self._first = 0
        return 0
