"""The way out of a WebSocket: from a whole message to a loop's transport (RFC 6455 section 5)."""

cimport cython

from fastphx.protocol.sink cimport FrameWriter
from fastphx.transports.websocket.link_hooks cimport LinkHooks


cdef class FrameTransport:
    cdef readonly object transport      # asyncio's
    cdef readonly object loop
    cdef readonly bint is_secure        # TLS
    cdef bint _masks                    # a client's frames are masked, a server's are not
    cdef bint _is_close_sent
    cdef bint _is_lost
    cdef bint _has_unsent               # bytes may wait in the loop's transport
    cdef int _socket                    # its descriptor; -1 where only the loop may send
    cdef unsigned long _thread

    cdef int send_message(self, int opcode, char* data, Py_ssize_t size, bint deflated) except -1
    """Send a message as one frame. FRAME_HEADROOM bytes in front of *data* may be overwritten, and *data*
    itself is masked in place. Sends nothing after a close frame, or once the connection is lost."""
    cdef int send_control(self, int opcode, const char* data, Py_ssize_t size) except -1
    """Send a ping or a pong, of at most 125 bytes."""
    cdef int send_close(self, int code, bytes reason) except -1
    """Send a close frame, once. *reason* has at most 123 bytes."""
    cdef Py_ssize_t unsent_bytes(self) except -1
    """How many bytes the system has not taken yet."""
    cdef int check_thread(self, str what) except -1
    """Raise RuntimeError in any thread but the loop's."""
    cdef int lose(self) noexcept
    """The connection is gone. Its descriptor may soon be another one's."""

    cdef int _send_frame(self, int first, char* data, Py_ssize_t size) except -1
    cdef int _write(self, const char* data, Py_ssize_t size) except -1


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
