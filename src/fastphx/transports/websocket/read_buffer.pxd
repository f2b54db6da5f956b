"""Memory that the sockets of a loop read into."""

cdef class LoopProtocol:
    """The first base of an extension type that is an asyncio protocol: it cannot be a Python class."""
    cdef object __weakref__

cdef class ReadBuffer:
    """Memory that sockets read into, one after another. Each empties it before the next one's turn."""
    cdef char* data
    cdef Py_ssize_t capacity
    cdef object view

# The loop's one read buffer.
cdef ReadBuffer read_buffer_for(object loop)
