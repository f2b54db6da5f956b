import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_FromUnsignedLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fastphx.protocol.call cimport call_builtin, call_one, takes_one
from fastphx.protocol.hash cimport hash_bytes, same_bytes
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT

import sys

import orjson

from fastphx.errors import DecodeError, EncodingError, clip

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept
    object PyObject_GenericGetAttr(object o, object name)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from *:
    """
    /* How many bytes of a word, as they lie in memory, stand before the first whose high bit is marked. Where
       the answer would take more than an instruction it is 0, and the bytes are looked at one by one. */
    #if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define fastphx_bytes_before(marks) (__builtin_ctzll(marks) >> 3)
    #else
    #define fastphx_bytes_before(marks) 0
    #endif
    """
    int bytes_before "fastphx_bytes_before" (uint64_t marks) noexcept nogil

cdef extern from *:
    """
    #if defined(__GNUC__)
    #pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    #endif
    /* Bytes that nobody else has a reference to, and that have memory for *size*, get another content: what
       PyBytes_FromStringAndSize does, but for the memory. */
    static CYTHON_INLINE void fastphx_refill(PyObject *bytes, const char *data, Py_ssize_t size) {
        memcpy(PyBytes_AS_STRING(bytes), data, (size_t)size);
        PyBytes_AS_STRING(bytes)[size] = 0;
        Py_SET_SIZE((PyVarObject *)bytes, size);
        ((PyBytesObject *)bytes)->ob_shash = -1;
    }

    /* What a variable owns, and owns no longer. */
    static CYTHON_INLINE PyObject *fastphx_take(PyObject **variable) {
        PyObject *object = *variable;
        *variable = NULL;
        return object;
    }
    """
    Message take "fastphx_take" (PyObject** variable)
    void refill "fastphx_refill" (PyObject* target, const char* data, Py_ssize_t size) noexcept

cdef object _loads = orjson.loads
cdef bint _loads_takes_one = takes_one(<PyObject*>_loads)
cdef str _PAYLOAD = sys.intern("payload")


cdef int raise_pending() except -1:
    """Raise what a C call has left."""
    return -1


cdef uint8_t[256] PLAIN     # 1 for a byte that a JSON string may hold as it is, and that is ASCII
cdef int _byte
for _byte in range(256):
    PLAIN[_byte] = 0x20 <= _byte < 0x80 and _byte != c'"' and _byte != c"\\"


# -- header scan ---------------------------------------------------------------------------------------
#
# Every function takes the end of what may be read and checks it before each read; none of them touches a
# Python object, so that they can run, and be fuzzed, as plain C.

cdef inline bint is_space(char byte) noexcept nogil:
    # One comparison tells nearly every byte.
    return <uint8_t>byte <= 0x20 and (byte == c" " or byte == c"\n" or byte == c"\r" or byte == c"\t")


cdef inline const char* skip_space(const char* at, const char* end) noexcept nogil:
    while at < end and is_space(at[0]):
        at += 1
    return at


cdef inline const char* trim_space(const char* start, const char* end) noexcept nogil:
    """The end of what stands between *start* and *end* without the white space behind it."""
    while end > start and is_space((end - 1)[0]):
        end -= 1
    return end


cdef bint valid_utf8(const char* data, Py_ssize_t size) noexcept nogil:
    """RFC 3629 section 4: no overlong form, no surrogate, nothing past U+10FFFF."""
    cdef const uint8_t* at = <const uint8_t*>data
    cdef const uint8_t* end = at + size
    cdef uint8_t first
    while at < end:
        first = at[0]
        if first < 0x80:
            at += 1
        elif first < 0xC2:
            return False
        elif first < 0xE0:
            if end - at < 2 or (at[1] & 0xC0) != 0x80:
                return False
            at += 2
        elif first < 0xF0:
            if end - at < 3 or (at[1] & 0xC0) != 0x80 or (at[2] & 0xC0) != 0x80:
                return False
            if (first == 0xE0 and at[1] < 0xA0) or (first == 0xED and at[1] > 0x9F):
                return False
            at += 3
        elif first < 0xF5:
            if end - at < 4 or (at[1] & 0xC0) != 0x80 or (at[2] & 0xC0) != 0x80 or (at[3] & 0xC0) != 0x80:
                return False
            if (first == 0xF0 and at[1] < 0x90) or (first == 0xF4 and at[1] > 0x8F):
                return False
            at += 4
        else:
            return False
    return True


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
    """Resolve a JSON string's escapes (RFC 8259 section 7) into *out*, which takes *size* bytes: an escape
    is never shorter than its UTF-8. Returns the size, or -1 for an escape that is none."""
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


cdef inline const char* skip_plain(const char* at, const char* end) noexcept nogil:
    """The first byte that is not PLAIN, eight at a time."""
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
            at += bytes_before(special)
            break
        at += 8
    while at < end and PLAIN[<uint8_t>at[0]]:
        at += 1
    return at


cdef inline const char* scan_string(const char** position, const char* end, const char** data,
                                    Py_ssize_t* size, bint* escaped) noexcept nogil:
    """The string whose opening quote stands before *position*; moves *position* past its closing one."""
    cdef const char* at = skip_plain(position[0], end)
    escaped[0] = False
    if at < end and at[0] == c'"':
        data[0] = position[0]
        size[0] = at - position[0]
        position[0] = at + 1
        return NULL
    return scan_special_string(position, at, end, data, size, escaped)


cdef const char* scan_special_string(const char** position, const char* at, const char* end,
                                     const char** data, Py_ssize_t* size, bint* escaped) noexcept nogil:
    """A string with an escape or with more than ASCII, which is plain up to *at*."""
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
            return "a control character stands in a string"
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


cdef char* scratch(Header* header, Py_ssize_t size, Py_ssize_t frame_size) noexcept nogil:
    """Memory for *size* unescaped bytes, which lives as long as the header."""
    cdef char* out
    if header.heap == NULL:
        if header.scratch_used + size <= SCRATCH_BYTES:
            out = header.scratch + header.scratch_used
            header.scratch_used += size
            return out
        # The strings of a frame, unescaped, are never longer than the frame.
        header.heap = <char*>malloc(<size_t>frame_size)
        header.scratch_used = 0
        if header.heap == NULL:
            return NULL
    if header.scratch_used + size > frame_size:
        return NULL
    out = header.heap + header.scratch_used
    header.scratch_used += size
    return out


cdef inline const char* scan_field(const char** position, const char* end, Header* header,
                                   Field* field) noexcept nogil:
    """A topic or an event."""
    cdef const char* reason
    cdef const char* data = NULL
    cdef Py_ssize_t size = 0
    cdef bint escaped = False
    if position[0] >= end or position[0][0] != c'"':
        return "a topic or event is not a string"
    position[0] += 1
    reason = scan_string(position, end, &data, &size, &escaped)
    if reason != NULL:
        return reason
    field.data = data
    field.size = size
    if escaped:
        return unescape_field(header, field)
    return NULL


cdef const char* unescape_field(Header* header, Field* field) noexcept nogil:
    cdef char* out = scratch(header, field.size, header.frame_size)
    if out == NULL:
        return "there is no memory for a string"
    field.size = unescape(field.data, field.size, out)
    field.data = out
    if field.size < 0:
        return "a string has an escape that JSON does not know"
    return NULL


cdef inline void number_of(Ref* ref, const char* data, Py_ssize_t size) noexcept nogil:
    """Mark *ref* as a number where its characters are a positive decimal without leading zeros."""
    cdef uint64_t number = 0
    cdef Py_ssize_t index
    ref.type = REF_OTHER
    if size < 1 or size > 19 or data[0] == c"0":
        return
    for index in range(size):
        if data[index] < c"0" or data[index] > c"9":
            return
        number = number * 10 + <uint64_t>(data[index] - c"0")
    ref.number = number
    ref.type = REF_NUMBER


cdef bint in_integer_range(const char* data, Py_ssize_t size) noexcept nogil:
    """-2^63 to 2^64-1: what orjson reads as an integer."""
    if data[0] == c"-":
        return size < 20 or (size == 20 and memcmp(data, "-9223372036854775808", 20) <= 0)
    return size < 20 or (size == 20 and memcmp(data, "18446744073709551615", 20) <= 0)


cdef inline const char* scan_ref(const char** position, const char* end, Ref* ref) noexcept nogil:
    """null, a string or an integer."""
    cdef const char* at = position[0]
    if end - at >= 4 and memcmp(at, "null", 4) == 0:
        ref.type = REF_NULL
        position[0] = at + 4
        return NULL
    if at < end and at[0] == c'"':
        return scan_string_ref(position, end, ref)
    return scan_integer_ref(position, end, ref)


cdef const char* scan_string_ref(const char** position, const char* end, Ref* ref) noexcept nogil:
    cdef const char* at = position[0] + 1
    cdef const char* reason
    cdef const char* data = at
    cdef Py_ssize_t size = 0
    cdef uint64_t number = 0
    cdef bint escaped = False
    ref.data = position[0]
    # Nearly every ref is a short decimal.
    while at < end and c"0" <= at[0] <= c"9":
        number = number * 10 + <uint64_t>(at[0] - c"0")
        at += 1
    if at < end and at[0] == c'"' and 0 < at - data < 20 and data[0] != c"0":
        ref.number = number
        ref.size = at + 1 - ref.data
        ref.quoted = True
        ref.type = REF_NUMBER
        position[0] = at + 1
        return NULL
    position[0] += 1
    reason = scan_string(position, end, &data, &size, &escaped)
    if reason != NULL:
        return reason
    ref.size = position[0] - ref.data
    ref.quoted = True
    if escaped:
        return scan_escaped_ref(ref, data, size)
    number_of(ref, data, size)
    return NULL


cdef const char* scan_escaped_ref(Ref* ref, const char* data, Py_ssize_t size) noexcept nogil:
    cdef char[SCRATCH_BYTES] small
    cdef char* out = small
    if size > SCRATCH_BYTES:
        out = <char*>malloc(<size_t>size)
        if out == NULL:
            return "there is no memory for a string"
    size = unescape(data, size, out)
    if size >= 0:
        number_of(ref, out, size)
    if out != small:
        free(out)
    if size < 0:
        return "a ref has an escape that JSON does not know"
    return NULL


cdef const char* scan_integer_ref(const char** position, const char* end, Ref* ref) noexcept nogil:
    cdef const char* start = position[0]
    cdef const char* at = start
    cdef const char* digits
    if at < end and at[0] == c"-":
        at += 1
    digits = at
    while at < end and c"0" <= at[0] <= c"9":
        at += 1
    if at == digits or (digits[0] == c"0" and at - digits > 1) or (
            at < end and (at[0] == c"." or at[0] == c"e" or at[0] == c"E")):
        return "a ref is neither null, a string nor an integer"
    if not in_integer_range(start, at - start):
        return "a ref is too large"
    ref.data = start
    ref.size = at - start
    ref.quoted = False
    number_of(ref, start, at - start)
    position[0] = at
    return NULL


cdef inline const char* scan_comma(const char** position, const char* end) noexcept nogil:
    cdef const char* at = position[0]
    if end - at > 1 and at[0] == c"," and at[1] > c" ":
        position[0] = at + 1
        return NULL
    return scan_spaced_comma(position, end)


cdef const char* scan_spaced_comma(const char** position, const char* end) noexcept nogil:
    cdef const char* at = skip_space(position[0], end)
    position[0] = at
    if at >= end or at[0] != c",":
        return "a comma is missing"
    position[0] = skip_space(at + 1, end)
    return NULL


cdef inline const char* scan_refs(const char** position, const char* end, Header* header) noexcept nogil:
    cdef const char* at = skip_space(position[0], end)
    cdef const char* reason
    position[0] = at
    if at >= end or at[0] != c"[":
        return "a text frame is not a JSON array"
    position[0] = skip_space(at + 1, end)
    reason = scan_ref(position, end, &header.join_ref)
    if reason == NULL:
        reason = scan_comma(position, end)
    if reason == NULL:
        reason = scan_ref(position, end, &header.ref)
    if reason == NULL:
        reason = scan_comma(position, end)
    return reason


cdef inline const char* scan_names(const char** position, const char* end, Header* header) noexcept nogil:
    cdef const char* reason = scan_field(position, end, header, &header.topic)
    if reason == NULL:
        reason = scan_comma(position, end)
    if reason == NULL:
        reason = scan_field(position, end, header, &header.event)
    if reason == NULL:
        reason = scan_comma(position, end)
    return reason


cdef inline const char* scan_payload(const char** position, const char* end, Header* header) noexcept nogil:
    """What stands between the event's comma and the frame's end."""
    cdef const char* at = position[0]
    if end - at > 1 and (end - 1)[0] == c"]" and not is_space((end - 2)[0]):
        end -= 1
    else:
        end = trim_space(at, end)
        if end <= at or (end - 1)[0] != c"]":
            position[0] = end
            return "a text frame is not closed"
        end = trim_space(at, end - 1)
        if end == at:
            return "a payload is missing"
    header.kind = KIND_TEXT
    header.payload = at
    header.payload_size = end - at
    return NULL


cdef const char* take_characters(const char** position, Py_ssize_t size, const char** data,
                                 Py_ssize_t* data_size) noexcept nogil:
    """A binary frame's field, of which the caller has checked that it is all there."""
    data[0] = position[0]
    data_size[0] = size
    if not valid_utf8(position[0], size):
        return "a field is not valid UTF-8"
    position[0] += size
    return NULL


cdef const char* take_ref(const char** position, Py_ssize_t size, Ref* ref) noexcept nogil:
    cdef const char* reason = take_characters(position, size, &ref.data, &ref.size)
    if reason == NULL:
        ref.quoted = True
        number_of(ref, ref.data, size)
    return reason


cdef const char* scan_binary(const char** position, const char* end, bint from_client,
                             Header* header) noexcept nogil:
    cdef const uint8_t* sizes = <const uint8_t*>position[0]
    cdef Py_ssize_t available = end - position[0]
    cdef Py_ssize_t join_ref = 0, ref = 0, topic, event, prefix
    cdef const char* reason = NULL
    if available < 1:
        return "a binary frame is empty"
    if sizes[0] == 0 and from_client:
        if available < 5:
            return "a binary frame is too short for its sizes"
        header.kind = KIND_PUSH
        prefix, join_ref, ref, topic, event = 5, sizes[1], sizes[2], sizes[3], sizes[4]
    elif sizes[0] == 0:
        if available < 4:
            return "a binary frame is too short for its sizes"
        header.kind = KIND_PUSH
        prefix, join_ref, topic, event = 4, sizes[1], sizes[2], sizes[3]
    elif sizes[0] == 1 and not from_client:
        if available < 5:
            return "a binary frame is too short for its sizes"
        header.kind = KIND_REPLY
        prefix, join_ref, ref, topic, event = 5, sizes[1], sizes[2], sizes[3], sizes[4]
    elif sizes[0] == 2 and not from_client:
        if available < 3:
            return "a binary frame is too short for its sizes"
        header.kind = KIND_BROADCAST
        prefix, topic, event = 3, sizes[1], sizes[2]
    else:
        return "a binary frame is of an unknown kind"
    if available - prefix < join_ref + ref + topic + event:
        return "a binary frame is shorter than its sizes say"
    position[0] += prefix
    if header.kind != KIND_BROADCAST:
        reason = take_ref(position, join_ref, &header.join_ref)
    if reason == NULL and (header.kind == KIND_REPLY or from_client):
        reason = take_ref(position, ref, &header.ref)
    if reason == NULL:
        reason = take_characters(position, topic, &header.topic.data, &header.topic.size)
    if reason == NULL:
        reason = take_characters(position, event, &header.event.data, &header.event.size)
    header.payload = position[0]
    header.payload_size = end - position[0]
    return reason


cdef inline void clear(Header* header, Py_ssize_t size) noexcept nogil:
    header.heap = NULL
    header.scratch_used = 0
    header.frame_size = size
    header.payload_object = NULL
    header.event_text = NULL
    header.is_plain = False
    header.head = 0
    header.join_ref.type = REF_NULL
    header.ref.type = REF_NULL


cdef const char* scan(const char* data, Py_ssize_t size, int opcode, bint from_client, Header* header,
                      Py_ssize_t* position) noexcept nogil:
    cdef const char* at = data
    cdef const char* end = data + size
    cdef const char* reason
    clear(header, size)
    if opcode == OPCODE_TEXT:
        reason = scan_refs(&at, end, header)
        if reason == NULL:
            reason = scan_names(&at, end, header)
        if reason == NULL:
            reason = scan_payload(&at, end, header)
    elif opcode == OPCODE_BINARY:
        reason = scan_binary(&at, end, from_client, header)
    else:
        reason = "a frame is neither text nor binary"
    if reason != NULL:
        position[0] = at - data
        release(header)
    return reason


cdef KnownNames[KNOWN_NAMES] _known
memset(_known, 0, sizeof(_known))
cdef KnownNames* _last_known = NULL     # of the last frame; NULL where that had the familiar head
cdef FamiliarHead _head
memset(&_head, 0, sizeof(_head))


cdef const char* scan_familiar(const char* data, Py_ssize_t size, int opcode, Header* header,
                               Py_ssize_t* position):
    cdef const char* at
    cdef const char* reason
    global _last_known
    if opcode != OPCODE_TEXT:
        return scan(data, size, opcode, False, header, position)
    if _head.size == 0 or size < _head.size or not same_bytes(_head.data, data, _head.size):
        return scan_text(data, size, header, position)
    _last_known = NULL
    clear(header, size)
    take_head(data, header)
    at = skip_space(data + _head.size, data + size)
    reason = scan_payload(&at, data + size, header)
    if reason != NULL:
        position[0] = at - data
    return reason


cdef const char* scan_text(const char* data, Py_ssize_t size, Header* header, Py_ssize_t* position):
    """A text frame whose head is not the familiar one."""
    cdef KnownNames* known
    cdef const char* at = data
    cdef const char* end = data + size
    cdef const char* start
    cdef const char* reason
    cdef uint64_t hash
    global _last_known
    clear(header, size)
    reason = scan_refs(&at, end, header)
    if reason == NULL and end - at > 20:
        start = at
        # The bytes in which names of a usual length differ.
        hash = hash_bytes(start + 2, 16)
        known = &_known[hash & (KNOWN_NAMES - 1)]
        if 0 < known.size <= end - start and same_bytes(known.data, start, known.size):
            header.topic.data = start + 1
            header.topic.size = known.topic_size
            header.event.data = start + known.event_at
            header.event.size = known.event_size
            header.event_text = known.event_text
            if known == _last_known:
                remember_head(data, start + known.size - data, header)
            _last_known = known
            at = skip_space(start + known.size, end)
        else:
            reason = scan_names(&at, end, header)
            if known.candidate == hash and reason == NULL:
                remember(known, start, header)
            known.candidate = hash
    elif reason == NULL:
        reason = scan_names(&at, end, header)
    if reason == NULL:
        reason = scan_payload(&at, end, header)
    if reason != NULL:
        position[0] = at - data
        release(header)
    return reason


cdef inline void take_head(const char* data, Header* header) noexcept nogil:
    """What `_head` says of a frame that begins with its bytes."""
    header.join_ref.type = _head.join_ref_type
    header.join_ref.quoted = _head.join_ref_quoted
    header.join_ref.number = _head.join_ref
    header.topic.data = data + _head.topic_at
    header.topic.size = _head.topic_size
    header.event.data = data + _head.event_at
    header.event.size = _head.event_size
    header.event_text = _head.event_text
    header.is_plain = _head.is_plain
    header.head = _head.number


cdef int remember_head(const char* data, Py_ssize_t size, const Header* header) except -1:
    """The head of a frame whose names the frame before had too. One for the process is enough: where topics
    alternate no head comes twice in a row, and a reply's ref is never the same."""
    cdef PyObject* old = <PyObject*>_head.event_text
    if size > HEAD_BYTES or header.ref.type != REF_NULL or header.join_ref.type == REF_OTHER:
        return 0
    _head.size = size
    _head.number += 1
    memcpy(_head.data, data, <size_t>size)
    _head.join_ref_type = header.join_ref.type
    _head.join_ref_quoted = header.join_ref.quoted
    _head.join_ref = header.join_ref.number
    _head.topic_at = header.topic.data - data
    _head.topic_size = header.topic.size
    _head.event_at = header.event.data - data
    _head.event_size = header.event.size
    _head.is_plain = header.event.size != 9 or memcmp(header.event.data, "phx_", 4) != 0
    _head.event_text = header.event_text
    Py_INCREF(<object><PyObject*>_head.event_text)
    Py_XDECREF(old)
    return 0


cdef int remember(KnownNames* known, const char* start, const Header* header) except -1:
    """Names that have come twice in a row, among those that would take their place."""
    cdef const char* end = header.event.data + header.event.size + 1
    cdef str event
    cdef PyObject* old
    if header.scratch_used or header.heap != NULL:
        # An escape: the header does not point to where the names stand.
        return 0
    while end[0] != c",":
        # White space: the scan has found a comma behind it.
        end += 1
    if end + 1 - start > NAMES_BYTES:
        return 0
    event = intern_event(header.event.data, header.event.size)
    Py_INCREF(event)
    old = <PyObject*>known.event_text
    known.size = end + 1 - start
    memcpy(known.data, start, <size_t>known.size)
    known.topic_size = header.topic.size
    known.event_at = header.event.data - start
    known.event_size = header.event.size
    known.event_text = <void*>event
    Py_XDECREF(old)
    return 0


cdef void release(Header* header) noexcept nogil:
    if header.heap != NULL:
        free(header.heap)
        header.heap = NULL


cdef object scan_error(const char* reason, Py_ssize_t position, const char* data, Py_ssize_t size):
    cdef Py_ssize_t start = max(0, position - 20)
    cdef bytes excerpt = data[start:min(size, start + 80)]
    return DecodeError(reason.decode("ascii"), position=position, excerpt=clip(excerpt))


# -- replies -------------------------------------------------------------------------------------------

cdef bint is_reply(const Header* header) noexcept nogil:
    if header.kind == KIND_REPLY:
        return True
    return (header.kind == KIND_TEXT or header.kind == KIND_OBJECT) and header.event.size == 9 and same_bytes(
        header.event.data, "phx_reply", 9)


cdef inline int status_of(const char* data, Py_ssize_t size) noexcept nogil:
    if size == 2 and memcmp(data, "ok", 2) == 0:
        return STATUS_OK
    if size == 5 and memcmp(data, "error", 5) == 0:
        return STATUS_ERROR
    return STATUS_OTHER


cdef int scan_status(const char* at, const char* end) noexcept nogil:
    """Look through a JSON object's members for "status". -1 where it takes a real decoder to tell."""
    cdef int status = STATUS_MISSING
    cdef int depth = 0
    cdef bint escaped = False
    cdef bint wants_key = False
    cdef const char* data = NULL
    cdef Py_ssize_t size = 0
    while at < end:
        if at[0] == c'"':
            at += 1
            if scan_string(&at, end, &data, &size, &escaped) != NULL:
                return STATUS_MISSING
            if depth == 1 and wants_key:
                wants_key = False
                if escaped:
                    return -1
                if size == 6 and memcmp(data, "status", 6) == 0:
                    at = skip_space(at, end)
                    if at >= end or at[0] != c":":
                        return STATUS_MISSING
                    at = skip_space(at + 1, end)
                    if at >= end or at[0] != c'"':
                        # The last of several counts, as it does for orjson.
                        status = STATUS_MISSING
                        continue
                    at += 1
                    if scan_string(&at, end, &data, &size, &escaped) != NULL:
                        return STATUS_MISSING
                    if escaped:
                        return -1
                    status = status_of(data, size)
            continue
        if at[0] == c"{" or at[0] == c"[":
            depth += 1
            wants_key = at[0] == c"{" and depth == 1
        elif at[0] == c"}" or at[0] == c"]":
            depth -= 1
        elif at[0] == c"," and depth == 1:
            wants_key = True
        at += 1
    return status


cdef int reply_status(const Header* header) except -1:
    cdef const char* data = header.payload
    cdef Py_ssize_t size = header.payload_size
    cdef int status
    if header.kind == KIND_REPLY:
        return status_of(header.event.data, header.event.size)
    if header.kind == KIND_OBJECT:
        return object_status(<object><PyObject*>header.payload_object)
    if size < 2 or data[0] != c"{":
        return STATUS_MISSING
    # Jason writes the keys in order, so Phoenix ends a reply this way. The quote behind the comma opens a
    # key, and the brace closes the object that began with the first byte: nothing nested can look so.
    if size > 15 and memcmp(data + size - 15, ',"status":"ok"}', 15) == 0:
        return STATUS_OK
    if size > 18 and memcmp(data + size - 18, ',"status":"error"}', 18) == 0:
        return STATUS_ERROR
    status = scan_status(data, data + size)
    if status >= 0:
        return status
    try:
        return object_status(_loads(data[:size]))
    except ValueError:
        return STATUS_MISSING


cdef int object_status(object payload) except -1:
    cdef object status = payload.get("status") if isinstance(payload, dict) else None
    if not isinstance(status, str):
        return STATUS_MISSING
    if status == "ok":
        return STATUS_OK
    return STATUS_ERROR if status == "error" else STATUS_OTHER


# -- interned events -----------------------------------------------------------------------------------

cdef enum:
    EVENT_SLOTS = 1024          # a power of two; 24 KB for the whole process

cdef struct EventSlot:
    const char* data
    Py_ssize_t size
    PyObject* text

cdef EventSlot[EVENT_SLOTS] _events
memset(_events, 0, sizeof(_events))


cdef str intern_event(const char* data, Py_ssize_t size):
    # Two-way associative: two hot events that share a slot do not push each other out.
    cdef Py_ssize_t index = <Py_ssize_t>(hash_bytes(data, size) & (EVENT_SLOTS - 1))
    cdef EventSlot* slot = &_events[index]
    if slot.text != NULL and slot.size == size and same_bytes(slot.data, data, size):
        return <str>slot.text
    slot = &_events[index ^ 1]
    if slot.text != NULL and slot.size == size and same_bytes(slot.data, data, size):
        return <str>slot.text
    cdef str text = PyUnicode_DecodeUTF8(data, size, NULL)
    if size > 255:
        return text
    if _events[index].text == NULL:
        slot = &_events[index]
    cdef PyObject* old = slot.text
    slot.data = PyUnicode_AsUTF8AndSize(text, &slot.size)
    Py_INCREF(text)
    slot.text = <PyObject*>text
    Py_XDECREF(old)
    return text


# -- Message -------------------------------------------------------------------------------------------

@cython.final
@cython.freelist(256)
# A collection looks at every message of a queue, for nothing: of their own they refer to no container.
@cython.no_gc
cdef class Message:
    def __init__(self):
        raise TypeError("a Message comes from decode(), or from a session")

    @property
    def join_ref(self):
        return self._ref_value(self._join_ref_type, self._join_ref_quoted, self._join_ref_number, 0)

    @property
    def ref(self):
        return self._ref_value(self._ref_type, self._ref_quoted, self._ref_number, 1)

    cdef object _ref_value(self, uint8_t type, uint8_t quoted, uint64_t number, int rare):
        if type == REF_NULL:
            return None
        if type == REF_OTHER:
            return self._rare[rare]
        value = PyLong_FromUnsignedLongLong(number)
        return str(value) if quoted else value

    @property
    def join_ref_number(self):
        return self._join_ref_number if self._join_ref_type == REF_NUMBER else None

    @property
    def ref_number(self):
        return self._ref_number if self._ref_type == REF_NUMBER else None

    @property
    def decoder(self):
        return None if self._has_payload else self._payload

    @decoder.setter
    def decoder(self, decoder):
        if not self._has_payload:
            self._payload = decoder

    def __getattribute__(self, name):
        # The one attribute that most callbacks read: found without a search through the type.
        if name is _PAYLOAD:
            return self._read_payload()
        return PyObject_GenericGetAttr(self, name)

    @property
    def payload(self):
        return self._read_payload()

    cdef inline object _read_payload(self):
        if not self._has_payload:
            self._decode()
        return self._payload

    cdef int _decode(self) except -1:
        cdef PyObject* payload
        if self.is_binary or self._payload is not None or not _loads_takes_one:
            return self._decode_otherwise()
        # Called so, a decoder that does not raise costs no set-up of a try.
        payload = call_builtin(<PyObject*>_loads, <PyObject*>self.raw)
        return self._undecodable() if payload == NULL else self._take_payload(payload)

    cdef int _decode_otherwise(self) except -1:
        """A binary payload, or one for a decoder of the user's."""
        cdef object decoder = None if self.is_reply else self._payload
        cdef PyObject* payload
        if self.is_binary and decoder is None:
            self._payload = {"status": self._rare[2], "response": self.raw} if self.is_reply else self.raw
            self._has_payload = True
            return 0
        payload = call_one(<PyObject*>_loads if decoder is None else <PyObject*>decoder, <PyObject*>self.raw)
        return self._undecodable() if payload == NULL else self._take_payload(payload)

    cdef inline int _take_payload(self, PyObject* payload) except -1:
        self._payload = <object>payload
        Py_DECREF(self._payload)
        self._has_payload = True
        return 0

    cdef int _undecodable(self) except -1:
        """Turn what the decoder has raised into a DecodeError."""
        try:
            raise_pending()
        except Exception as error:
            raise DecodeError(
                f"a payload cannot be decoded ({error})",
                position=getattr(error, "pos", -1),
                excerpt=clip(self.raw),
                topic=self.topic,
                event=self.event,
            ) from error

    @property
    def status(self):
        payload = self.payload if self.is_reply else None
        status = payload.get("status") if isinstance(payload, dict) else None
        if not isinstance(status, str):
            raise self._no_reply()
        return status

    @property
    def response(self):
        payload = self.payload if self.is_reply else None
        if not isinstance(payload, dict) or "response" not in payload:
            raise self._no_reply()
        return payload["response"]

    cdef object _no_reply(self):
        return DecodeError("this is not a reply", excerpt=clip(self.raw), topic=self.topic, event=self.event)

    def __repr__(self):
        refs = f"join_ref={self.join_ref} ref={self.ref}"
        return f"<Message {self.event} on {self.topic} {refs} {clip(self.raw)}>"


cdef object other_ref(const Ref* ref, int kind):
    cdef bytes token = ref.data[:ref.size]
    return _loads(token) if kind == KIND_TEXT else token.decode("utf-8")


cdef tuple rare_fields(const Header* header):
    return (
        other_ref(&header.join_ref, header.kind) if header.join_ref.type == REF_OTHER else None,
        other_ref(&header.ref, header.kind) if header.ref.type == REF_OTHER else None,
        intern_event(header.event.data, header.event.size) if header.kind == KIND_REPLY else None,
    )


cdef enum:
    MAX_SPARE_BYTES = 1024      # of a payload whose memory waits for the next one

# The last Message that a callback did not keep, and with it the bytes of its payload where nobody kept those.
# Making one anew costs as much as filling it. Owned; NULL where there is none.
cdef PyObject* _spare = NULL


cdef void recycle(Message message) noexcept:
    global _spare
    if Py_REFCNT(<PyObject*>message) != 1 or _spare != NULL:
        return
    if Py_REFCNT(<PyObject*>message.raw) != 1 or message._room > MAX_SPARE_BYTES:
        message.raw = b""
        message._room = 0
    if message._payload is not None:
        message._payload = None
    if message._rare is not None:
        message._rare = None
    message._has_payload = False
    Py_INCREF(message)
    _spare = <PyObject*>message


cdef inline void fill(Message message, const Header* header) noexcept:
    message._head = header.head
    message._join_ref_type = header.join_ref.type
    message._join_ref_quoted = header.join_ref.quoted
    message._join_ref_number = header.join_ref.number
    message._ref_type = header.ref.type
    message._ref_quoted = header.ref.quoted
    message._ref_number = header.ref.number
    message.is_reply = not header.is_plain and is_reply(header)
    message.is_binary = header.kind != KIND_TEXT


cdef Message message_from_header(const Header* header, str topic):
    cdef Message message
    if _spare == NULL or topic is None or not 0 < header.payload_size <= (<Message>_spare)._room or (
            header.head == 0 and (
                header.event_text == NULL or header.kind != KIND_TEXT
                or header.join_ref.type == REF_OTHER or header.ref.type == REF_OTHER)):
        return new_message(header, topic)
    message = take(&_spare)
    # Of the same head it says all that stands in it already.
    if header.head == 0 or message._head != header.head:
        fill(message, header)
        message.event = <str><PyObject*>header.event_text
    # Mostly it is what it was, and a comparison costs less than counting references.
    if message.topic is not topic:
        message.topic = topic
    refill(<PyObject*>message.raw, header.payload, header.payload_size)
    return message


cdef Message new_message(const Header* header, str topic):
    """One of new names, or of a payload for which no memory is at hand."""
    cdef Message message
    cdef str event
    # First of all: what is made below may start a garbage collection, that runs somebody's code, and that
    # may put another event where this one's text is borrowed from.
    if header.kind == KIND_REPLY:
        event = "phx_reply"
    elif header.event_text != NULL:
        event = <str><PyObject*>header.event_text
    else:
        event = intern_event(header.event.data, header.event.size)
    message = take(&_spare) if _spare != NULL else Message.__new__(Message)
    message.event = event
    if topic is None:
        topic = PyUnicode_DecodeUTF8(header.topic.data, header.topic.size, NULL)
    message.topic = topic
    fill(message, header)
    if header.join_ref.type == REF_OTHER or header.ref.type == REF_OTHER or header.kind == KIND_REPLY:
        message._rare = rare_fields(header)
    if header.payload_object != NULL:
        message.raw = b""
        message._room = 0
        message._payload = <object><PyObject*>header.payload_object
        message._has_payload = True
        message.is_binary = isinstance(message._payload, bytes)
    elif 0 < header.payload_size <= message._room:
        refill(<PyObject*>message.raw, header.payload, header.payload_size)
    else:
        message.raw = PyBytes_FromStringAndSize(header.payload, header.payload_size)
        # CPython shares the bytes of a payload so short.
        message._room = header.payload_size if header.payload_size > 1 else 0
    return message


cdef int set_ref(Ref* ref, object value) except -1:
    ref.quoted = False
    ref.number = 0
    if value is None:
        ref.type = REF_NULL
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 < value < (1 << 63):
            raise DecodeError("a serializer gave a ref that is not a positive 63-bit integer",
                              excerpt=clip(str(value)))
        ref.number = value
        ref.type = REF_NUMBER
        return 0
    if not isinstance(value, str):
        raise DecodeError("a serializer gave a ref that is neither None, a string nor an integer",
                          excerpt=clip(repr(value)))
    try:
        ref.data = PyUnicode_AsUTF8AndSize(value, &ref.size)
    except UnicodeEncodeError:
        raise DecodeError("a serializer gave a ref that is not valid Unicode", excerpt=clip(repr(value)))
    ref.quoted = True
    number_of(ref, ref.data, ref.size)
    return 0


@cython.final
cdef class RawJson:
    def __init__(self, data):
        if isinstance(data, str):
            try:
                data = data.encode("utf-8")
            except UnicodeEncodeError as error:
                raise EncodingError(f"a RawJson is not valid Unicode: {clip(ascii(data))}") from error
        elif not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"RawJson takes bytes or str, not {type(data).__name__}")
        self.data = bytes(data)

    def __repr__(self):
        return f"RawJson({clip(self.data)})"


# -- encoders ------------------------------------------------------------------------------------------

cdef const char* utf8(str text, Py_ssize_t* size, str what) except NULL:
    if text is None:
        raise EncodingError(f"the {what} is None: give a str")
    try:
        return PyUnicode_AsUTF8AndSize(text, size)
    except UnicodeEncodeError as error:
        raise EncodingError(f"the {what} is not valid Unicode: {clip(ascii(text))}") from error


cdef inline char* put(char* out, const char* data, Py_ssize_t size) noexcept nogil:
    memcpy(out, data, <size_t>size)
    return out + size


cdef inline char* put_number(char* out, uint64_t number) noexcept nogil:
    cdef char[20] digits
    cdef Py_ssize_t index = 20
    while True:
        index -= 1
        digits[index] = <char>(c"0" + <char>(number % 10))
        number //= 10
        if number == 0:
            break
    return put(out, digits + index, 20 - index)


cdef const char* HEX_DIGITS = "0123456789abcdef"


cdef char* put_string(char* out, const char* data, Py_ssize_t size) noexcept nogil:
    """A JSON string: at most 6 bytes a byte, and two quotes."""
    cdef const char* at = data
    cdef const char* end = data + size
    cdef const char* start
    cdef uint8_t byte
    out[0] = c'"'
    out += 1
    while at < end:
        start = at
        while at < end and (PLAIN[<uint8_t>at[0]] or <uint8_t>at[0] >= 0x80):
            at += 1
        out = put(out, start, at - start)
        if at >= end:
            break
        byte = <uint8_t>at[0]
        at += 1
        out[0] = c"\\"
        if byte == c'"' or byte == c"\\":
            out[1] = <char>byte
            out += 2
        else:
            out = put(out, "\\u00", 4)
            out[0] = c"1" if byte >= 16 else c"0"
            out[1] = HEX_DIGITS[byte & 15]
            out += 2
    out[0] = c'"'
    return out + 1


cdef inline char* put_ref(char* out, uint64_t ref) noexcept nogil:
    if ref == 0:
        return put(out, "null", 4)
    out[0] = c'"'
    out = put_number(out + 1, ref)
    out[0] = c'"'
    return out + 1


cdef Py_ssize_t push_bound(Py_ssize_t topic_size, Py_ssize_t event_size,
                           Py_ssize_t payload_size) noexcept nogil:
    return FRAME_OVERHEAD_BYTES + 6 * (topic_size + event_size) + payload_size


cdef char* put_frame(char* out, const char* topic, Py_ssize_t topic_size, const char* event,
                     Py_ssize_t event_size, const char* payload, Py_ssize_t payload_size) noexcept nogil:
    """A text frame's last three elements."""
    out = put_string(out, topic, topic_size)
    out[0] = c","
    out = put_string(out + 1, event, event_size)
    out[0] = c","
    out = put(out + 1, payload, payload_size)
    out[0] = c"]"
    return out + 1


cdef Py_ssize_t write_push(char* out, uint64_t join_ref, uint64_t ref,
                           const char* topic, Py_ssize_t topic_size,
                           const char* event, Py_ssize_t event_size,
                           const char* payload, Py_ssize_t payload_size) noexcept nogil:
    cdef char* start = out
    out[0] = c"["
    out = put_ref(out + 1, join_ref)
    out[0] = c","
    out = put_ref(out + 1, ref)
    out[0] = c","
    out = put_frame(out + 1, topic, topic_size, event, event_size, payload, payload_size)
    return out - start


cdef int check_size(Py_ssize_t size, str what) except -1:
    if size > 255:
        raise EncodingError(f"the {what} is {size} bytes long: a binary frame's fields take at most 255")
    return 0


cdef Py_ssize_t write_binary_push(char* out, uint64_t join_ref, uint64_t ref,
                                  const char* topic, Py_ssize_t topic_size,
                                  const char* event, Py_ssize_t event_size,
                                  const char* payload, Py_ssize_t payload_size) except -1:
    cdef char* start = out
    cdef char* end
    check_size(topic_size, "topic")
    check_size(event_size, "event")
    out[0] = 0
    out[3] = <char>topic_size
    out[4] = <char>event_size
    end = put_number(out + 5, join_ref) if join_ref else out + 5
    out[1] = <char>(end - (out + 5))
    out = end
    end = put_number(out, ref) if ref else out
    start[2] = <char>(end - out)
    end = put(end, topic, topic_size)
    end = put(end, event, event_size)
    end = put(end, payload, payload_size)
    return end - start


cdef bytes ref_token(object ref, str what):
    if ref is None:
        return b"null"
    if isinstance(ref, str):
        return json_string(ref, what)
    if isinstance(ref, int) and not isinstance(ref, bool):
        return str(ref).encode("ascii")
    raise EncodingError(f"the {what} is {clip(repr(ref))}: give a str, an int or None")


cdef bytes json_string(str text, str what):
    cdef Py_ssize_t size = 0
    cdef const char* data = utf8(text, &size, what)
    cdef char* out = <char*>PyMem_Malloc(<size_t>(6 * size + 2))
    if out == NULL:
        raise MemoryError
    try:
        return out[:put_string(out, data, size) - out]
    finally:
        PyMem_Free(out)


def encode(join_ref, ref, str topic, str event, bytes payload, /):
    return b"[%b,%b,%b,%b,%b]" % (
        ref_token(join_ref, "join_ref"), ref_token(ref, "ref"),
        json_string(topic, "topic"), json_string(event, "event"), payload)


def encode_reply(join_ref, ref, str topic, str status, bytes response, /):
    return b'[%b,%b,%b,"phx_reply",{"response":%b,"status":%b}]' % (
        ref_token(join_ref, "join_ref"), ref_token(ref, "ref"),
        json_string(topic, "topic"), response, json_string(status, "status"))


cdef bytes binary_frame(int kind, tuple names, tuple fields, bytes data):
    cdef bytearray frame = bytearray()
    cdef Py_ssize_t size = 0
    frame.append(kind)
    cdef list encoded = []
    for name, field in zip(names, fields, strict=True):
        text = utf8(field, &size, name)
        check_size(size, name)
        frame.append(size)
        encoded.append(text[:size])
    for field in encoded:
        frame += field
    frame += data
    return bytes(frame)


def encode_binary_push(str join_ref, str ref, str topic, str event, bytes data, /):
    return binary_frame(0, ("join_ref", "ref", "topic", "event"), (join_ref, ref, topic, event), data)


def encode_binary_server_push(str join_ref, str topic, str event, bytes data, /):
    return binary_frame(0, ("join_ref", "topic", "event"), (join_ref, topic, event), data)


def encode_binary_reply(str join_ref, str ref, str topic, str status, bytes data, /):
    return binary_frame(1, ("join_ref", "ref", "topic", "status"), (join_ref, ref, topic, status), data)


def encode_binary_broadcast(str topic, str event, bytes data, /):
    return binary_frame(2, ("topic", "event"), (topic, event), data)


def decode(bytes frame, int opcode=OPCODE_TEXT, *, bint from_client=False):
    cdef Header header
    cdef Py_ssize_t position = 0
    if frame is None:
        raise TypeError("a frame is None: give bytes")
    cdef const char* data = PyBytes_AS_STRING(frame)
    cdef const char* reason = scan(data, PyBytes_GET_SIZE(frame), opcode, from_client, &header, &position)
    if reason != NULL:
        raise scan_error(reason, position, data, PyBytes_GET_SIZE(frame))
    try:
        return message_from_header(&header, None)
    finally:
        release(&header)
