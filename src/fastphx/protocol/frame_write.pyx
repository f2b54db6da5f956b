import cython

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from fastphx.errors import EncodingError, clip


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


NO_PAYLOAD = RawJson(b"{}")


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

cdef uint8_t[256] AS_IS     # 1 for a byte that may stand in a JSON string as it is
cdef int _byte
for _byte in range(256):
    AS_IS[_byte] = _byte >= 0x20 and _byte != c'"' and _byte != c"\\"


cdef char* put_string(char* out, const char* data, Py_ssize_t size) noexcept nogil:
    """A JSON string: at most 6 bytes for each byte, and two quotes."""
    cdef const char* at = data
    cdef const char* end = data + size
    cdef const char* start
    cdef uint8_t byte
    out[0] = c'"'
    out += 1
    while at < end:
        start = at
        while at < end and AS_IS[<uint8_t>at[0]]:
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
