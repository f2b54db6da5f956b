"""A frame's header: join_ref, ref, topic and event, found without touching the payload.

Source of the rules: Phoenix.Socket.V2.JSONSerializer and phoenix.js' serializer. What is inline here runs
for each frame, in this module and in `known_frames`.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from fastphx.protocol.hash cimport same_bytes

cdef enum FrameKind:
    KIND_TEXT = 0
    KIND_PUSH = 1               # binary, either side's layout
    KIND_REPLY = 2              # binary; `event` holds the status
    KIND_BROADCAST = 3          # binary; no join_ref, no ref
    KIND_OBJECT = 4             # five Python values of a serializer other than JsonV2

cdef enum RefType:
    REF_NULL = 0
    REF_NUMBER = 1              # a positive decimal, as a string or an integer: `number` is valid
    REF_OTHER = 2               # anything else that a ref may be

cdef enum:
    SCRATCH_BYTES = 256

cdef struct Ref:
    uint64_t number             # valid for REF_NUMBER
    const char* data            # text: the JSON token, quotes included; else the characters
    Py_ssize_t size
    uint8_t type                # RefType
    uint8_t quoted              # a string on the wire, as opposed to an integer

cdef struct Field:
    const char* data            # UTF-8, escapes resolved, validated
    Py_ssize_t size

cdef struct Header:
    int kind                    # FrameKind
    Ref join_ref
    Ref ref
    Field topic
    Field event
    const char* payload         # text: JSON that nobody has looked at; binary: the data
    Py_ssize_t payload_size
    void* payload_object        # KIND_OBJECT: a borrowed object, or NULL if the payload is JSON; else NULL
    void* event_text            # the event's str, borrowed, if it is at hand; else NULL
    bint is_plain               # known to be no reply, phx_close or phx_error; false: look
    uint64_t known              # the number of the known header that it is; 0: none
    Py_ssize_t frame_size
    int64_t now_ns              # when the frame was read
    char* heap                  # unescaped topic and event if `scratch` is too small, else NULL
    Py_ssize_t scratch_used
    char[SCRATCH_BYTES] scratch

# Read a frame's header. Returns NULL, or what is wrong with it, and where. The payload is a range of bytes,
# unread. The header points into *data*; call `release` when done with it.
cdef const char* scan(const char* data, Py_ssize_t size, int opcode, bint from_client, Header* header,
                      Py_ssize_t* position) noexcept nogil

cdef void release(Header* header) noexcept nogil

# The DecodeError of a failed scan.
cdef object scan_error(const char* reason, Py_ssize_t position, const char* data, Py_ssize_t size)

# Fill *ref* from a serializer's value; its data is borrowed from *value*. Raises DecodeError.
cdef int set_ref(Ref* ref, object value) except -1

# The parts of a scan. Each moves *position*, and returns NULL or what is wrong there.
cdef const char* scan_string_ref(const char** position, const char* end, Ref* ref) noexcept nogil
cdef const char* scan_integer_ref(const char** position, const char* end, Ref* ref) noexcept nogil
cdef const char* scan_spaced_comma(const char** position, const char* end) noexcept nogil
cdef const char* scan_names(const char** position, const char* end, Header* header) noexcept nogil


cdef inline bint is_space(char byte) noexcept nogil:
    # One comparison is enough for nearly every byte.
    return <uint8_t>byte <= 0x20 and (byte == c" " or byte == c"\n" or byte == c"\r" or byte == c"\t")


cdef inline const char* skip_space(const char* at, const char* end) noexcept nogil:
    while at < end and is_space(at[0]):
        at += 1
    return at


cdef inline const char* trim_space(const char* start, const char* end) noexcept nogil:
    """The end of the text between *start* and *end*, without trailing white space."""
    while end > start and is_space((end - 1)[0]):
        end -= 1
    return end


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


cdef inline const char* scan_comma(const char** position, const char* end) noexcept nogil:
    cdef const char* at = position[0]
    if end - at > 1 and at[0] == c"," and at[1] > c" ":
        position[0] = at + 1
        return NULL
    return scan_spaced_comma(position, end)


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


cdef inline const char* scan_payload(const char** position, const char* end, Header* header) noexcept nogil:
    """The text between the event's comma and the frame's end."""
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


cdef inline void clear(Header* header, Py_ssize_t size) noexcept nogil:
    header.heap = NULL
    header.scratch_used = 0
    header.frame_size = size
    header.payload_object = NULL
    header.event_text = NULL
    header.is_plain = False
    header.known = 0
    header.join_ref.type = REF_NULL
    header.ref.type = REF_NULL


cdef inline bint is_reply(const Header* header) noexcept nogil:
    if header.kind == KIND_REPLY:
        return True
    return header.event.size == 9 and (header.kind == KIND_TEXT or header.kind == KIND_OBJECT) and same_bytes(
        header.event.data, "phx_reply", 9)
