"""A JSON string in a frame (RFC 8259 section 7): where it ends, and what its escapes mean.

Every function takes the end of what may be read and checks it before each read; none of them touches a Python
object, so that they can run, and be fuzzed, as plain C.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    /* How many bytes of a word, as they lie in memory, stand before the first whose high bit is marked. Where
       the answer would take more than an instruction it is -1, and the bytes are looked at one by one. */
    #if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(FASTPHX_PORTABLE)
    #define fastphx_bytes_before(marks) ((int)(__builtin_ctzll(marks) >> 3))
    #else
    #define fastphx_bytes_before(marks) -1
    #endif
    """
    int bytes_before "fastphx_bytes_before" (uint64_t marks) noexcept nogil


cdef inline bint is_plain(char byte) noexcept nogil:
    """Whether the byte is ASCII, and may stand in a JSON string as it is."""
    return 0x20 <= <uint8_t>byte < 0x80 and byte != c'"' and byte != c"\\"


cdef inline const char* skip_plain(const char* at, const char* end) noexcept nogil:
    """The first byte that is not plain, eight at a time."""
    cdef uint64_t ones = 0x0101010101010101ULL
    cdef uint64_t highs = 0x8080808080808080ULL
    cdef uint64_t word, quote, backslash, special
    while end - at >= 8:
        memcpy(&word, at, 8)
        quote = word ^ (ones * c'"')
        backslash = word ^ (ones * c"\\")
        # A high bit for each byte below 0x20, equal to one of the two, or above 0x7F; a borrow can only
        # mark a byte behind the first special one, and only the first is looked for.
        special = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote)
        special = (special | ((backslash - ones) & ~backslash) | word) & highs
        if special:
            if bytes_before(special) < 0:
                break
            return at + bytes_before(special)
        at += 8
    while at < end and is_plain(at[0]):
        at += 1
    return at


cdef inline const char* scan_string(const char** position, const char* end, const char** data,
                                    Py_ssize_t* size, bint* escaped) noexcept nogil:
    """The string whose opening quote is before *position*. Moves *position* past its closing quote."""
    cdef const char* at = skip_plain(position[0], end)
    escaped[0] = False
    if at < end and at[0] == c'"':
        data[0] = position[0]
        size[0] = at - position[0]
        position[0] = at + 1
        return NULL
    return scan_special_string(position, at, end, data, size, escaped)


# A string with an escape or with other characters than ASCII. It is plain up to *at*.
cdef const char* scan_special_string(const char** position, const char* at, const char* end,
                                     const char** data, Py_ssize_t* size, bint* escaped) noexcept nogil

# Resolve a JSON string's escapes into *out*, which takes *size* bytes: an escape is never shorter than its
# UTF-8. Returns the size, or -1 for an escape that is none.
cdef Py_ssize_t unescape(const char* data, Py_ssize_t size, char* out) noexcept nogil
