"""The embedded server's socket without Phoenix's frames: each message goes back as it came."""

from fastphx.testing.server_socket cimport ServerSocket


cdef class EchoSocket(ServerSocket):
    cdef readonly object handler

    def __init__(self, hub, pubsub, handler):
        self.handler = handler
        ServerSocket.__init__(
            self, hub, pubsub, {}, {}, None, 2, handler.idle_timeout_s, handler.max_message_size)

    cdef int on_message(self, const char* data, Py_ssize_t size, int opcode) except -1:
        return self.send_bytes(opcode, data[:size])
