"""What RFC 6455 says of a frame's header (section 5.2), as a client reads it, and of a close frame's code."""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef struct FrameHead:
    uint8_t opcode
    uint8_t fin
    uint8_t rsv                 # the three bits, RSV1 highest
    int64_t payload_size


cdef enum:
    MAX_HEAD_BYTES = 10         # a server does not mask

    HEAD_MASKED = -1
    HEAD_OPCODE = -2
    HEAD_CONTROL = -3
    HEAD_LENGTH = -4


cdef inline int read_head(const uint8_t* data, Py_ssize_t size, FrameHead* head) noexcept nogil:
    """The header's size; 0 if more bytes are needed to tell; negative if it breaks the protocol."""
    cdef uint8_t length
    cdef uint64_t long_length = 0
    cdef int index
    if size < 2:
        return 0
    head.fin = data[0] >> 7
    head.rsv = (data[0] >> 4) & 7
    head.opcode = data[0] & 15
    length = data[1] & 0x7F
    if data[1] & 0x80:
        return HEAD_MASKED
    if 2 < head.opcode < 8 or head.opcode > 10:
        return HEAD_OPCODE
    if head.opcode >= 8 and (not head.fin or length > 125):
        return HEAD_CONTROL
    if length < 126:
        head.payload_size = length
        return 2
    if length == 126:
        if size < 4:
            return 0
        head.payload_size = (<int64_t>data[2] << 8) | data[3]
        # Section 5.2: the shortest form must be used.
        return 4 if head.payload_size > 125 else HEAD_LENGTH
    if size < 10:
        return 0
    for index in range(2, 10):
        long_length = (long_length << 8) | data[index]
    if long_length >> 63 or long_length < 65536:
        return HEAD_LENGTH
    head.payload_size = <int64_t>long_length
    return 10


cdef inline bint may_close_with(int code) noexcept nogil:
    """Whether a close frame may have *code* (section 7.4; 1012 to 1014 are registered with IANA)."""
    return 1000 <= code < 5000 and not 1004 <= code <= 1006 and not 1014 < code < 3000
