"""A WebSocket connection as seen from the protocol: whole messages in through `FrameSink.on_frame`, whole
messages out through `FrameWriter.write_frame`, and everything that can end it as one typed reason."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from picows.picows cimport MemoryBuffer, WSCloseCode, WSListener, WSMsgType, WSTransport
cimport cython

from fastphx.protocol.sink cimport FRAME_HEADROOM, FrameSink, FrameWriter
from fastphx.timing.wheel cimport Timer, TimerWheel, monotonic_ns
from fastphx.transports.frame_head cimport FrameHead
from fastphx.transports.frame_reader cimport FrameReader

from fastphx.errors import (
    ConnectionClosed,
    DisconnectedError,
    DisconnectReason,
    OverloadedError,
    TransportDown,
)
from fastphx.timing.wheel import wheel_for
from fastphx.transports.deflate import MIN_DEFLATED_BYTES as _min_deflated_bytes, InflateError
from fastphx.transports.limits import (
    DEFAULT_MAX_MESSAGE_SIZE, DEFAULT_MAX_PAUSE_S, DEFAULT_MAX_WRITE_BUFFER,
)

READ_BUFFER_SIZE = 2048

cdef enum:
    _RSV1 = 4

cdef:
    Py_ssize_t _MIN_DEFLATED_BYTES = _min_deflated_bytes
    Py_ssize_t _MAX_CLOSE_REASON = 123      # RFC 6455 section 5.5: a control frame holds 125 bytes
    int64_t _CLOSE_TIMEOUT_NS = 2_000_000_000
    int64_t _WRITABLE_POLL_NS = 20_000_000
    # Control frames are written through it and gone when the call returns: one for all sockets, which would
    # each have a kilobyte of it otherwise.
    MemoryBuffer _control_frame_buffer = MemoryBuffer(1024)


cdef object received_close(WSTransport transport):
    # RFC 6455 section 7.1.5: a close frame without a code is 1005.
    return ConnectionClosed(
        <int>transport.close_handshake.recv.code or 1005, transport.close_handshake.recv.reason or "")


@cython.final
cdef class LinkTimer(Timer):
    cdef int on_timer(self, int64_t now_ns) except -1:
        return self.link._on_timer(self.purpose, now_ns)


@cython.final
cdef class LinkReader(FrameReader):
    def __init__(self, WebSocketLink link not None, handshake, loop):
        FrameReader.__init__(self, handshake, loop, link.max_message_size)
        self.link = link
        link._reader = self

    cdef bint is_connected(self) noexcept:
        return self.link._state != CONNECTING

    cdef int on_raw_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        return self.link.on_frame_read(head, payload, now_ns)

    cdef int on_raw_error(self, int code, str reason, object exc) except -1:
        if exc is not None:
            return self.link._fail(exc)
        return self.link._begin_close(code, reason, None)


@cython.final
cdef class WebSocketWriter(FrameWriter):
    def __init__(self, WebSocketLink link not None, Py_ssize_t max_write_buffer):
        self._link = link
        self.max_write_buffer = max_write_buffer

    cdef int write_frame(self, char* data, Py_ssize_t size, int opcode) except -1:
        if self._transport is None or self._transport.is_close_frame_sent or self._transport.is_disconnected:
            self._check_open()
        if self._unsent_bound + size > self.max_write_buffer:
            self._make_room(size)
        if self._deflate is not None and size >= _MIN_DEFLATED_BYTES:
            # Before the stream moves on: what it gave must be sent.
            self._transport._check_thread("write_frame")
            return self._write_deflated(data[:size], opcode)
        self._unsent_bound += size + FRAME_HEADROOM
        self._transport.send_reuse_external_buffer(<WSMsgType>opcode, data, size)
        return 0

    cdef int _write_deflated(self, bytes message, int opcode) except -1:
        cdef bytes deflated = self._deflate(message)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(deflated)
        cdef char* memory = <char*>malloc(FRAME_HEADROOM + size)
        if memory == NULL:
            raise MemoryError()
        try:
            memcpy(memory + FRAME_HEADROOM, PyBytes_AS_STRING(deflated), size)
            self._unsent_bound += size + FRAME_HEADROOM
            self._transport.send_reuse_external_buffer(
                <WSMsgType>opcode, memory + FRAME_HEADROOM, size, True, True)
        finally:
            free(memory)
        return 0

    cdef int _check_open(self) except -1:
        # picows drops silently what is sent after a close.
        if self._transport is not None:
            # picows itself has begun to close, and would wait for ever for a server that does not read.
            self._link._begin_close(0, "", None)
        raise DisconnectedError("the connection is closed or closing: nothing was sent")

    cdef int _make_room(self, Py_ssize_t size) except -1:
        # What is unsent can only have shrunk since it was last asked for, and grown by what was written, so
        # asking costs one Python call in max_write_buffer bytes and not one a frame.
        self._unsent_bound = self._transport._tr_get_write_buffer_size()
        if self._unsent_bound and self._unsent_bound + size > self.max_write_buffer:
            if not self._overloaded:
                # uvloop writes at the end of a turn and calls resume_writing only if it has called
                # pause_writing, which it has not where the system then takes everything at once.
                self._overloaded = True
                self._link._writable_timer = self._link._start_timer(
                    self._link._writable_timer, WRITABLE, monotonic_ns() + _WRITABLE_POLL_NS)
            raise OverloadedError(
                f"{self._unsent_bound} bytes are unsent, and {size} more would pass max_write_buffer "
                f"({self.max_write_buffer}): slow down or raise it"
            )
        return 0

    def write(self, bytes data not None, int opcode):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef char* memory
        if opcode != WSMsgType.TEXT and opcode != WSMsgType.BINARY:
            raise ValueError(f"a message's opcode is 1 (text) or 2 (binary), not {opcode}")
        memory = <char*>malloc(FRAME_HEADROOM + size)
        if memory == NULL:
            raise MemoryError()
        try:
            memcpy(memory + FRAME_HEADROOM, PyBytes_AS_STRING(data), size)
            self.write_frame(memory + FRAME_HEADROOM, size, opcode)
        finally:
            free(memory)

    @property
    def unsent_bytes(self):
        return 0 if self._transport is None else self._transport._tr_get_write_buffer_size()


@cython.final
cdef class WebSocketLink(WSListener):
    def __init__(
        self,
        FrameSink sink not None,
        owner,
        *,
        Py_ssize_t max_message_size=DEFAULT_MAX_MESSAGE_SIZE,
        Py_ssize_t max_write_buffer=DEFAULT_MAX_WRITE_BUFFER,
        double max_pause_s=DEFAULT_MAX_PAUSE_S,
        double keepalive_s=0.0,
    ):
        if max_message_size <= 0 or max_write_buffer <= 0:
            raise ValueError("max_message_size and max_write_buffer must be above 0")
        if not 0 < max_pause_s <= 86400 or not 0 <= keepalive_s <= 86400:
            raise ValueError("max_pause_s must be in (0, 86400], keepalive_s in [0, 86400]")
        self.sink = sink
        self.owner = owner
        self.max_message_size = max_message_size
        self.writer = WebSocketWriter(self, max_write_buffer)
        self._max_pause_ns = <int64_t>(max_pause_s * 1e9)
        self._keepalive_ns = <int64_t>(keepalive_s * 1e9)

    def __dealloc__(self):
        self._free_fragments()

    # -- what the connector calls

    def use_deflate(self, stream not None):
        self._inflate = stream.inflate
        self.writer._deflate = stream.deflate

    # -- what the owner calls

    @property
    def is_open(self):
        return self._state == OPEN and not self._transport.is_close_frame_sent

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
        return self._transport.underlying_transport.get_extra_info(name, default)

    def close(self, int code=1000, str reason not None=""):
        if code != 1000 and not 3000 <= code <= 4999:
            raise ValueError(f"a client closes with code 1000 or 3000 to 4999, not {code}")
        if len(reason.encode()) > _MAX_CLOSE_REASON:
            raise ValueError(f"a close reason is at most {_MAX_CLOSE_REASON} bytes of UTF-8")
        if self._state == OPEN:
            self._begin_close(code, reason, None)
        elif self._state == CONNECTING:
            self._state = CLOSED

    def abort(self, reason=None):
        if reason is not None and not isinstance(reason, DisconnectReason):
            raise TypeError(f"a reason to disconnect is a DisconnectReason, not {type(reason).__name__}")
        if self._state == CONNECTING:
            self._state = CLOSED
        elif self._state != CLOSED:
            self._transport._check_thread("abort")
            if self._reason is None:
                self._reason = ConnectionClosed(1006, "aborted by this side") if reason is None else reason
            self._state = CLOSING
            self.writer._transport = None
            self._transport.underlying_transport.abort()

    def pause_reading(self):
        if self._state == OPEN and not self._reading_paused:
            self._transport._check_thread("pause_reading")
            self._transport.underlying_transport.pause_reading()
            self._reading_paused = True
            self._pause_timer = self._start_timer(
                self._pause_timer, PAUSE_LIMIT, monotonic_ns() + self._max_pause_ns)

    def resume_reading(self):
        if self._reading_paused:
            self._transport._check_thread("resume_reading")
            self._reading_paused = False
            self._pong_awaited = False
            self._cancel_timer(self._pause_timer)
            if self._state != CLOSED:
                self._transport.underlying_transport.resume_reading()

    # -- what picows calls

    cpdef on_ws_connected(self, WSTransport transport):
        if self._state != CONNECTING:
            # Closed, or given up, while it was being connected.
            transport.disconnect(False)
            return
        self._transport = transport
        self._state = OPEN
        # An idle socket need not keep its handshake; picows itself does not look at it again.
        transport.request = None
        transport.response = None
        transport.listener_proxy = None
        transport._write_buffer = _control_frame_buffer
        self.writer._transport = transport
        transport.underlying_transport.set_write_buffer_limits(
            high=self.writer.max_write_buffer // 2, low=self.writer.max_write_buffer // 4)
        if self._keepalive_ns:
            self._keepalive_timer = self._start_timer(None, KEEPALIVE, monotonic_ns() + self._keepalive_ns)
        try:
            self.owner.on_link_connected(self)
        except Exception as exc:
            self._fail(exc)

    cdef inline int on_frame_read(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        if (
            head.fin and (head.opcode == WSMsgType.TEXT or head.opcode == WSMsgType.BINARY)
            and self._state == OPEN and self._fragments_opcode == 0 and head.rsv == 0
        ):
            return self.sink.on_frame(payload, head.payload_size, head.opcode, now_ns)
        if self._state == OPEN or head.opcode == WSMsgType.CLOSE:
            return self._on_other_frame(head, payload, now_ns)
        return 0

    cpdef on_ws_disconnected(self, WSTransport transport):
        cdef LinkTimer timer
        self._state = CLOSED
        self.writer._transport = None
        for timer in (self._close_timer, self._pause_timer, self._keepalive_timer, self._writable_timer):
            self._cancel_timer(timer)
        self._close_timer = self._pause_timer = self._keepalive_timer = self._writable_timer = None
        self._reader = None
        self._free_fragments()
        # picows would put the error of a bad frame there, where nobody looks and asyncio complains of it.
        if not transport.disconnected_future.done():
            transport.disconnected_future.set_result(None)
        if self._transport is None:
            return
        if self._reason is None:
            if transport.close_handshake is None:
                self._reason = ConnectionClosed(1006, "the connection was lost without a close frame")
            elif transport.close_handshake.recv is not None:
                self._reason = received_close(transport)
            else:
                # picows found a frame that is none, and closed.
                self._reason = ConnectionClosed(
                    <int>transport.close_handshake.sent.code, transport.close_handshake.sent.reason)
        try:
            self.owner.on_link_disconnected(self._reason)
        except Exception as exc:
            transport._loop.call_exception_handler(
                {"message": "on_link_disconnected failed", "exception": exc})

    cpdef pause_writing(self):
        pass

    cpdef resume_writing(self):
        self._check_writable()

    # -- frames that are not one whole message

    cdef int _on_other_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        cdef bint deflated = head.rsv == _RSV1
        # RFC 7692 section 6.1: the bit stands in the first frame of a message that is compressed.
        if head.rsv and (
            not deflated or self._inflate is None
            or (head.opcode != WSMsgType.TEXT and head.opcode != WSMsgType.BINARY)
        ):
            return self._begin_close(1002, "a reserved bit is set that no extension gives a meaning", None)
        if head.opcode == WSMsgType.CONTINUATION:
            if self._fragments_opcode == 0:
                return self._begin_close(1002, "a continuation frame without a message to continue", None)
            return self._on_fragment(head, payload, now_ns)
        if head.opcode == WSMsgType.TEXT or head.opcode == WSMsgType.BINARY:
            if self._fragments_opcode != 0:
                return self._begin_close(1002, "a new message within a fragmented one", None)
            if deflated and head.fin:
                return self._on_deflated(payload[:head.payload_size], head.opcode, now_ns)
            self._fragments_opcode = head.opcode
            self._fragments_deflated = deflated
            return self._on_fragment(head, payload, now_ns)
        return self._on_control_frame(head, payload)

    cdef int _on_fragment(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        cdef int opcode = self._fragments_opcode
        cdef bint deflated = self._fragments_deflated
        cdef Py_ssize_t size
        cdef char* message
        if head.payload_size > self.max_message_size - self._fragments_size:
            self._free_fragments()
            return self._begin_close(
                1009, f"a message is longer than max_message_size ({self.max_message_size})", None)
        self._append_fragment(payload, head.payload_size)
        if not head.fin:
            return 0
        message = self._fragments
        size = self._fragments_size
        self._fragments = NULL
        self._free_fragments()
        try:
            if deflated:
                return self._on_deflated(message[:size], opcode, now_ns)
            return self.sink.on_frame(message, size, opcode, now_ns)
        finally:
            free(message)

    cdef int _on_deflated(self, bytes data, int opcode, int64_t now_ns) except -1:
        cdef bytes message
        try:
            message = self._inflate(data)
        except InflateError as error:
            return self._begin_close(error.code, str(error), None)
        return self.sink.on_frame(PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message), opcode, now_ns)

    cdef int _append_fragment(self, const char* payload, Py_ssize_t size) except -1:
        cdef Py_ssize_t needed = self._fragments_size + size
        cdef Py_ssize_t capacity = self._fragments_capacity
        cdef char* grown
        if needed > capacity or self._fragments == NULL:
            # Doubling keeps many small fragments from being copied again for each; the last is cut to size
            # by the limit, which the caller has checked.
            capacity = min(max(needed, 2 * capacity, 1), self.max_message_size)
            grown = <char*>realloc(self._fragments, capacity)
            if grown == NULL:
                raise MemoryError()
            self._fragments = grown
            self._fragments_capacity = capacity
        if size:
            memcpy(self._fragments + self._fragments_size, payload, size)
            self._fragments_size = needed
        return 0

    cdef int _free_fragments(self) noexcept:
        free(self._fragments)
        self._fragments = NULL
        self._fragments_size = 0
        self._fragments_capacity = 0
        self._fragments_opcode = 0
        self._fragments_deflated = False
        return 0

    cdef int _on_control_frame(self, const FrameHead* head, const char* payload) except -1:
        if head.opcode == WSMsgType.PING:
            # A server that pings and does not read gets no pongs: what is unsent must stay bounded.
            if self.writer._unsent_bound + head.payload_size > self.writer.max_write_buffer:
                self.writer._unsent_bound = self._transport._tr_get_write_buffer_size()
            if self.writer._unsent_bound + head.payload_size <= self.writer.max_write_buffer:
                self.writer._unsent_bound += head.payload_size + FRAME_HEADROOM
                self._transport.send_pong(payload[:head.payload_size])
        elif head.opcode == WSMsgType.PONG:
            if self._pong_awaited and payload[:head.payload_size] == b"%d" % self._pings:
                self._pong_awaited = False
        elif self._state == OPEN:
            self._on_close_frame(payload, head.payload_size)
        return 0

    cdef int _on_close_frame(self, const char* payload, Py_ssize_t size) except -1:
        """RFC 6455 section 5.5.1 and 7.4: a code and a reason, or nothing."""
        cdef int code = 1005
        cdef str reason = ""
        if size == 1:
            return self._begin_close(1002, "a close frame has half a code", None)
        if size:
            code = (<uint8_t>payload[0] << 8) | <uint8_t>payload[1]
            if code < 1000 or code > 4999 or code in (1004, 1005, 1006) or 1014 < code < 3000:
                return self._begin_close(1002, f"a close frame has the code {code}", None)
            try:
                reason = payload[2:size].decode("utf-8")
            except UnicodeDecodeError:
                return self._begin_close(1007, "a close frame's reason is not UTF-8", None)
        return self._begin_close(1000 if code == 1005 else code, "", ConnectionClosed(code, reason))

    # -- the end

    cdef int _begin_close(self, int code, str text, object reason) except -1:
        """Send a close frame (none for code 0: picows has), and give the server a time to end it."""
        if self._state != OPEN:
            return 0
        if code and not self._transport.is_close_frame_sent:
            self._transport.send_close(<WSCloseCode>code, text)
        self._state = CLOSING
        self.writer._transport = None
        if reason is not None:
            self._reason = reason
        elif code >= 1001 and code < 3000:
            self._reason = ConnectionClosed(code, text)
        self._free_fragments()
        if self._reading_paused:
            # The server's answer and the end of the connection are only seen while reading.
            self.resume_reading()
        # The server ends the connection (RFC 6455 section 7.1.1), so that the wait of TCP is its own and the
        # client's port is free again.
        self._close_timer = self._start_timer(None, CLOSE_TIMEOUT, monotonic_ns() + _CLOSE_TIMEOUT_NS)
        return 0

    cdef int _fail(self, object exc) except -1:
        """An exception of the sink or of the owner: the owner hears of it, and the connection ends."""
        try:
            self.owner.on_link_error(exc)
        except Exception as second:
            self._transport._loop.call_exception_handler(
                {"message": "on_link_error failed", "exception": second})
        # Not the exception's text, which is nothing that a server should be told.
        return self._begin_close(1011, "the client failed", TransportDown(exc))

    # -- timers

    cdef LinkTimer _start_timer(self, LinkTimer timer, int purpose, int64_t deadline_ns):
        cdef TimerWheel wheel = wheel_for(self._transport._loop)
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

    cdef int _on_timer(self, int purpose, int64_t now_ns) except -1:
        if purpose == KEEPALIVE:
            return self._send_keepalive(now_ns)
        if purpose == WRITABLE:
            return self._check_writable()
        if purpose == CLOSE_TIMEOUT:
            self._transport.underlying_transport.abort()
        elif self._reading_paused:
            self._fail(OverloadedError(
                f"reading was paused for more than max_pause ({self._max_pause_ns / 1e9:g} s): "
                "the consumer does not keep up"
            ))
        return 0

    cdef int _send_keepalive(self, int64_t now_ns) except -1:
        if self._state != OPEN:
            return 0
        if self._pong_awaited and not self._reading_paused:
            if not self._pong_overdue:
                # After a stall of this loop the pong may have come and not be read yet: some turns for that.
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
        self._transport.send_ping(b"%d" % self._pings)
        return 0

    cdef int _check_writable(self) except -1:
        cdef Py_ssize_t unsent
        if not self.writer._overloaded or self._state != OPEN:
            return 0
        unsent = self._transport._tr_get_write_buffer_size()
        if unsent > self.writer.max_write_buffer // 4:
            self._writable_timer = self._start_timer(
                self._writable_timer, WRITABLE, monotonic_ns() + _WRITABLE_POLL_NS)
            return 0
        self.writer._overloaded = False
        self.writer._unsent_bound = unsent
        self._cancel_timer(self._writable_timer)
        try:
            self.owner.on_link_writable()
        except Exception as exc:
            self._fail(exc)
        return 0
