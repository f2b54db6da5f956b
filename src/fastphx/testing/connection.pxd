"""One client's connection. What the client sends goes to the channels that it has joined."""

from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.message cimport Message
from fastphx.testing.channel cimport ServerChannel
from fastphx.testing.server_socket cimport ServerSocket

cdef class ServerConnection(ServerSocket):
    cdef readonly object handler        # the SocketHandler
    cdef dict _channels                 # topic -> ServerChannel
    cdef ServerChannel _last            # the last one found: one hot topic costs one compare

    cdef int receive_object(self, const char* data, Py_ssize_t size) except -1
    cdef int dispatch(self, Header* header) except -1
    cdef int dispatch_unknown(self, Header* header) except -1
    cdef ServerChannel find(self, const Header* header)
    cdef bint is_current(self, ServerChannel channel, const Header* header) except -1
    cdef int join(self, Header* header, ServerChannel old) except -1
    cdef ServerChannel start_channel(self, object factory, Header* header, Message message, object payload)
