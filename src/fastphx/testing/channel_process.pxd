"""What runs one joined topic on one connection: a channel's callbacks one after another, from join to end."""

from libc.stdint cimport uint8_t, uint64_t

from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.message cimport Message
from fastphx.testing.server_socket cimport ServerSocket

cdef enum ChannelState:
    CHANNEL_JOINING = 0
    CHANNEL_JOINED = 1
    CHANNEL_CLOSED = 2

cdef class ChannelProcess:
    cdef readonly str topic
    cdef readonly object join_ref
    cdef readonly ServerSocket socket
    cdef bytes topic_bytes              # UTF-8
    cdef bytes topic_json               # a JSON string
    cdef uint64_t join_ref_number       # 0 if join_ref is not a positive number
    cdef bint join_ref_quoted
    cdef uint8_t state                  # ChannelState
    cdef bint running                   # inside a callback
    cdef object task                    # of a callback that is a coroutine, or None
    cdef object mailbox                 # the events that wait for the callback to end: a deque, or None
    cdef Py_ssize_t queued_bytes        # room that it has taken in its socket's queue
    cdef ChannelProcess replaced        # an older join's, whose phx_close follows this join's reply, or None
    cdef list monitors                  # called with the reason when the channel ends, or None

    cdef int start(self, ServerSocket socket, Message message, const Header* header) except -1
    """Called before anything else. If the socket has no room for the names, it is closed afterwards."""
    cdef int run_join(self, Message message, object payload) except -1
    cdef int leave(self, Message message) except -1
    """When the running callback has ended, answer a leave and end."""
    cdef int receive(self, Message message, Header* header) except -1
    """When the running callback has ended, call ``handle_in``."""
    cdef int send_info_later(self, object message) except -1
    cdef int crash(self, object error) except -1
    cdef int send_close(self) except -1
    cdef int end(self, object reason) except -1
    """End without a word to the client."""

    cdef int end_join(self, Message message, object result) except -1
    cdef int crash_join(self, Message message, object error) except -1
    cdef int fail_join(self, Message message, object response) except -1
    cdef int answer_leave(self, Message message) except -1
    cdef int run_handle_in(self, Message message, Header* header) except -1
    cdef int run_handle_info(self, object message) except -1
    cdef int finish(self, Message message, Header* header, object result) except -1
    cdef int start_task(self, int kind, Message message, object coroutine) except -1
    cdef int post(self, int kind, object item) except -1
    cdef bint enqueue(self, Py_ssize_t size) except -1
    cdef int dequeue(self, Py_ssize_t size) noexcept
    cdef int dequeue_all(self) noexcept
    cdef int drain(self) except -1
    cdef int stop(self, object reason) except -1
    cdef int close_replaced(self) except -1
    cdef int call_monitors(self, object reason) except -1

# Count a join that failed, and answer it with an error.
cdef int refuse_join(ServerSocket socket, Message message, object response) except -1
# Whether it is JSON that is nested too deeply to decode: the message is at fault, and not the connection.
cdef bint nests_too_deep(object error) except -1
cdef int report_crashed_join(ServerSocket socket, Message message, object error) except -1
