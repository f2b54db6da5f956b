import cython

from libc.stdint cimport int64_t, uint64_t

cdef uint64_t _GOLDEN = 0x9E3779B97F4A7C15


cdef uint64_t _mixed(uint64_t bits) noexcept nogil:
    """SplitMix64's finaliser: each bit of the result depends on all of *bits*."""
    bits = (bits ^ (bits >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    bits = (bits ^ (bits >> 27)) * <uint64_t>0x94D049BB133111EB
    return bits ^ (bits >> 31)


@cython.final
cdef class RandomBits:
    def __init__(self, int64_t seed, int64_t stream=0):
        cdef uint64_t bits = _mixed(_mixed(<uint64_t>seed + _GOLDEN) ^ (<uint64_t>stream * _GOLDEN))
        cdef int at
        # SplitMix64 fills the state, as xoshiro's authors have it.
        for at in range(4):
            bits += _GOLDEN
            self._state[at] = _mixed(bits)

    def take(self):
        return self.next()
