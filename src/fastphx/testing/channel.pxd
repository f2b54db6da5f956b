"""A channel, as the author of a server writes it: its callbacks, and what they may do."""

from fastphx.testing.channel_process cimport ChannelProcess
from fastphx.testing.server_socket cimport ServerSocket

cdef class ServerChannel(ChannelProcess):
    cdef ServerSocket _socket(self)
    """The socket. Raises RuntimeError before the channel's join."""
