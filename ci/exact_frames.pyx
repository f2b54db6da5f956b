"""Frames whose memory ends where they end: AddressSanitizer sees one byte read too far, or too late."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastphx.protocol.frame_scan cimport Header, release, scan, scan_error
from fastphx.protocol.message cimport Message, message_from_header
from fastphx.protocol.reply_status cimport reply_status
from fastphx.protocol.sink cimport FrameSink
from fastphx.transports.websocket.frame_head cimport FrameHead, read_head
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.reader cimport READ_CLOSE, MessageReader

from fastphx.protocol.sink import CallbackSink


cdef char* exact(bytes frame) except NULL:
    # malloc(0) may be NULL; one byte in front keeps the end exact.
    cdef char* memory = <char*>malloc(<size_t>len(frame) + 1)
    if memory == NULL:
        raise MemoryError
    memcpy(memory + 1, <const char*>frame, <size_t>len(frame))
    return memory


def receive(FrameSink sink not None, bytes frame not None, int opcode):
    cdef char* memory = exact(frame)
    try:
        sink.on_frame(memory + 1, len(frame), opcode, 0)
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


cdef class RecordingLink(LinkHooks):
    """Keeps what its reader tells."""
    cdef object code

    cdef int on_violation(self, int code, str text) except -1:
        self.code = code
        return 0

    cdef int on_failure(self, object exc) except -1:
        raise exc


cdef class RecordingReader(MessageReader):
    """One that keeps each frame as it was cut, and that reads each chunk through its own buffers."""
    cdef list frames

    def __init__(self, handshake, loop, Py_ssize_t max_frame_size):
        MessageReader.__init__(self, RecordingLink(), CallbackSink(print), handshake, loop, max_frame_size)
        self.frames = []

    cdef bint is_connected(self) noexcept:
        # Nothing is a message, so that every frame comes to on_other_frame.
        self._mode = READ_CLOSE
        return True

    cdef int on_other_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        # A copy of exact size would be no use: that the payload lies within what was read is what is checked.
        self.frames.append((head.fin, head.rsv, head.opcode, payload[:head.payload_size]))
        return 0

    def read(self, bytes chunk not None):
        view = self.get_buffer(-1)
        count = min(len(view), len(chunk))
        view[:count] = chunk[:count]
        self.buffer_updated(count)
        return count

    @property
    def outcome(self):
        return self.frames, (<RecordingLink>self._link).code


def head(bytes data not None):
    """read_head's answer, and the payload's size where there is one."""
    cdef char* memory = exact(data)
    cdef FrameHead head
    cdef int size
    try:
        size = read_head(<const uint8_t*>memory + 1, len(data), &head)
        return size, head.payload_size if size > 0 else None
    finally:
        free(memory)
