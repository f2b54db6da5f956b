"""What a channel's callbacks return."""

cdef class ServerReply:
    cdef readonly object status
    cdef readonly object response

cdef class ServerStop:
    cdef readonly object reason
    cdef readonly ServerReply reply
