"""The server's side of one WebSocket: its messages, its end, and what it does wrong on purpose."""

from libc.stdint cimport int64_t, uint8_t

from fastphx.testing.faults cimport Faults
from fastphx.testing.hub cimport Hub
from fastphx.testing.outlet cimport Outlet
from fastphx.testing.pubsub cimport PubSub
from fastphx.transports.websocket.frame_head cimport FrameHead
from fastphx.transports.websocket.writer cimport FrameTransport

cdef enum SocketState:
    STATE_NEW = 0
    STATE_OPEN = 1
    STATE_CLOSING = 2           # we have sent our close frame
    STATE_CLOSED = 3

cdef enum:
    ITEM_BYTES = 256            # what each item that waits costs beside its bytes: it bounds their number

cdef class ServerSocket(Outlet):
    cdef Hub hub
    cdef FrameTransport transport
    cdef readonly PubSub pubsub
    cdef readonly object assigns
    cdef readonly object params
    cdef readonly object id
    cdef Faults _faults
    cdef bytearray _fragments           # a message whose end has not come yet, or None
    cdef list _held_in                  # while stalled: (opcode, fin, rsv, bytes)
    cdef object _unwritten              # while stalled or not read from: (opcode, bytes); a deque, or None
    cdef Py_ssize_t _unwritten_bytes    # of these, and of replies that are put off
    cdef set put_off                    # the timers of such replies
    cdef Py_ssize_t _queued_bytes       # of the client's messages that its channels have not handled yet
    cdef Py_ssize_t max_message_size
    cdef int64_t received_ns            # when the last frame came
    cdef int64_t deadline_ns            # when a close must have been answered
    cdef int64_t stalled_until_ns       # 0: not stalled
    cdef int64_t idle_timeout_ns
    cdef uint8_t state                  # SocketState
    cdef uint8_t _fragments_opcode
    cdef bint _fragments_deflated
    cdef object _inflate                # DeflateStream.inflate, or None
    cdef object _deflate                # DeflateStream.deflate, or None
    cdef bint writing_paused

    # What a connection does with it.

    cdef int on_message(self, const char* data, Py_ssize_t size, int opcode) except -1
    cdef int on_end(self) except -1
    """Called when either side has ended the socket, possibly more than once."""
    cdef int forget(self, str topic, object channel) except -1
    """Called when the channel of *topic* has ended."""

    cdef int bad_frame(self, object error) except -1
    """Count a frame that breaks the protocol, and close with 1011, as a crash in Phoenix does."""

    cdef bint put_aside(self, Py_ssize_t size) except -1
    """Take room for a frame that cannot be written now. False if there is none: the socket is cut then."""
    cdef int take_up(self, Py_ssize_t size) noexcept
    """Give that room back."""
    cdef bint enqueue(self, Py_ssize_t size) except -1
    """Take *size* bytes of room for what a channel must keep for its client. False if there is none: the
    socket is then closed with 1008."""
    cdef int dequeue(self, Py_ssize_t size) noexcept
    """Give back *size* bytes of that room."""

    # What its reader tells it.

    cdef int on_connected(self, FrameTransport transport) except -1
    cdef int on_frame(self, const FrameHead* head, const char* payload) except -1
    """One frame, unmasked."""
    cdef int break_off(self, int code, str reason) except -1
    """What came is no frame, or is too long, or could not be handled. Nothing more is told but the end."""
    cdef int on_lost(self) except -1
    cdef int pause_writing(self) except -1
    cdef int resume_writing(self) except -1

    cdef int on_part(self, int opcode, bint fin, int rsv, const char* data, Py_ssize_t size) except -1
    cdef int receive(self, const char* data, Py_ssize_t size, int opcode) except -1
    cdef int receive_deflated(self, bytes data, int opcode) except -1
    cdef int protocol_error(self, str reason) except -1
    cdef int answer_close(self, const char* data, Py_ssize_t size) except -1
    cdef int wait(self, int opcode, bytes data) except -1
    cdef int write(self, int opcode, char* data, Py_ssize_t size) except -1
    cdef int flush(self) except -1
    cdef int flush_all(self) except -1
    cdef int write_first(self) except -1
    cdef int cancel_put_off(self) except -1
    cdef int cut_now(self) except -1
    cdef int hold(self) except -1
