"""A WebSocket connection as seen from the protocol: whole messages in through `FrameSink.on_frame`, whole
messages out through `FrameWriter.write_frame`, and everything that can end it as one typed reason."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
cimport cython

import asyncio

from fastphx.protocol.sink cimport FrameSink
from fastphx.timing.wheel cimport Timer, TimerWheel, monotonic_ns
from fastphx.transports.websocket.frame_head cimport OPCODE_PING, OPCODE_PONG, may_close_with
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.reader cimport MessageReader
from fastphx.transports.websocket.writer cimport WebSocketWriter

from fastphx.errors import ConnectionClosed, DisconnectReason, OverloadedError, TransportDown
from fastphx.timing.wheel import wheel_for
from fastphx.transports.limits import (
    DEFAULT_MAX_MESSAGE_SIZE, DEFAULT_MAX_PAUSE_S, DEFAULT_MAX_WRITE_BUFFER,
)

cdef:
    Py_ssize_t _MAX_CLOSE_REASON = 123      # RFC 6455 section 5.5: a control frame holds 125 bytes
    int64_t _CLOSE_TIMEOUT_NS = 2_000_000_000

cdef str _NO_CLOSE_FRAME = "the connection was lost without a close frame"
# For a connection that is lost when there is no memory for a reason of its own.
cdef object _LOST = ConnectionClosed(1006, _NO_CLOSE_FRAME)


@cython.final
cdef class LinkTimer(Timer):
    cdef int on_timer(self, int64_t now_ns) except -1:
        return self.link.on_timer(self.purpose, now_ns)


@cython.final
cdef class WebSocketLink(LinkHooks):
    def __init__(
        self,
        FrameSink sink not None,
        owner,
        *,
        Py_ssize_t max_message_size=DEFAULT_MAX_MESSAGE_SIZE,
        Py_ssize_t max_write_buffer=DEFAULT_MAX_WRITE_BUFFER,
        double max_pause_s=DEFAULT_MAX_PAUSE_S,
        double keepalive_s=0.0,
        double read_interval_s=0.0,
        bint validate_utf8=False,
    ):
        if max_message_size <= 0 or max_write_buffer <= 0:
            raise ValueError("max_message_size and max_write_buffer must be above 0")
        if not 0 < max_pause_s <= 86400 or not 0 <= keepalive_s <= 86400:
            raise ValueError("max_pause_s must be in (0, 86400], keepalive_s in [0, 86400]")
        if not 0 <= read_interval_s <= 1:
            raise ValueError("read_interval_s must be in [0, 1]")
        self.sink = sink
        self.owner = owner
        self.max_message_size = max_message_size
        self.writer = WebSocketWriter(self, max_write_buffer)
        self._max_pause_ns = <int64_t>(max_pause_s * 1e9)
        self._keepalive_ns = <int64_t>(keepalive_s * 1e9)
        self._read_interval_ns = <int64_t>(read_interval_s * 1e9)
        self._validate_utf8 = validate_utf8

    # -- what the connector calls

    def new_reader(self, handshake, loop):
        cdef MessageReader reader = MessageReader(self, self.sink, handshake, loop, self.max_message_size)
        reader._reports_reads = self._read_interval_ns > 0
        reader._validates_utf8 = self._validate_utf8
        self._reader = reader
        return reader

    def use_deflate(self, stream not None):
        self._reader.use_inflate(stream.inflate)
        self.writer.use_deflate(stream.deflate)

    # -- what the owner calls

    @property
    def is_open(self):
        return self._state == OPEN

    @property
    def was_connected(self):
        return self._transport is not None

    @property
    def reading_paused(self):
        return self._reading_paused

    @property
    def is_secure(self):
        return self._transport is not None and self._transport.is_secure

    @property
    def read_buffer_bytes(self):
        return 0 if self._reader is None else self._reader._pending_capacity

    def get_extra_info(self, str name not None, default=None):
        if self._transport is None:
            return default
        return self._transport.transport.get_extra_info(name, default)

    def close(self, int code=1000, str reason not None=""):
        if code != 1000 and not 3000 <= code <= 4999:
            raise ValueError(f"a client closes with code 1000 or 3000 to 4999, not {code}")
        if len(reason.encode()) > _MAX_CLOSE_REASON:
            raise ValueError(f"a close reason is at most {_MAX_CLOSE_REASON} bytes of UTF-8")
        if self._state == OPEN:
            self._begin_close(code, reason, None)
        elif self._state == CONNECTING:
            self._give_up()

    def abort(self, reason=None):
        if reason is not None and not isinstance(reason, DisconnectReason):
            raise TypeError(f"a reason to disconnect is a DisconnectReason, not {type(reason).__name__}")
        if self._state == CONNECTING:
            self._give_up()
        elif self._state != CLOSED:
            self._transport.check_thread("abort")
            if reason is None:
                reason = ConnectionClosed(1006, "aborted by this side")
            # Whatever raises leaves the connection as it was.
            self._transport.transport.abort()
            if self._reason is None:
                self._reason = reason
            self._state = CLOSING
            self._stop()

    def pause_reading(self):
        if self._state == OPEN and not self._reading_paused:
            self._transport.check_thread("pause_reading")
            self._pause_timer = self._start_timer(
                self._pause_timer, PAUSE_LIMIT, monotonic_ns() + self._max_pause_ns)
            if not self._resting:
                self._transport.transport.pause_reading()
            self._reading_paused = True
            self._reader.hold()

    def resume_reading(self):
        if self._reading_paused:
            self._transport.check_thread("resume_reading")
            self._reading_paused = False
            try:
                self._read_on()
            except BaseException:
                # It stays paused, at most for so long.
                self._reading_paused = True
                raise
            self._pong_awaited = False
            self._cancel_timer(self._pause_timer)
            if self._reader is not None:
                self._reader.release()

    cdef int _read_on(self) except -1:
        """Read, unless the owner or the read interval has paused reading."""
        if self._reading_paused or self._resting or self._state == CLOSED:
            return 0
        if not self._reader._has_held:
            self._transport.transport.resume_reading()
        elif not self._hand_over_due:
            # Not at once: who resumes is in the middle of taking a message, maybe of another socket's read.
            self._hand_over_due = True
            self._transport.loop.call_soon(self._hand_over_held)
        return 0

    def _hand_over_held(self):
        self._hand_over_due = False
        if not self._reading_paused and not self._resting and self._state != CLOSED:
            self._reader.hand_over()
            self._read_on()

    # -- what the reader and the writer tell

    cdef bint on_open(self) except -1:
        if self._state != CONNECTING:
            # Closed while it was connecting.
            return False
        self._transport = self._reader.frames
        self._state = OPEN
        self.writer.use(self._transport)
        if self._keepalive_ns:
            self._keepalive_timer = self._start_timer(None, KEEPALIVE, monotonic_ns() + self._keepalive_ns)
        try:
            self.owner.notify_connected(self.writer)
        except Exception as exc:
            self.on_failure(exc)
        return True

    cdef int on_read(self, int64_t now_ns) except -1:
        # A socket that is being closed is read until its end.
        if self._state == OPEN and not self._resting and not (
                self._transport.transport.is_closing()):
            self._resting = True
            if not self._reading_paused:
                self._transport.transport.pause_reading()
            self._rest_timer = self._start_timer(
                self._rest_timer, READ_INTERVAL, now_ns + self._read_interval_ns)
        return 0

    cdef int on_control_frame(self, int opcode, const char* payload, Py_ssize_t size) except -1:
        if opcode == OPCODE_PING:
            # A server that pings and does not read gets no pongs: what is unsent must stay bounded.
            if self.writer.has_room(size):
                self.writer.count(size)
                self._transport.send_control(OPCODE_PONG, payload, size)
        elif opcode == OPCODE_PONG:
            if self._pong_awaited and payload[:size] == b"%d" % self._pings:
                self._pong_awaited = False
        elif self._state == OPEN:
            self._on_close_frame(payload, size)
        return 0

    cdef int on_violation(self, int code, str text) except -1:
        return self._begin_close(code, text, None)

    cdef int on_failure(self, object exc) except -1:
        """The sink or the owner raised an exception: the owner hears of it, and the connection ends."""
        try:
            self.owner.notify_error(exc)
        except Exception as second:
            # The transport is there only once the handshake is over.
            asyncio.get_running_loop().call_exception_handler(
                {"message": "notify_error failed", "exception": second})
        # Not the exception's text: a server should not be told that.
        return self._begin_close(1011, "the client failed", TransportDown(exc))

    cdef int on_lost(self) except -1:
        self._state = CLOSED
        self._stop()
        # One by one: a tuple of them asks for memory, and the owner must hear of the end without any.
        self._close_timer = self._without(self._close_timer)
        self._pause_timer = self._without(self._pause_timer)
        self._keepalive_timer = self._without(self._keepalive_timer)
        self._rest_timer = self._without(self._rest_timer)
        self._let_go()
        if self._transport is None:
            return 0
        try:
            if self._reason is None:
                self._reason = self._sent_close or ConnectionClosed(1006, _NO_CLOSE_FRAME)
        except MemoryError:
            self._reason = _LOST
        try:
            self.owner.notify_disconnected(self._reason)
        except Exception as exc:
            self._transport.loop.call_exception_handler(
                {"message": "notify_disconnected failed", "exception": exc})
        return 0

    # -- the end

    cdef int _give_up(self) noexcept:
        """It never opens."""
        self._state = CLOSED
        self._let_go()
        return 0

    cdef int _let_go(self) noexcept:
        """No circle is left: what is over is freed at once, and not when the collector comes."""
        self._reader = None
        self.writer.link = None
        return 0

    cdef int _on_close_frame(self, const char* payload, Py_ssize_t size) except -1:
        """RFC 6455 section 5.5.1 and 7.4: a code and a reason, or nothing."""
        cdef int code = 1005
        cdef str reason = ""
        if size == 1:
            return self._begin_close(1002, "a close frame has half a code", None)
        if size:
            code = (<uint8_t>payload[0] << 8) | <uint8_t>payload[1]
            if not may_close_with(code):
                return self._begin_close(1002, f"a close frame has the code {code}", None)
            try:
                reason = payload[2:size].decode("utf-8")
            except UnicodeDecodeError:
                return self._begin_close(1007, "a close frame's reason is not UTF-8", None)
        return self._begin_close(1000 if code == 1005 else code, "", self._closed(code, reason))

    cdef object _closed(self, int code, str reason):
        """The close, without the secrets that the server's reason may repeat."""
        if reason and self.redact is not None:
            reason = self.redact(reason.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
        return ConnectionClosed(code, reason)

    cdef int _stop(self) except -1:
        """From now on, no message is sent or delivered."""
        self.writer.use(None)
        if self._reader is not None:
            self._reader.stop_messages()
        return 0

    cdef int _begin_close(self, int code, str text, object reason) except -1:
        """Send a close frame, and give the server time to end the connection."""
        if self._state != OPEN:
            return 0
        closed = ConnectionClosed(code, text)
        # The server ends the connection (RFC 6455 section 7.1.1): TIME_WAIT is then on its side, and the
        # client's port is free again. Once the close frame is sent, something must end it.
        self._close_timer = self._start_timer(
            self._close_timer, CLOSE_TIMEOUT, monotonic_ns() + _CLOSE_TIMEOUT_NS)
        self._transport.send_close(code, text.encode()[:_MAX_CLOSE_REASON])
        self._sent_close = closed
        self._state = CLOSING
        self._stop()
        if reason is not None:
            self._reason = reason
        elif code >= 1001 and code < 3000:
            self._reason = closed
        # The server's answer and the end of the connection are only seen while reading.
        if self._resting:
            self._resting = False
            self._cancel_timer(self._rest_timer)
            self._read_on()
        self.resume_reading()
        return 0

    # -- timers

    cdef LinkTimer _start_timer(self, LinkTimer timer, int purpose, int64_t deadline_ns):
        cdef TimerWheel wheel = wheel_for(self._transport.loop)
        if timer is None:
            timer = LinkTimer.__new__(LinkTimer)
            timer.link = self
            timer.purpose = purpose
        wheel.schedule(timer, deadline_ns)
        return timer

    cdef int _cancel_timer(self, LinkTimer timer) except -1:
        if timer is not None and timer._wheel is not None:
            timer._wheel.cancel(timer)
        return 0

    cdef LinkTimer _without(self, LinkTimer timer):
        """None, in the place of a timer that is no more needed."""
        self._cancel_timer(timer)
        return None

    cdef int on_timer(self, int purpose, int64_t now_ns) except -1:
        try:
            return self._when_due(purpose, now_ns)
        except Exception as exc:
            # Nothing else would wake it.
            return self.on_failure(exc)

    cdef int _when_due(self, int purpose, int64_t now_ns) except -1:
        if purpose == READ_INTERVAL:
            self._resting = False
            return self._read_on()
        if purpose == KEEPALIVE:
            return self._send_keepalive(now_ns)
        if purpose == CLOSE_TIMEOUT:
            if self._state == CLOSING:
                self._transport.transport.abort()
        elif self._reading_paused:
            self.on_failure(OverloadedError(
                f"reading was paused for more than max_pause ({self._max_pause_ns / 1e9:g} s): "
                "the consumer does not keep up"
            ))
        return 0

    cdef int _send_keepalive(self, int64_t now_ns) except -1:
        cdef bytes number
        if self._state != OPEN:
            return 0
        if self._pong_awaited and not self._reading_paused:
            if not self._pong_overdue:
                # After a stall of this loop, the pong may be there, unread: give it some turns of the loop.
                self._pong_overdue = True
                self._start_timer(self._keepalive_timer, KEEPALIVE, now_ns + self._keepalive_ns // 2)
                return 0
            self.abort(ConnectionClosed(
                1006, f"no pong to the keepalive ping within {self._keepalive_ns * 1.5e-9:g} s"))
            return 0
        self._pings += 1
        self._pong_awaited = not self._reading_paused
        self._pong_overdue = False
        self._start_timer(self._keepalive_timer, KEEPALIVE, now_ns + self._keepalive_ns)
        number = b"%d" % self._pings
        self._transport.send_control(OPCODE_PING, PyBytes_AS_STRING(number), PyBytes_GET_SIZE(number))
        return 0
