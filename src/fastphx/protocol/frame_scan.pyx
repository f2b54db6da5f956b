from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp

from fastphx.protocol.json_string cimport scan_string, unescape
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT
from fastphx.protocol.utf8 cimport valid_utf8

from fastphx.errors import DecodeError, clip, clip_repr


cdef char* scratch(Header* header, Py_ssize_t size, Py_ssize_t frame_size) noexcept nogil:
    """Memory for *size* unescaped bytes. It lives as long as the header."""
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


cdef const char* scan_spaced_comma(const char** position, const char* end) noexcept nogil:
    cdef const char* at = skip_space(position[0], end)
    position[0] = at
    if at >= end or at[0] != c",":
        return "a comma is missing"
    position[0] = skip_space(at + 1, end)
    return NULL


cdef const char* scan_names(const char** position, const char* end, Header* header) noexcept nogil:
    cdef const char* reason = scan_field(position, end, header, &header.topic)
    if reason == NULL:
        reason = scan_comma(position, end)
    if reason == NULL:
        reason = scan_field(position, end, header, &header.event)
    if reason == NULL:
        reason = scan_comma(position, end)
    return reason


cdef const char* take_characters(const char** position, Py_ssize_t size, const char** data,
                                 Py_ssize_t* data_size) noexcept nogil:
    """A field of a binary frame. The caller has checked that it is complete."""
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


cdef void release(Header* header) noexcept nogil:
    if header.heap != NULL:
        free(header.heap)
        header.heap = NULL


cdef object scan_error(const char* reason, Py_ssize_t position, const char* data, Py_ssize_t size):
    cdef Py_ssize_t start = max(0, position - 20)
    cdef bytes excerpt = data[start:min(size, start + 80)]
    return DecodeError(reason.decode("ascii"), position=position, excerpt=clip(excerpt))


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
                          excerpt=clip_repr(value))
    try:
        ref.data = PyUnicode_AsUTF8AndSize(value, &ref.size)
    except UnicodeEncodeError:
        raise DecodeError("a serializer gave a ref that is not valid Unicode", excerpt=clip_repr(value))
    ref.quoted = True
    number_of(ref, ref.data, ref.size)
    return 0
