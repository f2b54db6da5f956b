"""UTF-8 (RFC 3629 section 4): no overlong form, no surrogate, nothing past U+10FFFF."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    NOT_UTF8 = -1
    WORD = 8                    # bytes of ASCII that are looked at together

cdef inline uint64_t above_ascii(const uint8_t* data) noexcept nogil:
    """Not 0 if one of the next 8 bytes is not ASCII."""
    cdef uint64_t word
    memcpy(&word, data, WORD)
    return word & <uint64_t>0x8080808080808080


cdef inline Py_ssize_t whole_utf8(const char* data, Py_ssize_t size) noexcept nogil:
    """How many bytes are whole characters: *size*, or up to 3 fewer if the rest begins another one.
    NOT_UTF8 where they cannot be UTF-8, whatever follows."""
    cdef const uint8_t* at = <const uint8_t*>data
    cdef const uint8_t* end = at + size
    cdef Py_ssize_t length, index
    cdef uint8_t first, low, high
    while True:
        while end - at >= 4 * WORD and not (
            above_ascii(at) | above_ascii(at + WORD) | above_ascii(at + 2 * WORD) | above_ascii(at + 3 * WORD)
        ):
            at += 4 * WORD
        while end - at >= WORD and not above_ascii(at):
            at += WORD
        # The last word again, with what is left behind it.
        if end - at < WORD and size >= WORD and not above_ascii(end - WORD):
            return size
        while at < end and at[0] < 0x80:
            at += 1
        while at < end and at[0] >= 0x80:
            first = at[0]
            low = 0x80
            high = 0xBF
            if first < 0xC2 or first > 0xF4:
                return NOT_UTF8
            if first < 0xE0:
                length = 2
            elif first < 0xF0:
                length = 3
                if first == 0xE0:
                    low = 0xA0
                elif first == 0xED:
                    high = 0x9F
            else:
                length = 4
                if first == 0xF0:
                    low = 0x90
                elif first == 0xF4:
                    high = 0x8F
            if end - at > 1 and not low <= at[1] <= high:
                return NOT_UTF8
            for index in range(2, length if length < end - at else end - at):
                if (at[index] & 0xC0) != 0x80:
                    return NOT_UTF8
            if end - at < length:
                return at - <const uint8_t*>data
            at += length
        if at == end:
            return size


cdef inline bint valid_utf8(const char* data, Py_ssize_t size) noexcept nogil:
    return whole_utf8(data, size) == size
