"""The compiled WebSocket link: it owns the state of a connection, between a loop
and a FrameSink."""

from libc.stdint cimport int64_t, uint64_t
cimport cython

from fastphx.protocol.sink cimport FrameSink
from fastphx.timing.wheel cimport Timer
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.reader cimport MessageReader
from fastphx.transports.websocket.writer cimport FrameTransport, WebSocketWriter

cdef enum LinkState:
    # RFC 6455's names, as in the WebSocket interface of browsers.
    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3

cdef enum TimerPurpose:
    CLOSE_TIMEOUT = 0           # the server does not end a closing connection
    PAUSE_LIMIT = 1             # reading was paused for too long
    KEEPALIVE = 2
    READ_INTERVAL = 3           # the next read is due


@cython.final
cdef class LinkTimer(Timer):
    cdef WebSocketLink link
    cdef int purpose            # TimerPurpose


@cython.final
cdef class WebSocketLink(LinkHooks):
    cdef object __weakref__
    cdef readonly FrameSink sink
    cdef readonly object owner
    cdef readonly WebSocketWriter writer
    cdef readonly Py_ssize_t max_message_size
    cdef public object redact           # None: reasons are shown as they came
    cdef FrameTransport _transport
    cdef MessageReader _reader          # None once the connection is gone
    cdef object _reason                 # DisconnectReason, once it is known
    cdef object _sent_close             # the ConnectionClosed that this side has sent
    cdef int _state                     # LinkState
    cdef bint _reading_paused           # by the owner
    cdef bint _resting                  # until the read interval is over
    cdef bint _hand_over_due            # what the reader holds is handed over at the loop's next turn
    cdef bint _pong_awaited
    cdef bint _pong_overdue             # not yet judged: see _send_keepalive
    cdef int64_t _max_pause_ns
    cdef int64_t _keepalive_ns          # 0: none
    cdef int64_t _read_interval_ns      # 0: none
    cdef bint _validate_utf8
    cdef uint64_t _pings
    cdef LinkTimer _close_timer
    cdef LinkTimer _pause_timer
    cdef LinkTimer _keepalive_timer
    cdef LinkTimer _rest_timer

    cdef int on_timer(self, int purpose, int64_t now_ns) except -1

    cdef int _read_on(self) except -1
    cdef int _stop(self) except -1
    cdef int _give_up(self) noexcept
    cdef int _let_go(self) noexcept
    cdef int _on_close_frame(self, const char* payload, Py_ssize_t size) except -1
    cdef object _closed(self, int code, str reason)
    cdef int _begin_close(self, int code, str text, object reason) except -1
    cdef int _send_keepalive(self, int64_t now_ns) except -1
    cdef LinkTimer _start_timer(self, LinkTimer timer, int purpose, int64_t deadline_ns)
    cdef int _cancel_timer(self, LinkTimer timer) except -1
    cdef LinkTimer _without(self, LinkTimer timer)
    cdef int _when_due(self, int purpose, int64_t now_ns) except -1
