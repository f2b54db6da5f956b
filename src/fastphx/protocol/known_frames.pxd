"""Frames that begin like earlier ones: they are compared, not scanned. The process has one of each table."""

from fastphx.protocol.frame_scan cimport Header

# `scan` for a server's frame. For a topic and event that have come before, it only compares bytes.
cdef const char* scan_known(const char* data, Py_ssize_t size, int opcode, Header* header,
                            Py_ssize_t* position)

# The str of an event's bytes, from a bounded table that all sockets share.
cdef str intern_event(const char* data, Py_ssize_t size)
