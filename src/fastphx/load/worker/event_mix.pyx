import cython

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from fastphx.load.worker.random_bits cimport RandomBits

from math import gcd

cdef enum:
    # A number of the round's has 16 bits.
    MAX_EVENTS = 65535
    MAX_ROUND = 1 << 20


@cython.final
cdef class EventMix:
    def __init__(self, list events not None, RandomBits bits not None):
        cdef Py_ssize_t number, at = 0
        weights = [weight for _, _, weight in events]
        if not 0 < len(weights) <= MAX_EVENTS or min(weights) < 1:
            raise ValueError(f"give 1 to {MAX_EVENTS} events, with weights of 1 or more")
        common = gcd(*weights)
        self._size = sum(weights) // common
        if self._size > MAX_ROUND:
            raise ValueError(f"the weights sum to {self._size}: give {MAX_ROUND} at most")
        self.names = [name for name, _, _ in events]
        self.payloads = [payload for _, payload, _ in events]
        self._bits = bits
        free(self._round)
        free(self._pushed)
        self._round = <unsigned short*>calloc(<size_t>self._size, sizeof(unsigned short))
        self._pushed = <uint64_t*>calloc(<size_t>len(weights), sizeof(uint64_t))
        if self._round == NULL or self._pushed == NULL:
            raise MemoryError
        for number, weight in enumerate(weights):
            for _ in range(weight // common):
                self._round[at] = <unsigned short>number
                at += 1

    def __dealloc__(self):
        free(self._round)
        free(self._pushed)

    cpdef Py_ssize_t draw(self) noexcept:
        # Fisher and Yates' shuffle, a step with each push.
        cdef Py_ssize_t other
        cdef unsigned short number
        if self._at == self._size:
            self._at = 0
        other = self._at + self._bits.below(self._size - self._at)
        number = self._round[other]
        self._round[other] = self._round[self._at]
        self._round[self._at] = number
        self._at += 1
        self._pushed[number] += 1
        return number

    cpdef void give_back(self) noexcept:
        if self._at > 0:
            self._at -= 1
            self._pushed[self._round[self._at]] -= 1

    @property
    def pushed(self):
        cdef Py_ssize_t number
        return {self.names[number].decode(): self._pushed[number] for number in range(len(self.names))}
