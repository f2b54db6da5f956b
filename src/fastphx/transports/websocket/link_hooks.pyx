from libc.stdint cimport int64_t


cdef class LinkHooks:
    cdef bint on_open(self) except -1:
        raise NotImplementedError

    cdef int on_control_frame(self, int opcode, const char* payload, Py_ssize_t size) except -1:
        raise NotImplementedError

    cdef int on_violation(self, int code, str text) except -1:
        raise NotImplementedError

    cdef int on_failure(self, object exc) except -1:
        raise NotImplementedError

    cdef int on_read(self, int64_t now_ns) except -1:
        raise NotImplementedError

    cdef int on_lost(self) except -1:
        raise NotImplementedError
