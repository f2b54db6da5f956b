"""Where bytes enter and leave the protocol. A transport knows nothing else of it."""

from libc.stdint cimport int64_t

cdef enum Opcode:
    # RFC 6455 section 11.8.
    OPCODE_TEXT = 1
    OPCODE_BINARY = 2

cdef enum:
    # Bytes in front of a frame that its writer may overwrite (a WebSocket header takes at most 14).
    FRAME_HEADROOM = 16

cdef class FrameSink:
    """Takes whole messages from a transport."""

    cdef int on_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1
    """One whole message. *data* is the transport's memory: copy what must outlive this call."""

cdef class FrameWriter:
    """Gives whole messages to a transport."""

    cdef int write_frame(self, char* data, Py_ssize_t size, int opcode) except -1
    """Send *size* bytes. FRAME_HEADROOM bytes in front of *data* are writable, and *data* itself may be
    overwritten (a client masks in place). Raises DisconnectedError once closed, OverloadedError past the
    transport's write limit; in both cases nothing was sent."""

cdef class CallbackSink(FrameSink):
    """Hands each message to a Python callable."""
    cdef readonly object callback

cdef class CallbackWriter(FrameWriter):
    """Hands each frame to a Python callable: the writer of a transport that is not compiled."""
    cdef readonly object callback
