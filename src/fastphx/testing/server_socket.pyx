from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT
from fastphx.protocol.utf8 cimport valid_utf8
from fastphx.testing.faults cimport Faults
from fastphx.testing.hub cimport Hub, to_ns
from fastphx.testing.outlet cimport Outlet
from fastphx.testing.pubsub cimport PubSub
from fastphx.transports.websocket.frame_head cimport (
    OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_PONG, FrameHead, may_close_with,
)
from fastphx.transports.websocket.writer cimport FrameTransport
from fastphx.timing.wheel cimport monotonic_ns

import logging
from collections import deque

from fastphx.foreign_text import visible
from fastphx.operating_system.sockets import reset_on_close
from fastphx.transports.websocket.deflate import MIN_DEFLATED_BYTES as _min_deflated_bytes, InflateError

cdef Py_ssize_t _MIN_DEFLATED_BYTES = _min_deflated_bytes
cdef object _logger = logging.getLogger("fastphx.testing")

cdef enum:
    CLOCK_SLACK_NS = 5_000_000      # a loop may fire a timer a little early
    RSV1 = 4


cdef class ServerSocket(Outlet):
    """One client's socket, as its channels know it. ``assigns`` is what the handler's ``connect`` returned
    for the handshake."""

    def __init__(self, Hub hub not None, PubSub pubsub not None, params, assigns, id, int vsn,
                 double idle_timeout_s, Py_ssize_t max_message_size):
        self.hub = hub
        self.pubsub = pubsub
        self.params = params
        self.assigns = assigns
        self.id = id
        self.vsn = vsn
        self.idle_timeout_ns = to_ns(idle_timeout_s)
        self.max_message_size = max_message_size

    def use_deflate(self, stream not None):
        """Compress what is sent and inflate what is received, as the handshake agreed (a DeflateStream)."""
        self._inflate = stream.inflate
        self._deflate = stream.deflate

    @property
    def loop(self):
        return self.hub.loop

    @property
    def is_open(self):
        """True until either side has closed."""
        return self.state == STATE_OPEN

    @property
    def unsent_bytes(self):
        """Bytes that wait for the client to read, or for a fault switch."""
        if self.transport is None:
            return 0
        return self._unwritten_bytes + self.transport.transport.get_write_buffer_size()

    @property
    def queued_bytes(self):
        """Bytes that the client has sent and its channels have not handled, and its topics' names."""
        return self._queued_bytes

    @property
    def faults(self):
        """What this connection does wrong on purpose, in addition to the server's faults."""
        if self._faults is None:
            self._faults = Faults()
        return self._faults

    # For a connection.

    cdef int on_message(self, const char* data, Py_ssize_t size, int opcode) except -1:
        raise NotImplementedError

    cdef int on_end(self) except -1:
        return 0

    cdef int forget(self, str topic, object channel) except -1:
        return 0

    # Of its reader.

    cdef int on_connected(self, FrameTransport transport) except -1:
        self.transport = transport
        self.state = STATE_OPEN
        self.received_ns = monotonic_ns()
        self.hub.counters.connections += 1
        self.hub.counters.connections_open += 1
        self.hub.on_open(self)
        if self.received_ns < self.hub.stalled_until_ns:
            self.stalled_until_ns = self.hub.stalled_until_ns
            self.hold()
        return 0

    cdef int on_frame(self, const FrameHead* head, const char* payload) except -1:
        if self.state != STATE_OPEN:
            if self.state == STATE_CLOSING and head.opcode == OPCODE_CLOSE:
                self.state = STATE_CLOSED
                self.transport.transport.close()
            return 0
        if self.stalled_until_ns:
            # Reading is paused, but what was read in one go is still handed on.
            self._held_in.append((head.opcode, head.fin, head.rsv, payload[:head.payload_size]))
            return 0
        self.received_ns = monotonic_ns()
        return self.on_part(head.opcode, head.fin, head.rsv, payload, head.payload_size)

    cdef int break_off(self, int code, str reason) except -1:
        if self.state == STATE_OPEN and code != 1009:
            self.hub.counters.bad_frames += 1
        self.disconnect(code, reason)
        return 0

    cdef int on_part(self, int opcode, bint fin, int rsv, const char* data, Py_ssize_t size) except -1:
        cdef bint deflated = rsv == RSV1
        if rsv and (not deflated or self._inflate is None
                    or (opcode != OPCODE_TEXT and opcode != OPCODE_BINARY)):
            return self.protocol_error("a reserved bit is set, and no extension gives it a meaning")
        if opcode == OPCODE_TEXT or opcode == OPCODE_BINARY:
            if size > self.max_message_size:
                self.disconnect(1009, "the message is too big")
                return 0
            if fin and self._fragments is None:
                if deflated:
                    return self.receive_deflated(data[:size], opcode)
                return self.receive(data, size, opcode)
            if self._fragments is not None:
                return self.protocol_error("a new message began before the last one's end")
            self._fragments = bytearray(data[:size])
            self._fragments_opcode = opcode
            self._fragments_deflated = deflated
        elif opcode == OPCODE_CONTINUATION:
            if self._fragments is None:
                return self.protocol_error("a continuation came without a beginning")
            if len(self._fragments) + size > self.max_message_size:
                self.disconnect(1009, "the message is too big")
                return 0
            self._fragments += data[:size]
            if fin:
                whole = bytes(self._fragments)
                self._fragments = None
                if self._fragments_deflated:
                    return self.receive_deflated(whole, self._fragments_opcode)
                return self.receive(PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole), self._fragments_opcode)
        elif opcode == OPCODE_PING:
            if self.writing_paused:
                self.wait(OPCODE_PONG, data[:size])
            else:
                self.transport.send_control(OPCODE_PONG, data, size)
        elif opcode == OPCODE_CLOSE:
            self.answer_close(data, size)
        return 0

    cdef int receive_deflated(self, bytes data, int opcode) except -1:
        cdef bytes message
        try:
            message = self._inflate(data)
        except InflateError as error:
            self.hub.counters.bad_frames += 1
            self.disconnect(error.code, str(error))
            return 0
        return self.receive(PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message), opcode)

    cdef int protocol_error(self, str reason) except -1:
        self.hub.counters.bad_frames += 1
        self.disconnect(1002, reason)
        return 0

    cdef int answer_close(self, const char* data, Py_ssize_t size) except -1:
        cdef int code = 1000
        if size:
            # The client waits for no second close frame: the code of the answer says what is wrong.
            code = 0 if size == 1 else (<unsigned char>data[0] << 8) | <unsigned char>data[1]
            if not may_close_with(code):
                self.hub.counters.bad_frames += 1
                code = 1002
            elif not valid_utf8(data + 2, size - 2):
                self.hub.counters.bad_frames += 1
                code = 1007
        self.on_end()
        self.flush_all()
        self.state = STATE_CLOSED
        # How long the close waits for what is unsent.
        self.deadline_ns = monotonic_ns() + self.hub.close_timeout_ns
        self.transport.send_close(code, b"")
        self.transport.transport.close()
        return 0

    cdef int on_lost(self) except -1:
        if self.transport is None:
            return 0
        self.transport.lose()
        self.on_end()
        self.state = STATE_CLOSED
        self.transport = None
        self._held_in = self._unwritten = None
        self.cancel_put_off()
        self.hub.counters.connections_open -= 1
        self.hub.on_end(self)
        return 0

    cdef int pause_writing(self) except -1:
        self.writing_paused = True
        return 0

    cdef int resume_writing(self) except -1:
        self.writing_paused = False
        if self.state == STATE_OPEN and not self.stalled_until_ns:
            self.flush()
        return 0

    # Frames out.

    cdef int send(self, int opcode, char* data, Py_ssize_t size) except -1:
        cdef Hub hub = self.hub
        if self.state != STATE_OPEN:
            return 0
        if hub.faults.take_truncation() or (self._faults is not None and self._faults.take_truncation()):
            hub.counters.truncated_frames += 1
            size = size // 2
        if self.writing_paused or self.stalled_until_ns:
            return self.wait(opcode, data[:size])
        return self.write(opcode, data, size)

    cdef int wait(self, int opcode, bytes data) except -1:
        """Keep a frame until it may be written."""
        if not self.put_aside(PyBytes_GET_SIZE(data)):
            return 0
        if self._unwritten is None:
            self._unwritten = deque()
        self._unwritten.append((opcode, data))
        return 1

    cdef int write(self, int opcode, char* data, Py_ssize_t size) except -1:
        cdef Hub hub = self.hub
        cdef bytes deflated
        if opcode == OPCODE_PONG:
            self.transport.send_control(opcode, data, size)
            return 1
        hub.counters.frames_sent += 1
        if self._deflate is not None and size >= _MIN_DEFLATED_BYTES:
            deflated = self._deflate(data[:size])
            size = PyBytes_GET_SIZE(deflated)
            data = hub.reserve(size)
            memcpy(data, PyBytes_AS_STRING(deflated), <size_t>size)
            hub.counters.bytes_sent += <uint64_t>size
            self.transport.send_message(opcode, data, size, True)
            return 1
        hub.counters.bytes_sent += size
        self.transport.send_message(opcode, data, size, False)
        return 1

    cdef int flush(self) except -1:
        """Write the frames that wait, until the transport has enough."""
        while self._unwritten and not self.writing_paused:
            self.write_first()
        return 0

    cdef int flush_all(self) except -1:
        """Write all frames that wait for the client to read: a close frame follows."""
        while self._unwritten and not self.stalled_until_ns:
            self.write_first()
        return 0

    cdef int write_first(self) except -1:
        cdef int opcode
        cdef bytes data
        cdef char* out
        opcode, data = self._unwritten.popleft()
        self.take_up(PyBytes_GET_SIZE(data))
        out = self.hub.reserve(PyBytes_GET_SIZE(data))
        memcpy(out, PyBytes_AS_STRING(data), <size_t>PyBytes_GET_SIZE(data))
        return self.write(opcode, out, PyBytes_GET_SIZE(data))

    # Limits of what waits.

    cdef bint put_aside(self, Py_ssize_t size) except -1:
        if self._unwritten_bytes + size + ITEM_BYTES > self.hub.max_write_buffer:
            self.hub.counters.overflows += 1
            self.cut_now()
            return False
        self._unwritten_bytes += size + ITEM_BYTES
        return True

    cdef int take_up(self, Py_ssize_t size) noexcept:
        self._unwritten_bytes -= size + ITEM_BYTES
        return 0

    cdef bint enqueue(self, Py_ssize_t size) except -1:
        if self._queued_bytes + size > self.hub.max_queue_bytes:
            self.hub.counters.overflows += 1
            self.disconnect(1008, "too much waits for the channels")
            return False
        self._queued_bytes += size
        return True

    cdef int dequeue(self, Py_ssize_t size) noexcept:
        self._queued_bytes -= size
        return 0

    cdef int cancel_put_off(self) except -1:
        # Otherwise, their data would be kept for nobody until they are due.
        if self.put_off is not None:
            for timer in self.put_off:
                timer.cancel()
            self.put_off = None
        return 0

    cdef int send_bytes(self, int opcode, bytes data) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef char* out = self.hub.reserve(size)
        memcpy(out, PyBytes_AS_STRING(data), <size_t>size)
        return self.send(opcode, out, size)

    # Frames in.

    cdef int receive(self, const char* data, Py_ssize_t size, int opcode) except -1:
        # RFC 6455 section 8.1.
        if opcode == OPCODE_TEXT and not valid_utf8(data, size):
            self.hub.counters.bad_frames += 1
            self.disconnect(1007, "a text message is not valid UTF-8")
            return 0
        self.hub.counters.frames_received += 1
        self.hub.counters.bytes_received += size
        return self.on_message(data, size, opcode)

    cdef int bad_frame(self, object error) except -1:
        self.hub.counters.bad_frames += 1
        _logger.info("closing a socket with code 1011: %s", visible(str(error)))
        self.disconnect(1011)
        return 0

    # Of the server.

    def disconnect(self, int code=1001, str reason not None=""):
        """Close the socket with *code*. Its channels end without a message of their own."""
        if self.state != STATE_OPEN:
            return
        self.hub.counters.disconnects += 1
        self.on_end()
        self.flush_all()
        self.state = STATE_CLOSING
        self.deadline_ns = monotonic_ns() + self.hub.close_timeout_ns
        self.transport.send_close(code, reason.encode())

    def cut(self):
        """Reset the TCP connection: the client sees no close frame."""
        if self.state == STATE_OPEN:
            self.hub.counters.disconnects += 1
        self.cut_now()

    cdef int cut_now(self) except -1:
        if self.transport is None:
            return 0
        self.on_end()
        self.state = STATE_CLOSED
        self.deadline_ns = 0
        raw = self.transport.transport.get_extra_info("socket")
        if raw is not None:
            reset_on_close(raw)
        self.transport.transport.abort()
        return 0

    def stall(self, double seconds):
        """Neither read nor send for *seconds*, then continue. With 0: continue now."""
        if self.state != STATE_OPEN:
            return
        cdef int64_t until_ns = monotonic_ns() + to_ns(seconds)
        if seconds <= 0:
            if self.stalled_until_ns:
                self.stalled_until_ns = until_ns
                self._resume()
        elif not self.stalled_until_ns:
            self.stalled_until_ns = until_ns
            self.hold()
        elif until_ns > self.stalled_until_ns:
            self.stalled_until_ns = until_ns

    cdef int hold(self) except -1:
        self._held_in = []
        if not self.transport.transport.is_closing():
            self.transport.transport.pause_reading()
        self.hub.loop.call_later((self.stalled_until_ns - monotonic_ns()) / 1e9, self._resume)
        return 0

    def _resume(self):
        cdef int64_t now = monotonic_ns()
        cdef bytes data
        if self.state != STATE_OPEN or not self.stalled_until_ns:
            return
        if now + CLOCK_SLACK_NS < self.stalled_until_ns:
            self.hub.loop.call_later((self.stalled_until_ns - now) / 1e9, self._resume)
            return
        self.stalled_until_ns = 0
        self.received_ns = now
        held_in = self._held_in
        self._held_in = None
        self.flush()
        for opcode, fin, rsv, data in held_in:
            if self.state == STATE_OPEN:
                self.on_part(opcode, fin, rsv, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        if self.state == STATE_OPEN and not self.transport.transport.is_closing():
            self.transport.transport.resume_reading()


def sweep(connections):
    """Close the *connections* that have been silent for their idle timeout (code 1002, as Bandit does), and
    cut those that have not answered a close, or have not read what came before it."""
    cdef ServerSocket connection
    cdef int64_t now = monotonic_ns()
    for connection in list(connections):
        if connection.state == STATE_OPEN:
            if not connection.stalled_until_ns and now - connection.received_ns > connection.idle_timeout_ns:
                connection.hub.counters.idle_timeouts += 1
                connection.disconnect(1002)
        elif 0 < connection.deadline_ns < now:
            connection.cut_now()
