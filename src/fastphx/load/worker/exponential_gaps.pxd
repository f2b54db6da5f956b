"""Gaps between the arrivals of a Poisson process, drawn in C."""

from libc.math cimport log

from fastphx.load.worker.random_bits cimport RandomBits

cdef class ExponentialGaps:
    cdef RandomBits _bits

    cdef inline double next(self) noexcept:
        """The next gap, in mean gaps: 0 to 36.7."""
        # 53 bits make a number above 0 and up to 1, whose logarithm there is.
        return -log(<double>((self._bits.next() >> 11) + 1) * (1.0 / 9007199254740992.0))
