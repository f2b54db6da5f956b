from libc.stdint cimport uint8_t, uint32_t

from fastphx.protocol.utf8 cimport valid_utf8


cdef int hex4(const char* at, const char* end) noexcept nogil:
    """The four hexadecimal digits at *at*, or -1."""
    cdef int value = 0
    cdef int index
    cdef char digit
    if end - at < 4:
        return -1
    for index in range(4):
        digit = at[index]
        if c"0" <= digit <= c"9":
            value = value * 16 + (digit - c"0")
        elif c"a" <= digit <= c"f":
            value = value * 16 + (digit - c"a" + 10)
        elif c"A" <= digit <= c"F":
            value = value * 16 + (digit - c"A" + 10)
        else:
            return -1
    return value


cdef Py_ssize_t put_utf8(char* out, uint32_t code) noexcept nogil:
    if code < 0x80:
        out[0] = <char>code
        return 1
    if code < 0x800:
        out[0] = <char>(0xC0 | (code >> 6))
        out[1] = <char>(0x80 | (code & 0x3F))
        return 2
    if code < 0x10000:
        out[0] = <char>(0xE0 | (code >> 12))
        out[1] = <char>(0x80 | ((code >> 6) & 0x3F))
        out[2] = <char>(0x80 | (code & 0x3F))
        return 3
    out[0] = <char>(0xF0 | (code >> 18))
    out[1] = <char>(0x80 | ((code >> 12) & 0x3F))
    out[2] = <char>(0x80 | ((code >> 6) & 0x3F))
    out[3] = <char>(0x80 | (code & 0x3F))
    return 4


cdef Py_ssize_t unescape(const char* data, Py_ssize_t size, char* out) noexcept nogil:
    cdef const char* at = data
    cdef const char* end = data + size
    cdef char* start = out
    cdef char escape
    cdef int code, low
    while at < end:
        if at[0] != c"\\":
            out[0] = at[0]
            out += 1
            at += 1
            continue
        if end - at < 2:
            return -1
        escape = at[1]
        at += 2
        if escape == c"u":
            code = hex4(at, end)
            if code < 0:
                return -1
            at += 4
            if 0xD800 <= code < 0xDC00:
                if end - at < 6 or at[0] != c"\\" or at[1] != c"u":
                    return -1
                low = hex4(at + 2, end)
                if low < 0xDC00 or low > 0xDFFF:
                    return -1
                at += 6
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            elif 0xDC00 <= code < 0xE000:
                return -1
            out += put_utf8(out, <uint32_t>code)
            continue
        if escape == c"n":
            escape = c"\n"
        elif escape == c"t":
            escape = c"\t"
        elif escape == c"r":
            escape = c"\r"
        elif escape == c"b":
            escape = c"\b"
        elif escape == c"f":
            escape = c"\f"
        elif escape != c'"' and escape != c"\\" and escape != c"/":
            return -1
        out[0] = escape
        out += 1
    return out - start


cdef const char* scan_special_string(const char** position, const char* at, const char* end,
                                     const char** data, Py_ssize_t* size, bint* escaped) noexcept nogil:
    cdef const char* start = position[0]
    cdef bint ascii = True
    while True:
        at = skip_plain(at, end)
        if at >= end:
            position[0] = at
            return "a string is not closed"
        if at[0] == c'"':
            break
        if at[0] == c"\\":
            escaped[0] = True
            if end - at < 2:
                position[0] = at
                return "a string is not closed"
            at += 2
        elif <uint8_t>at[0] < 0x20:
            position[0] = at
            return "a string contains a control character"
        else:
            ascii = False
            while at < end and <uint8_t>at[0] >= 0x80:
                at += 1
    data[0] = start
    size[0] = at - start
    position[0] = at + 1
    if (not ascii or escaped[0]) and not valid_utf8(start, at - start):
        position[0] = start
        return "a string is not valid UTF-8"
    return NULL
