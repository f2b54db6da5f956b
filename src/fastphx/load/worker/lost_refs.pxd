"""The refs of a socket's pushes that were lost: what tells a late reply from a second one."""

from libc.stdint cimport uint64_t

cdef class LostRefs:
    cdef uint64_t* _lost                    # a bit for each of the latest refs: set where its push was lost
    cdef uint64_t _bits                     # how many refs that are: 0, or a power of two
    cdef uint64_t _first                    # the lowest and the highest ref that was remembered
    cdef uint64_t _last

    cdef int remember(self, uint64_t ref) except -1
    """The ref's push was lost."""
    cdef bint forget(self, uint64_t ref) noexcept
    """Whether the ref's push was lost; it is not any more."""
    cdef int _widen(self, uint64_t bits) except -1
    cdef bint _is_lost(self, uint64_t ref) noexcept
    cdef void _clear(self, uint64_t ref) noexcept
