"""Cuts what a socket reads into WebSocket frames, through one read buffer for all sockets of a loop."""

from libc.stdint cimport int64_t

from fastphx.transports.frame_head cimport FrameHead

cdef class ReadBuffer:
    """Memory that sockets read into, one after the other: each empties it before the next one's turn."""
    cdef char* data
    cdef Py_ssize_t capacity
    cdef object view

cdef class BufferedProtocolBase:
    pass

cdef class FrameReader(BufferedProtocolBase):
    """An asyncio protocol. Subclass it and override the three hooks."""
    cdef object _handshake          # the protocol that shakes hands; it hears of everything but frames
    cdef ReadBuffer _buffer
    cdef char* _pending             # the beginning of a frame that is not all there yet
    cdef Py_ssize_t _pending_size
    cdef Py_ssize_t _pending_capacity
    cdef Py_ssize_t _max_frame_size
    cdef bint _in_place             # the frame is larger than the shared buffer: it is read into _pending
    cdef bint _shaking_hands
    cdef bytearray _answer          # to the handshake, as far as it has come; None once it is done
    cdef int _head_bytes            # of it
    cdef int _matched               # how much of the empty line behind it has come
    cdef int _status
    cdef bint _deaf                 # nothing more is understood: what still arrives is dropped

    cdef bint is_connected(self) noexcept
    """Whether the handshake is done: asked when the answer's head has been read."""
    cdef int on_raw_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1
    """One whole frame, in memory that is reused afterwards."""
    cdef int on_raw_error(self, int code, str reason, object exc) except -1
    """A frame broke the protocol (RFC 6455's close *code*), or on_raw_frame raised *exc*: the last call."""

    cdef int _shake_hands(self, const char* data, Py_ssize_t size) except -1
    cdef bint _is_explained(self) except -1
    cdef int _end_answer(self) except -1
    cdef int _deliver(self, const char* data, Py_ssize_t size) except -1
    cdef int _keep(self, const char* data, Py_ssize_t size, Py_ssize_t frame_size) except -1
    cdef void _drop(self) noexcept
