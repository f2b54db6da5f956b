import cython

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

cdef enum:
    MIN_LOST = 512              # refs that are looked back on: a bit each, so at most 8 KiB
    MAX_LOST = 65536


@cython.final
cdef class LostRefs:
    """Which of a socket's latest refs, up to 65,536 of them, are of pushes that were lost."""

    def __dealloc__(self):
        free(self._lost)

    cdef int remember(self, uint64_t ref) except -1:
        cdef uint64_t stale, looks_back
        if self._lost == NULL:
            self._first = self._last = ref
        self._first = min(self._first, ref)
        looks_back = max(ref, self._last) - self._first + 1
        if self._bits < MAX_LOST and looks_back > self._bits:
            self._widen(looks_back)
        if ref > self._last:
            # The refs in between take the places of those that are too old by now.
            for stale in range(max(self._last, ref - min(ref, self._bits)) + 1, ref + 1):
                self._clear(stale)
            self._last = ref
        elif self._last - ref >= self._bits:
            return 0
        self._lost[(ref & (self._bits - 1)) >> 6] |= (<uint64_t>1) << (ref & 63)
        return 0

    cdef bint forget(self, uint64_t ref) noexcept:
        if ref > self._last or self._last - ref >= self._bits or not self._is_lost(ref):
            return False
        self._clear(ref)
        return True

    cdef int _widen(self, uint64_t bits) except -1:
        """Look back on at least so many refs, as far as that is allowed."""
        cdef uint64_t* wider
        cdef uint64_t size = MIN_LOST, ref, first
        while size < bits and size < MAX_LOST:
            size *= 2
        wider = <uint64_t*>calloc(size // 64, sizeof(uint64_t))
        if wider == NULL:
            raise MemoryError
        if self._lost != NULL:
            first = self._last - min(self._last, self._bits - 1)
            for ref in range(first, self._last + 1):
                if self._is_lost(ref):
                    wider[(ref & (size - 1)) >> 6] |= (<uint64_t>1) << (ref & 63)
            free(self._lost)
        self._lost = wider
        self._bits = size
        return 0

    cdef inline bint _is_lost(self, uint64_t ref) noexcept:
        return self._lost[(ref & (self._bits - 1)) >> 6] >> (ref & 63) & 1

    cdef inline void _clear(self, uint64_t ref) noexcept:
        self._lost[(ref & (self._bits - 1)) >> 6] &= ~((<uint64_t>1) << (ref & 63))
