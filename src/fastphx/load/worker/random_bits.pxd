"""Random bits, drawn in C."""

from libc.stdint cimport uint64_t

cdef class RandomBits:
    cdef uint64_t[4] _state

    cdef inline uint64_t next(self) noexcept nogil:
        """The next 64 bits."""
        cdef uint64_t* s = self._state
        cdef uint64_t result = _rotated(s[0] + s[3], 23) + s[0]
        cdef uint64_t shifted = s[1] << 17
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = _rotated(s[3], 45)
        return result

    cdef inline Py_ssize_t below(self, Py_ssize_t limit) noexcept nogil:
        """A whole number from 0 up to *limit*, which is from 1 to 2**31; each is as likely as the others, to
        one in four billion by *limit*."""
        return <Py_ssize_t>(((self.next() >> 32) * <uint64_t>limit) >> 32)


cdef inline uint64_t _rotated(uint64_t bits, int by) noexcept nogil:
    return (bits << by) | (bits >> (64 - by))
