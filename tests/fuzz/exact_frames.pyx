"""Frames whose memory ends where they end: AddressSanitizer sees one byte read too far, or too late."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastphx.protocol.frame_scan cimport Header, release, scan, scan_error
from fastphx.protocol.message cimport Message, message_from_header
from fastphx.protocol.reply_status cimport reply_status
from fastphx.protocol.sink cimport FrameSink
from fastphx.transports.websocket.frame_head cimport FrameHead, read_head


cdef char* exact(bytes frame) except NULL:
    # malloc(0) may be NULL; one byte in front keeps the end exact.
    cdef char* memory = <char*>malloc(<size_t>len(frame) + 1)
    if memory == NULL:
        raise MemoryError
    memcpy(memory + 1, <const char*>frame, <size_t>len(frame))
    return memory


def receive(FrameSink sink not None, bytes frame not None, int opcode, int64_t now_ns):
    cdef char* memory = exact(frame)
    try:
        sink.on_frame(memory + 1, len(frame), opcode, now_ns)
    finally:
        free(memory)


def decode(bytes frame not None, int opcode, bint from_client):
    cdef char* memory = exact(frame)
    cdef Header header
    cdef Py_ssize_t position = 0
    cdef Message message
    cdef const char* reason
    try:
        header.now_ns = 0
        reason = scan(memory + 1, len(frame), opcode, from_client, &header, &position)
        if reason != NULL:
            raise scan_error(reason, position, memory + 1, len(frame))
        try:
            reply_status(&header)
            message = message_from_header(&header, None)
        finally:
            release(&header)
    finally:
        free(memory)
    return message


def head(bytes data not None):
    """read_head's answer, and the payload's size where there is one."""
    cdef char* memory = exact(data)
    cdef FrameHead head
    cdef int size
    try:
        size = read_head(<const uint8_t*>memory + 1, len(data), False, &head)
        return size, head.payload_size if size > 0 else None
    finally:
        free(memory)
