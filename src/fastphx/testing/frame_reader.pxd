"""The server's end of a connection: the request of a handshake, and then a client's frames (RFC 6455)."""

from fastphx.testing.server_socket cimport ServerSocket
from fastphx.transports.websocket.read_buffer cimport LoopProtocol, ReadBuffer

cdef class FrameReader(LoopProtocol):
    cdef object _accept             # judges the request; None: it has
    cdef object _loop
    cdef object _transport          # asyncio's
    cdef object _timeout            # of the handshake
    cdef public object on_lost      # called when the connection is gone, or None
    cdef ServerSocket _socket       # None: not open
    cdef bint _is_broken            # nothing more is understood
    cdef ReadBuffer _buffer
    cdef char* _pending             # what is not yet understood
    cdef Py_ssize_t _pending_size
    cdef Py_ssize_t _pending_capacity

    cdef int _take(self, char* data, Py_ssize_t size) except -1
    cdef int _keep(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _answer(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _deliver(self, char* data, Py_ssize_t size) except -1
    cdef int _break_off(self, int code, str reason) except -1
