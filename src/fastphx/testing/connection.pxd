"""One client's socket on the server's side."""

from libc.stdint cimport int64_t, uint8_t
from picows.picows cimport WSFrame, WSListener, WSTransport

from fastphx.protocol.codec cimport Header, Message
from fastphx.testing.channel cimport Channel, Reply
from fastphx.testing.faults cimport Faults
from fastphx.testing.hub cimport Hub

cdef enum ConnectionState:
    STATE_NEW = 0
    STATE_OPEN = 1
    STATE_CLOSING = 2           # we have sent our close frame
    STATE_CLOSED = 3

cdef class Connection(WSListener):
    cdef Hub hub
    cdef WSTransport transport
    cdef readonly object handler        # the SocketHandler
    cdef readonly object assigns
    cdef readonly object params
    cdef readonly object id
    cdef dict _channels                 # topic -> Channel
    cdef Channel _last                  # the last one found: one hot topic costs one compare
    cdef Faults _faults
    cdef bytearray _fragments           # a message whose end has not come yet, or None
    cdef list _held_in                  # while stalled: (opcode, bytes)
    cdef list _held_out
    cdef Py_ssize_t _held_out_bytes
    cdef int64_t received_ns            # when the last frame came
    cdef int64_t deadline_ns            # when a close must have been answered
    cdef int64_t stalled_until_ns       # 0: not stalled
    cdef int64_t idle_timeout_ns
    cdef uint8_t state                  # ConnectionState
    cdef uint8_t _fragments_opcode
    cdef bint _fragments_deflated
    cdef object _inflate                # DeflateStream.inflate, or None
    cdef object _deflate                # DeflateStream.deflate, or None
    cdef readonly uint8_t vsn           # 1 or 2
    cdef bint writing_paused

    cdef int send(self, int opcode, char* data, Py_ssize_t size) except -1
    """Send *size* bytes, which the hub reserved or which have FRAME_HEADROOM in front. 1, or 0 where the
    connection is not open."""
    cdef int send_bytes(self, int opcode, bytes data) except -1
    cdef int overflow(self) except -1
    cdef bytes text_frame(self, object join_ref, object ref, str topic, str event, bytes payload)

    cdef int on_part(self, int opcode, bint fin, bint deflated, const char* data, Py_ssize_t size) except -1
    cdef int receive_deflated(self, bytes data, int opcode) except -1
    cdef int protocol_error(self, str reason) except -1
    cdef int answer_close(self, const char* data, Py_ssize_t size) except -1
    cdef int receive(self, const char* data, Py_ssize_t size, int opcode) except -1
    cdef int receive_object(self, const char* data, Py_ssize_t size, int opcode) except -1
    cdef int dispatch(self, Header* header) except -1
    cdef int dispatch_unknown(self, Header* header) except -1
    cdef int bad_frame(self, object error) except -1
    cdef Channel find(self, const Header* header)
    cdef bint is_current(self, Channel channel, const Header* header) except -1

    cdef int do_join(self, Header* header, Channel old) except -1
    cdef int end_join(self, Channel channel, Message message, object result) except -1
    cdef int crash_join(self, Channel channel, Message message, object error) except -1
    cdef int fail_join(self, Channel channel, Message message, object response) except -1
    cdef int do_leave(self, Channel channel, Message message) except -1
    cdef int handle_in(self, Channel channel, Message message, Header* header) except -1
    cdef int handle_info(self, Channel channel, object message) except -1
    cdef int finish(self, Channel channel, Message message, Header* header, object result) except -1
    cdef int start_task(self, Channel channel, int kind, Message message, object coroutine) except -1
    cdef int post(self, Channel channel, int kind, object item) except -1
    cdef int drain(self, Channel channel) except -1

    cdef int crash(self, Channel channel, object error) except -1
    cdef int stop(self, Channel channel, object reason) except -1
    cdef int close_channel(self, Channel channel) except -1
    cdef int close_replaced(self, Channel channel) except -1
    cdef int remove(self, Channel channel, object reason) except -1
    cdef int call_monitors(self, Channel channel, object reason) except -1
    cdef int end(self) except -1

    cdef int answer(self, object join_ref, object ref, str topic, str status, object response,
                    bint to_push) except -1
    """A reply made from Python values, through the fault switches. Raises EncodingError."""
    cdef int answer_push(self, Channel channel, Message message, Header* header, Reply reply) except -1
    cdef bytes reply_frame(self, object join_ref, object ref, str topic, str status, bytes response)
    cdef int send_reply(self, int opcode, bytes data, bint to_push) except -1
    cdef bint drop_reply(self) noexcept
    cdef double reply_delay_s(self) noexcept
    cdef int cut_now(self) except -1
    cdef int hold(self) except -1
