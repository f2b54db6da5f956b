"""The compiled WebSocket link: whole messages between picows and a FrameSink."""

from libc.stdint cimport int64_t, uint64_t
from picows.picows cimport WSListener, WSTransport
cimport cython

from fastphx.protocol.sink cimport FrameSink, FrameWriter
from fastphx.timing.wheel cimport Timer
from fastphx.transports.frame_head cimport FrameHead
from fastphx.transports.frame_reader cimport FrameReader

cdef enum LinkState:
    # RFC 6455's names, as the WebSocket interface of browsers has them.
    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3

cdef enum TimerPurpose:
    CLOSE_TIMEOUT = 0           # the server does not end a closing connection
    PAUSE_LIMIT = 1             # reading was paused for too long
    KEEPALIVE = 2
    WRITABLE = 3


@cython.final
cdef class LinkTimer(Timer):
    cdef WebSocketLink link
    cdef int purpose            # TimerPurpose


@cython.final
cdef class LinkReader(FrameReader):
    cdef WebSocketLink link


@cython.final
cdef class WebSocketWriter(FrameWriter):
    cdef WSTransport _transport         # None: not open
    cdef WebSocketLink _link
    cdef readonly Py_ssize_t max_write_buffer
    cdef Py_ssize_t _unsent_bound       # never less than what is unsent
    cdef bint _overloaded               # somebody was refused, and is told when there is room again
    cdef object _deflate                # DeflateStream.deflate, or None

    cdef int _check_open(self) except -1
    cdef int _make_room(self, Py_ssize_t size) except -1
    cdef int _write_deflated(self, bytes message, int opcode) except -1


@cython.final
cdef class WebSocketLink(WSListener):
    cdef readonly FrameSink sink
    cdef readonly object owner
    cdef readonly WebSocketWriter writer
    cdef WSTransport _transport
    cdef object _reason                 # DisconnectReason, once it is known
    cdef int _state                     # LinkState
    cdef bint _reading_paused
    cdef bint _pong_awaited
    cdef bint _pong_overdue             # not yet judged: see _send_keepalive
    cdef LinkReader _reader
    cdef int64_t _max_pause_ns
    cdef int64_t _keepalive_ns          # 0: none
    cdef uint64_t _pings
    cdef readonly Py_ssize_t max_message_size
    cdef char* _fragments
    cdef Py_ssize_t _fragments_size
    cdef Py_ssize_t _fragments_capacity
    cdef int _fragments_opcode          # 0: no message is being assembled
    cdef bint _fragments_deflated
    cdef object _inflate                # DeflateStream.inflate, or None
    cdef LinkTimer _close_timer
    cdef LinkTimer _pause_timer
    cdef LinkTimer _keepalive_timer
    cdef LinkTimer _writable_timer

    # on_ws_connected, on_ws_frame, on_ws_disconnected, pause_writing, resume_writing: see picows.

    cdef inline int on_frame_read(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1
    cdef int _on_other_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1
    cdef int _on_fragment(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1
    cdef int _on_deflated(self, bytes data, int opcode, int64_t now_ns) except -1
    cdef int _on_control_frame(self, const FrameHead* head, const char* payload) except -1
    cdef int _on_close_frame(self, const char* payload, Py_ssize_t size) except -1
    cdef int _append_fragment(self, const char* payload, Py_ssize_t size) except -1
    cdef int _free_fragments(self) noexcept
    cdef int _begin_close(self, int code, str text, object reason) except -1
    cdef int _fail(self, object exc) except -1
    cdef int _on_timer(self, int purpose, int64_t now_ns) except -1
    cdef int _send_keepalive(self, int64_t now_ns) except -1
    cdef int _check_writable(self) except -1
    cdef LinkTimer _start_timer(self, LinkTimer timer, int purpose, int64_t deadline_ns)
    cdef int _cancel_timer(self, LinkTimer timer) except -1
