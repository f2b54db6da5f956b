"""A fast hash and comparison of a few bytes, for tables whose keys are topics and events.

Such keys are short, so both are inline and read whole words that overlap: a call of libc costs more.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline uint64_t _word8(const char* data) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, data, 8)
    return word


cdef inline uint64_t _word4(const char* data) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, data, 4)
    return word


cdef inline uint64_t _last_word(const char* data, Py_ssize_t size) noexcept nogil:
    """Fewer than 8 bytes as a number, different for different bytes of the same size."""
    if size >= 4:
        return _word4(data) | (_word4(data + size - 4) << 32)
    if size == 0:
        return 0
    return (<uint64_t><unsigned char>data[0] | (<uint64_t><unsigned char>data[size >> 1] << 8)
            | (<uint64_t><unsigned char>data[size - 1] << 16))


cdef inline uint64_t hash_bytes(const char* data, Py_ssize_t size) noexcept nogil:
    """Eight bytes a step. Not keyed: topics are the user's own, and the events' table is a bounded cache,
    so a server that makes keys collide only slows down itself."""
    cdef uint64_t multiplier = 0x9E3779B97F4A7C15ULL
    cdef uint64_t value = <uint64_t>size * multiplier
    cdef Py_ssize_t left = size
    if size < 8:
        value = (value ^ _last_word(data, size)) * multiplier
    else:
        while left > 8:
            value = (value ^ _word8(data)) * multiplier
            value ^= value >> 32
            data += 8
            left -= 8
        value = (value ^ _word8(data + left - 8)) * multiplier
    # A product's low bits do not depend on its factors' high bits, where topics that end in a number differ,
    # and tables take the low bits: once more brings the high ones down.
    value = (value ^ (value >> 32)) * multiplier
    return value ^ (value >> 32)


cdef inline bint same_bytes(const char* left, const char* right, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t index = 0
    if size < 8:
        return _last_word(left, size) == _last_word(right, size)
    while index + 8 < size:
        if _word8(left + index) != _word8(right + index):
            return False
        index += 8
    return _word8(left + size - 8) == _word8(right + size - 8)
