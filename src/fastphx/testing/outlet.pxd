"""The way out for frames to one client."""

from libc.stdint cimport uint8_t

cdef class Outlet:
    cdef object __weakref__
    cdef readonly uint8_t vsn           # 1 or 2

    cdef int send(self, int opcode, char* data, Py_ssize_t size) except -1
    """Send *size* bytes, which the hub reserved or which have FRAME_HEADROOM in front. 1, or 0 where the
    connection is not open."""
    cdef int send_bytes(self, int opcode, bytes data) except -1
    """The same with bytes that are copied."""
