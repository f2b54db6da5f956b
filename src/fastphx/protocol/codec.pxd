"""The wire formats of Phoenix Channels, vsn 2.0.0: header scan, encoders, Message.

Source of the rules: Phoenix.Socket.V2.JSONSerializer and phoenix.js' serializer.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t

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

cdef enum ReplyStatus:
    STATUS_OK = 0
    STATUS_ERROR = 1
    STATUS_OTHER = 2            # another atom of the server's
    STATUS_MISSING = 3          # not a reply's payload

cdef enum:
    SCRATCH_BYTES = 256
    NAMES_BYTES = 104
    KNOWN_NAMES = 64            # a power of two; 10 KB for the whole process
    HEAD_BYTES = NAMES_BYTES + 24
    FRAME_OVERHEAD_BYTES = 64   # what a text or binary push takes beside its topic, event and payload

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
    const char* payload         # text: JSON that nobody looked at yet; binary: the data
    Py_ssize_t payload_size
    void* payload_object        # KIND_OBJECT: a borrowed Python object; else NULL
    void* event_text            # the event's str, borrowed, where it is at hand; else NULL
    bint is_plain               # `head` says that it is no reply, phx_close or phx_error; false: look
    uint64_t head               # the number of the familiar head that it has; 0: none
    Py_ssize_t frame_size
    int64_t now_ns              # when the frame was read
    char* heap                  # unescaped topic and event where `scratch` is too small, else NULL
    Py_ssize_t scratch_used
    char[SCRATCH_BYTES] scratch

cdef struct KnownNames:
    # A topic and an event as frames have had them: `"room:lobby","new_msg",`
    Py_ssize_t size             # 0: none
    char[NAMES_BYTES] data
    Py_ssize_t topic_size
    Py_ssize_t event_at
    Py_ssize_t event_size
    void* event_text            # owned
    uint64_t candidate          # the hash of the last names that were not these

cdef struct FamiliarHead:
    # All that stands before a payload, as the last frames have had it: `["1",null,"room:lobby","new_msg",`
    Py_ssize_t size             # 0: none
    uint64_t number             # from 1, no two heads have the same
    char[HEAD_BYTES] data
    uint64_t join_ref
    uint8_t join_ref_type       # REF_NULL or REF_NUMBER; there is no ref
    uint8_t join_ref_quoted
    bint is_plain
    Py_ssize_t topic_at
    Py_ssize_t topic_size
    Py_ssize_t event_at
    Py_ssize_t event_size
    void* event_text            # owned

cdef class Message:
    cdef readonly str topic
    cdef readonly str event
    cdef readonly bytes raw
    # Few object fields: each costs a dozen instructions a message, used or not.
    cdef object _payload        # where `_has_payload`; else the decoder of the user's, or None
    cdef tuple _rare            # (join_ref, ref, status): refs that are REF_OTHER, a binary reply's status
    cdef Py_ssize_t _room       # how many bytes `raw` has memory for, where it is this message's own; else 0
    cdef uint64_t _join_ref_number
    cdef uint64_t _ref_number
    cdef uint64_t _head         # the number of the familiar head that it was filled from; 0: none
    cdef uint8_t _join_ref_type
    cdef uint8_t _ref_type
    cdef uint8_t _join_ref_quoted
    cdef uint8_t _ref_quoted
    cdef readonly bint is_binary
    cdef readonly bint is_reply
    cdef bint _has_payload
    cdef object _read_payload(self)
    cdef int _decode(self) except -1
    cdef int _decode_otherwise(self) except -1
    cdef int _take_payload(self, PyObject* payload) except -1
    cdef int _undecodable(self) except -1
    cdef object _ref_value(self, uint8_t type, uint8_t quoted, uint64_t number, int rare)
    cdef object _no_reply(self)

# Raise what a C call has left.
cdef int raise_pending() except -1

cdef class RawJson:
    cdef readonly bytes data

# Read a frame's header. NULL, or what is wrong with it, and where. The payload is a byte range, unread.
# The header points into *data*; call `release` when done with it.
cdef const char* scan(const char* data, Py_ssize_t size, int opcode, bint from_client, Header* header,
                      Py_ssize_t* position) noexcept nogil

# The same of a server's frame, but for a topic and event that have come before it only compares bytes.
cdef const char* scan_familiar(const char* data, Py_ssize_t size, int opcode, Header* header,
                               Py_ssize_t* position)

cdef void release(Header* header) noexcept nogil

# The DecodeError of a failed scan.
cdef object scan_error(const char* reason, Py_ssize_t position, const char* data, Py_ssize_t size)

cdef bint is_reply(const Header* header) noexcept nogil

# The ReplyStatus of a reply, without decoding its response.
cdef int reply_status(const Header* header) except -1

# An owned Message. *topic* saves making a str where it is known already; None otherwise.
cdef Message message_from_header(const Header* header, str topic)

# Give back a Message that was handed out: where its caller holds the only reference, it is used again.
cdef void recycle(Message message) noexcept

# The str of an event's bytes, from a bounded table that all sockets share.
cdef str intern_event(const char* data, Py_ssize_t size)

# Fill *ref* from a serializer's value; its data is borrowed from *value*. Raises DecodeError.
cdef int set_ref(Ref* ref, object value) except -1

# *text* as UTF-8, owned by *text*. Raises EncodingError for a lone surrogate.
cdef const char* utf8(str text, Py_ssize_t* size, str what) except NULL

# How many bytes write_push and write_binary_push need at most.
cdef Py_ssize_t push_bound(Py_ssize_t topic_size, Py_ssize_t event_size,
                           Py_ssize_t payload_size) noexcept nogil

# A client's text frame; a ref of 0 is written as null. Returns its size.
cdef Py_ssize_t write_push(char* out, uint64_t join_ref, uint64_t ref,
                           const char* topic, Py_ssize_t topic_size,
                           const char* event, Py_ssize_t event_size,
                           const char* payload, Py_ssize_t payload_size) noexcept nogil

# A client's binary frame. Raises EncodingError for a field over 255 bytes.
cdef Py_ssize_t write_binary_push(char* out, uint64_t join_ref, uint64_t ref,
                                  const char* topic, Py_ssize_t topic_size,
                                  const char* event, Py_ssize_t event_size,
                                  const char* payload, Py_ssize_t payload_size) except -1
