"""Cuts what a socket reads into whole messages, through one read buffer for all sockets of a loop."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastphx.protocol.sink cimport FrameSink
from fastphx.transports.websocket.frame_head cimport FrameHead
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.read_buffer cimport LoopProtocol, ReadBuffer
from fastphx.transports.websocket.writer cimport FrameTransport

cdef enum ReadMode:
    READ_ANSWER = 0             # to the handshake
    READ_REFUSED = 1            # the answer is in, and there is no connection
    READ_MESSAGES = 2
    READ_HELD = 3               # paused: frames that were read wait
    READ_CLOSE = 4              # closing: messages are dropped, the server's close frame is not
    READ_NOTHING = 5            # nothing more is understood, or is to come

cdef class MessageReader(LoopProtocol):
    """The asyncio protocol of a connection."""
    # The fields that each read touches stand first and close together: with thousands of sockets, every cache
    # line that a delivery need not fetch saves time.
    cdef FrameSink _sink
    cdef ReadBuffer _buffer
    cdef Py_ssize_t _pending_size
    cdef uint32_t _max_message_size
    cdef uint8_t _mode              # ReadMode
    cdef uint8_t _fragments_opcode  # 0: no message is being assembled
    cdef uint8_t _in_place          # the frame is larger than the shared buffer, and is read into _pending
    cdef uint8_t _reports_reads     # the link wants on_read
    cdef uint8_t _validates_utf8    # of text messages
    cdef uint8_t _has_held          # whole frames wait in _pending
    cdef uint8_t _is_lost           # connection_lost was called
    cdef Py_ssize_t _valid_bytes    # how many bytes of an unfinished text frame are whole characters
    cdef char* _pending             # the beginning of an unfinished frame, or what is held back
    cdef Py_ssize_t _pending_capacity
    cdef LinkHooks _link
    cdef object _handshake          # ClientHandshake; None: there is a connection
    cdef object _transport          # asyncio's
    cdef FrameTransport frames      # None: not connected
    cdef object _inflate            # DeflateStream.inflate, or None
    cdef char* _fragments
    cdef Py_ssize_t _fragments_size
    cdef Py_ssize_t _fragments_capacity
    cdef Py_ssize_t _valid_fragment_bytes   # how many of them are known to be whole characters
    cdef bint _fragments_deflated
    cdef bytearray _answer          # to the handshake, as far as it has come; None once it is done
    cdef int _answer_head_bytes     # of it
    cdef int _matched               # how much of the empty line behind its head has come
    cdef int _status

    cdef int hold(self) noexcept
    """Hand no frame over: the rest of the read is kept as it came, at most one read buffer of it."""
    cdef int release(self) noexcept
    """Frames may be handed over again; those that wait are by `hand_over`, and before more is read."""
    cdef int hand_over(self) except -1
    cdef int stop_messages(self) noexcept
    """The link is closing: only a close frame still matters."""

    cdef bint is_connected(self) noexcept
    """Whether the handshake is done: asked when the answer's head has been read."""
    cdef int on_other_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1
    """A frame that is not one whole message."""

    cdef int _take(self, const char* data, Py_ssize_t size) except -1
    cdef int _hand_over_last(self) except -1
    cdef int _read_rest(self) except -1
    cdef int _shake_hands(self, const char* data, Py_ssize_t size) except -1
    cdef bint _is_explained(self) except -1
    cdef int _end_answer(self) except -1
    cdef int _deliver(self, const char* data, Py_ssize_t size) except -1
    cdef int _keep(self, const char* data, Py_ssize_t size, Py_ssize_t frame_size) except -1
    cdef bint _begins_well(self, const FrameHead* head, const char* payload, Py_ssize_t size,
                           Py_ssize_t valid_bytes) noexcept
    cdef int _break_off(self, int code, str text) except -1
    cdef void _drop(self) noexcept
    cdef int _on_fragment(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1
    cdef bint _fragments_are_text(self, bint whole_message) noexcept
    cdef int _on_deflated(self, bytes data, int opcode, int64_t now_ns) except -1
    cdef int _append_fragment(self, const char* payload, Py_ssize_t size) except -1
    cdef int _free_fragments(self) noexcept
