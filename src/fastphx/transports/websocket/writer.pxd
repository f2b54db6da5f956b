"""The way out of a WebSocket link: whole messages, within a bound on unsent bytes."""

cimport cython

from fastphx.protocol.sink cimport FrameWriter
from fastphx.transports.websocket.frame_transport cimport FrameTransport
from fastphx.transports.websocket.link_hooks cimport LinkHooks


@cython.final
cdef class WebSocketWriter(FrameWriter):
    cdef FrameTransport _transport         # None: not open
    cdef readonly LinkHooks link        # None once the connection is gone
    cdef readonly Py_ssize_t max_write_buffer
    cdef Py_ssize_t _unsent_bound       # never less than what is unsent
    cdef object _deflate                # DeflateStream.deflate, or None

    cdef int use(self, FrameTransport transport) noexcept
    """Send on *transport* from now on; None: send nowhere."""
    cdef bint has_room(self, Py_ssize_t size) except -1
    """Whether *size* more bytes may be unsent."""
    cdef int count(self, Py_ssize_t size) noexcept
    """Count *size* bytes that the link sends past the writer."""

    cdef int _make_room(self, Py_ssize_t size) except -1
    cdef int _write_deflated(self, bytes message, int opcode) except -1
    cdef int _deflate_and_send(self, bytes message, int opcode) except -1
