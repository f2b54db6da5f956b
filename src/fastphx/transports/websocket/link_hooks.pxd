"""What a WebSocket's reader and writer tell their link; the link overrides each hook."""

from libc.stdint cimport int64_t

cdef class LinkHooks:
    cdef bint on_open(self) except -1
    """The handshake is done, and the reader has its `frames`. Returns whether the connection is still wanted;
    if not, the reader ends it."""
    cdef int on_control_frame(self, int opcode, const char* payload, Py_ssize_t size) except -1
    cdef int on_violation(self, int code, str text) except -1
    """What came breaks the protocol or a limit. *code* is the close code of RFC 6455 for this."""
    cdef int on_failure(self, object exc) except -1
    """The sink raised *exc*. Nothing more is read."""
    cdef int on_read(self, int64_t now_ns) except -1
    """Everything that was read is handed on (called only if a read interval is set)."""
    cdef int on_lost(self) except -1
    """The connection is gone."""
