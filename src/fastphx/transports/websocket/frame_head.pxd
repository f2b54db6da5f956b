"""What RFC 6455 says of a frame's header (section 5.2), and of a close frame's code."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef struct FrameHead:
    uint8_t opcode
    uint8_t fin
    uint8_t rsv                 # the three bits, RSV1 highest
    int64_t payload_size


cdef enum:
    FIN = 0x80
    RSV1 = 0x40

    OPCODE_CONTINUATION = 0
    OPCODE_CLOSE = 8
    OPCODE_PING = 9
    OPCODE_PONG = 10

    MAX_HEAD_BYTES = 10         # without a mask, as a server sends it
    MASK_BYTES = 4

    HEAD_MASKED = -1
    HEAD_OPCODE = -2
    HEAD_CONTROL = -3
    HEAD_LENGTH = -4
    HEAD_NOT_MASKED = -5


cdef inline int read_head(const uint8_t* data, Py_ssize_t size, bint masked, FrameHead* head) noexcept nogil:
    """The header's size, without its mask; 0 if more bytes are needed to tell; negative if it breaks the
    protocol. *masked*: whether the other side is to mask, as a client."""
    cdef uint8_t length
    cdef uint64_t long_length = 0
    cdef int index
    if size < 2:
        return 0
    head.fin = data[0] >> 7
    head.rsv = (data[0] >> 4) & 7
    head.opcode = data[0] & 15
    length = data[1] & 0x7F
    if (data[1] >> 7) != masked:
        return HEAD_NOT_MASKED if masked else HEAD_MASKED
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
    return 1000 <= code <= 4999 and not 1004 <= code <= 1006 and not 1014 < code < 3000


cdef inline uint8_t* write_head(
    uint8_t* payload, int first, Py_ssize_t size, const uint32_t* key
) noexcept nogil:
    """Write the header in front of *payload*, with a mask if there is a *key*: at most 14 bytes. *first* is
    its first byte. Returns where it begins."""
    cdef uint8_t* at = payload
    cdef uint8_t masked = 0
    cdef uint64_t rest = <uint64_t>size
    cdef int index
    if key != NULL:
        at -= MASK_BYTES
        memcpy(at, key, MASK_BYTES)
        masked = 0x80
    if size < 126:
        at -= 2
        at[1] = masked | <uint8_t>size
    elif size < 65536:
        at -= 4
        at[1] = masked | 126
        at[2] = <uint8_t>(size >> 8)
        at[3] = <uint8_t>(size & 0xFF)
    else:
        at -= 10
        at[1] = masked | 127
        for index in range(9, 1, -1):
            at[index] = <uint8_t>(rest & 0xFF)
            rest >>= 8
    at[0] = <uint8_t>first
    return at
