cdef class Outlet:
    """Something that frames can be sent to, as ``pubsub`` and replies know it."""

    cdef int send(self, int opcode, char* data, Py_ssize_t size) except -1:
        raise NotImplementedError

    cdef int send_bytes(self, int opcode, bytes data) except -1:
        raise NotImplementedError
