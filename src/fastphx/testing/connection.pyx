import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy
from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from fastphx.protocol.codec cimport (
    Header, KIND_TEXT, Message, REF_NULL, REF_NUMBER, Ref, message_from_header, release, scan, scan_error,
    set_ref,
)
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT
from fastphx.testing.channel cimport (
    CHANNEL_CLOSED, CHANNEL_JOINED, Channel, Reply, Stop, encode_payload,
)
from fastphx.testing.faults cimport Faults
from fastphx.testing.hub cimport Hub, to_ns
from fastphx.timing.wheel cimport monotonic_ns

import logging
import socket
import struct
from collections import deque
from types import CoroutineType

import orjson

from fastphx.errors import DecodeError, EncodingError, OverloadedError, clip
from fastphx.protocol.codec import (
    encode,
    encode_binary_reply,
    encode_binary_server_push,
    encode_reply,
)

from fastphx.transports.deflate import MIN_DEFLATED_BYTES as _min_deflated_bytes, InflateError

cdef Py_ssize_t _MIN_DEFLATED_BYTES = _min_deflated_bytes
cdef object _logger = logging.getLogger("fastphx.testing")
cdef object _loads = orjson.loads
cdef object _dumps = orjson.dumps
cdef bytes _RESET_ON_CLOSE = struct.pack("ii", 1, 0)

cdef enum ItemKind:
    ITEM_IN = 0
    ITEM_INFO = 1
    ITEM_LEAVE = 2
    ITEM_JOIN = 3

cdef enum:
    MAILBOX_LIMIT = 65536           # messages that wait for a channel's coroutine
    REPLY_OVERHEAD_BYTES = 64
    CLOCK_SLACK_NS = 5_000_000      # a loop may fire a timer a little early


cdef inline bint equals(const char* data, Py_ssize_t size, const char* text, Py_ssize_t text_size) noexcept:
    return size == text_size and memcmp(data, text, <size_t>size) == 0


cdef inline char* put(char* out, const char* data, Py_ssize_t size) noexcept:
    memcpy(out, data, <size_t>size)
    return out + size


cdef inline Py_ssize_t token_size(const Ref* ref) noexcept:
    return 4 if ref.type == REF_NULL else ref.size


cdef inline char* put_token(char* out, const Ref* ref) noexcept:
    return put(out, "null", 4) if ref.type == REF_NULL else put(out, ref.data, ref.size)


cdef inline bytes object_frame(str topic, str event, bytes payload, object ref):
    """A frame of vsn 1.0.0, its keys in the order that Phoenix writes."""
    return b'{"event":%b,"payload":%b,"ref":%b,"topic":%b}' % (
        _dumps(event), payload, _dumps(ref), _dumps(topic))


cdef str characters(object ref):
    """A ref for a binary frame."""
    return "" if ref is None else str(ref)


@cython.final
cdef class Connection(WSListener):
    """One client's socket. ``assigns`` is what the handler's ``connect`` made of the handshake."""

    def __init__(self, Hub hub not None, handler, params, assigns, id, int vsn, double idle_timeout_s):
        self.hub = hub
        self.handler = handler
        self.params = params
        self.assigns = assigns
        self.id = id
        self.vsn = vsn
        self.idle_timeout_ns = to_ns(idle_timeout_s)
        self._channels = {}

    def use_deflate(self, stream not None):
        """Compress what is sent and inflate what is received, as the handshake agreed (a DeflateStream)."""
        self._inflate = stream.inflate
        self._deflate = stream.deflate

    @property
    def loop(self):
        return self.hub.loop

    @property
    def pubsub(self):
        return self.hub.pubsub

    @property
    def is_open(self):
        """True until either side has closed."""
        return self.state == STATE_OPEN

    @property
    def channels(self):
        """The channels by topic: a copy."""
        return dict(self._channels)

    @property
    def faults(self):
        """What this connection does wrong on purpose, beside the server's faults."""
        if self._faults is None:
            self._faults = Faults()
        return self._faults

    # Of the transport.

    cpdef on_ws_connected(self, WSTransport transport):
        # The handshake's headers take kilobytes a connection, and nobody reads them any more.
        transport.request = None
        transport.response = None
        self.transport = transport
        self.state = STATE_OPEN
        self.received_ns = monotonic_ns()
        self.hub.connections.add(self)
        self.hub.counters.connections += 1
        self.hub.counters.connections_open += 1
        if self.id is not None:
            self.hub.ids.setdefault(self.id, set()).add(self)
        if self.received_ns < self.hub.stalled_until_ns:
            self.stalled_until_ns = self.hub.stalled_until_ns
            self.hold()

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef int opcode = <int>frame.msg_type
        if self.state != STATE_OPEN:
            if self.state == STATE_CLOSING and opcode == <int>WSMsgType.CLOSE:
                self.state = STATE_CLOSED
                transport.disconnect()
            return
        if self.stalled_until_ns:
            # Reading is paused, but picows hands on what it had read before.
            self._held_in.append((opcode, frame.fin, frame.rsv1, frame.payload_ptr[:frame.payload_size]))
            return
        self.received_ns = monotonic_ns()
        self.on_part(opcode, frame.fin, frame.rsv1, frame.payload_ptr, frame.payload_size)

    cdef int on_part(self, int opcode, bint fin, bint deflated, const char* data, Py_ssize_t size) except -1:
        if deflated and (self._inflate is None or (opcode != OPCODE_TEXT and opcode != OPCODE_BINARY)):
            return self.protocol_error("a reserved bit is set that no extension gives a meaning")
        if opcode == OPCODE_TEXT or opcode == OPCODE_BINARY:
            if fin and self._fragments is None:
                if deflated:
                    return self.receive_deflated(data[:size], opcode)
                return self.receive(data, size, opcode)
            if self._fragments is not None:
                return self.protocol_error("a new message began before the last one's end")
            self._fragments = bytearray(data[:size])
            self._fragments_opcode = opcode
            self._fragments_deflated = deflated
        elif opcode == <int>WSMsgType.CONTINUATION:
            if self._fragments is None:
                return self.protocol_error("a continuation came without a beginning")
            if len(self._fragments) + size > <Py_ssize_t>self.handler.max_message_size:
                self.disconnect(1009, "the message is too big")
                return 0
            self._fragments += data[:size]
            if fin:
                whole = bytes(self._fragments)
                self._fragments = None
                if self._fragments_deflated:
                    return self.receive_deflated(whole, self._fragments_opcode)
                return self.receive(PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole), self._fragments_opcode)
        elif opcode == <int>WSMsgType.PING:
            self.transport.send_pong(data[:size])
        elif opcode == <int>WSMsgType.CLOSE:
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
        if size >= 2:
            code = (<unsigned char>data[0] << 8) | <unsigned char>data[1]
        self.end()
        self.state = STATE_CLOSED
        self.transport.send_close(<WSCloseCode>code)
        self.transport.disconnect()
        return 0

    cpdef on_ws_disconnected(self, WSTransport transport):
        if self.transport is None:
            return
        self.end()
        self.state = STATE_CLOSED
        self.transport = None
        self._held_in = self._held_out = None
        self.hub.connections.discard(self)
        self.hub.counters.connections_open -= 1
        if self.id is not None:
            same = self.hub.ids.get(self.id)
            if same is not None:
                same.discard(self)
                if not same:
                    del self.hub.ids[self.id]
        if not self.hub.connections and self.hub.on_empty is not None:
            self.hub.on_empty()

    cpdef pause_writing(self):
        self.writing_paused = True

    cpdef resume_writing(self):
        self.writing_paused = False

    # Frames out.

    cdef int send(self, int opcode, char* data, Py_ssize_t size) except -1:
        cdef Hub hub = self.hub
        if self.state != STATE_OPEN:
            return 0
        if hub.faults.take_truncation() or (self._faults is not None and self._faults.take_truncation()):
            hub.counters.truncated_frames += 1
            size = size // 2
        if self.stalled_until_ns:
            if self._held_out_bytes + size > hub.max_write_buffer:
                return self.overflow()
            self._held_out_bytes += size
            self._held_out.append((opcode, data[:size]))
            return 1
        if self.writing_paused and (
                self.transport.underlying_transport.get_write_buffer_size() + size > hub.max_write_buffer):
            return self.overflow()
        hub.counters.frames_sent += 1
        if self._deflate is not None and size >= _MIN_DEFLATED_BYTES:
            deflated = self._deflate(data[:size])
            hub.counters.bytes_sent += <uint64_t>PyBytes_GET_SIZE(deflated)
            self.transport.send(<WSMsgType>opcode, deflated, True, True)
            return 1
        hub.counters.bytes_sent += size
        self.transport.send_reuse_external_buffer(<WSMsgType>opcode, data, size)
        return 1

    cdef int overflow(self) except -1:
        self.hub.counters.overflows += 1
        self.cut_now()
        return 0

    cdef int send_bytes(self, int opcode, bytes data) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef char* out = self.hub.reserve(size)
        memcpy(out, PyBytes_AS_STRING(data), <size_t>size)
        return self.send(opcode, out, size)

    cdef bytes text_frame(self, object join_ref, object ref, str topic, str event, bytes payload):
        if self.vsn == 1:
            return object_frame(topic, event, payload, ref)
        return encode(join_ref, ref, topic, event, payload)

    # Frames in.

    cdef int receive(self, const char* data, Py_ssize_t size, int opcode) except -1:
        cdef Header header
        cdef const char* reason
        cdef Py_ssize_t position = 0
        self.hub.counters.frames_received += 1
        self.hub.counters.bytes_received += size
        if self.vsn == 1:
            return self.receive_object(data, size, opcode)
        reason = scan(data, size, opcode, True, &header, &position)
        if reason != NULL:
            return self.bad_frame(scan_error(reason, position, data, size))
        try:
            return self.dispatch(&header)
        finally:
            release(&header)

    cdef int receive_object(self, const char* data, Py_ssize_t size, int opcode) except -1:
        cdef Header header
        cdef bytes topic, event, payload, ref
        try:
            fields = _loads(data[:size])
            if not isinstance(fields, dict):
                raise ValueError("a frame is not a JSON object")
            if not isinstance(fields["topic"], str) or not isinstance(fields["event"], str):
                raise ValueError("a topic or event is not a string")
            topic = fields["topic"].encode()
            event = fields["event"].encode()
            payload = _dumps(fields["payload"])
            ref = _dumps(fields["ref"])
            header.ref.type = REF_NULL
            set_ref(&header.ref, fields["ref"])
        except (ValueError, KeyError) as error:
            return self.bad_frame(error)
        header.kind = KIND_TEXT
        header.join_ref.type = REF_NULL
        header.ref.data = PyBytes_AS_STRING(ref)
        header.ref.size = PyBytes_GET_SIZE(ref)
        header.topic.data = PyBytes_AS_STRING(topic)
        header.topic.size = PyBytes_GET_SIZE(topic)
        header.event.data = PyBytes_AS_STRING(event)
        header.event.size = PyBytes_GET_SIZE(event)
        header.payload = PyBytes_AS_STRING(payload)
        header.payload_size = PyBytes_GET_SIZE(payload)
        header.payload_object = NULL
        header.event_text = NULL
        header.frame_size = size
        header.heap = NULL
        header.scratch_used = 0
        return self.dispatch(&header)

    cdef int bad_frame(self, object error) except -1:
        self.hub.counters.bad_frames += 1
        _logger.info("closing a socket with code 1011: %s", error)
        self.disconnect(1011)
        return 0

    cdef Channel find(self, const Header* header):
        cdef Channel channel = self._last
        if channel is not None and equals(header.topic.data, header.topic.size,
                                          PyBytes_AS_STRING(channel.topic_bytes),
                                          PyBytes_GET_SIZE(channel.topic_bytes)):
            return channel
        channel = <Channel>self._channels.get(
            PyUnicode_DecodeUTF8(header.topic.data, header.topic.size, NULL))
        if channel is not None:
            self._last = channel
        return channel

    cdef bint is_current(self, Channel channel, const Header* header) except -1:
        # A channel that was joined without a join_ref (vsn 1.0.0) takes every message, as in Phoenix.Socket.
        if channel.join_ref is None:
            return True
        if header.join_ref.type == REF_NUMBER:
            return (channel.join_ref_number == header.join_ref.number
                    and channel.join_ref_quoted == <bint>header.join_ref.quoted)
        if header.join_ref.type == REF_NULL:
            return False
        return message_from_header(header, channel.topic).join_ref == channel.join_ref

    cdef int dispatch(self, Header* header) except -1:
        cdef Channel channel
        cdef const char* event = header.event.data
        cdef Py_ssize_t size = header.event.size
        if header.topic.size == 7 and equals(event, size, "heartbeat", 9) and memcmp(
                header.topic.data, "phoenix", 7) == 0:
            self.hub.counters.heartbeats += 1
            if self.hub.faults.drop_heartbeats or (self._faults is not None and self._faults.drop_heartbeats):
                return 0
            ref = message_from_header(header, "phoenix").ref
            return self.send_bytes(OPCODE_TEXT, self.reply_frame(None, ref, "phoenix", "ok", b"{}"))
        channel = self.find(header)
        if equals(event, size, "phx_join", 8):
            return self.do_join(header, channel)
        if channel is None:
            return self.dispatch_unknown(header)
        if not self.is_current(channel, header):
            self.hub.counters.stale += 1
            return 0
        cdef Message message = message_from_header(header, channel.topic)
        if equals(event, size, "phx_leave", 9):
            if channel.task is not None or channel.running:
                return self.post(channel, ITEM_LEAVE, message)
            return self.do_leave(channel, message)
        self.hub.counters.pushes += 1
        if channel.task is not None or channel.running:
            return self.post(channel, ITEM_IN, message)
        return self.handle_in(channel, message, header)

    cdef int dispatch_unknown(self, Header* header) except -1:
        cdef Message message = message_from_header(header, None)
        if message.event == "phx_leave":
            return self.answer(message.join_ref, message.ref, message.topic, "ok", None, False)
        self.hub.counters.unmatched += 1
        return self.answer(None, message.ref, message.topic, "error", {"reason": "unmatched topic"}, False)

    # Joining and leaving.

    cdef int do_join(self, Header* header, Channel old) except -1:
        cdef Message message = message_from_header(header, None)
        cdef Channel channel = None
        if old is None and len(self._channels) >= <Py_ssize_t>self.handler.max_channels_per_transport:
            return self.fail_join(None, message, {"reason": "too many channels joined"})
        factory = self.handler.route(message.topic)
        if factory is None:
            self.hub.counters.join_errors += 1
            return self.answer(
                None, message.ref, message.topic, "error", {"reason": "unmatched topic"}, False)
        try:
            payload = message.payload
        except DecodeError as error:
            return self.bad_frame(error)
        if old is not None:
            # The old channel ends first, but its phx_close follows the new join's reply.
            self.remove(old, "duplicate_join")
        refusal = self.hub.faults.refuse_joins
        if refusal is None and self._faults is not None:
            refusal = self._faults.refuse_joins
        if refusal is not None:
            self.fail_join(None, message, refusal)
        else:
            try:
                channel = factory()
                channel.topic = message.topic
                channel.topic_bytes = message.topic.encode()
                channel.topic_json = _dumps(message.topic)
                channel.join_ref = message.join_ref
                channel.join_ref_number = header.join_ref.number if header.join_ref.type == REF_NUMBER else 0
                channel.join_ref_quoted = header.join_ref.quoted if header.join_ref.type == REF_NUMBER else 0
                channel.socket = self
                self._channels[channel.topic] = channel
                channel.running = True
                try:
                    result = channel.join(channel.topic, payload)
                finally:
                    channel.running = False
                if type(result) is CoroutineType:
                    self.start_task(channel, ITEM_JOIN, message, result)
                else:
                    self.end_join(channel, message, result)
            except Exception as error:
                self.crash_join(channel, message, error)
        if old is None:
            return 0
        if channel is not None and channel.task is not None:
            channel.replaced = old
            return 0
        return self.close_channel(old)

    cdef int crash_join(self, Channel channel, Message message, object error) except -1:
        self.hub.counters.crashes += 1
        _logger.error("a join of %s crashed", clip(message.topic), exc_info=error)
        return self.fail_join(channel, message, {"reason": "join crashed"})

    cdef int end_join(self, Channel channel, Message message, object result) except -1:
        cdef Reply reply
        if channel.state == CHANNEL_CLOSED:
            return 0
        if result is None:
            reply = Reply()
        elif type(result) is Reply:
            reply = <Reply>result
        else:
            raise TypeError(f"join returned {clip(repr(result))}: return None or a Reply")
        if reply.status != "ok":
            return self.fail_join(channel, message, reply.response)
        # What may fail comes first: a response that cannot be encoded is a crashed join.
        cdef bytes response = encode_payload(reply.response)
        channel.state = CHANNEL_JOINED
        self.hub.pubsub.subscribe(channel)
        self.hub.counters.joins += 1
        self.send_reply(OPCODE_TEXT, self.reply_frame(
            message.join_ref, message.ref, message.topic, "ok", response), False)
        return self.drain(channel)

    cdef int fail_join(self, Channel channel, Message message, object response) except -1:
        if channel is not None and channel.state != CHANNEL_CLOSED:
            channel.state = CHANNEL_CLOSED
            if self._channels.get(channel.topic) is channel:
                del self._channels[channel.topic]
            if self._last is channel:
                self._last = None
            self.call_monitors(channel, "join failed")
        self.hub.counters.join_errors += 1
        return self.answer(message.join_ref, message.ref, message.topic, "error", response, False)

    cdef int do_leave(self, Channel channel, Message message) except -1:
        self.hub.counters.leaves += 1
        self.answer(message.join_ref, message.ref, message.topic, "ok", None, False)
        self.remove(channel, "left")
        return self.close_channel(channel)

    # Callbacks.

    cdef int handle_in(self, Channel channel, Message message, Header* header) except -1:
        channel.running = True
        try:
            result = channel.handle_in(message.event, message)
        except DecodeError as error:
            return self.bad_frame(error)
        except Exception as error:
            return self.crash(channel, error)
        finally:
            channel.running = False
        if result is not None:
            if type(result) is CoroutineType:
                return self.start_task(channel, ITEM_IN, message, result)
            self.finish(channel, message, header, result)
        # Without a header it is `drain` that has called this, and goes on by itself.
        if channel.mailbox is not None and header != NULL:
            self.drain(channel)
        return 0

    cdef int handle_info(self, Channel channel, object message) except -1:
        channel.running = True
        try:
            result = channel.handle_info(message)
        except Exception as error:
            return self.crash(channel, error)
        finally:
            channel.running = False
        if result is None:
            return 0
        if type(result) is CoroutineType:
            return self.start_task(channel, ITEM_INFO, None, result)
        return self.finish(channel, None, NULL, result)

    cdef int finish(self, Channel channel, Message message, Header* header, object result) except -1:
        """Do what a callback returned."""
        cdef Stop stop
        if result is None or self.state != STATE_OPEN:
            return 0
        try:
            if type(result) is Reply and message is not None:
                self.answer_push(channel, message, header, <Reply>result)
            elif type(result) is Stop:
                stop = <Stop>result
                if stop.reply is not None and message is not None:
                    self.answer_push(channel, message, header, stop.reply)
                self.stop(channel, stop.reason)
            else:
                what = "handle_info" if message is None else "handle_in"
                raise TypeError(f"{what} returned {clip(repr(result))}: return None, a Reply or a Stop")
        except (EncodingError, TypeError) as error:
            self.crash(channel, error)
        return 0

    cdef int start_task(self, Channel channel, int kind, Message message, object coroutine) except -1:
        if channel.state == CHANNEL_CLOSED:
            coroutine.close()
            return 0
        channel.task = self.hub.loop.create_task(coroutine)

        def on_done(task):
            self._task_done(channel, kind, message, task)

        channel.task.add_done_callback(on_done)
        return 0

    def _task_done(self, Channel channel not None, int kind, Message message, task):
        if channel.state == CHANNEL_CLOSED:
            if not task.cancelled():
                task.exception()        # it ended on its own as the channel was being closed
            return
        channel.task = None
        error = TimeoutError("its coroutine was cancelled") if task.cancelled() else task.exception()
        if isinstance(error, DecodeError):
            self.bad_frame(error)
        elif kind == ITEM_JOIN:
            try:
                if error is not None:
                    raise error
                self.end_join(channel, message, task.result())
            except Exception as raised:
                self.crash_join(channel, message, raised)
            self.close_replaced(channel)
        elif error is not None:
            self.crash(channel, error)
        else:
            self.finish(channel, message, NULL, task.result())
            self.drain(channel)

    cdef int post(self, Channel channel, int kind, object item) except -1:
        if channel.mailbox is None:
            channel.mailbox = deque()
        if len(channel.mailbox) >= MAILBOX_LIMIT:
            return self.crash(channel, OverloadedError(
                f"{MAILBOX_LIMIT} messages wait for the coroutine of {clip(channel.topic)}"))
        channel.mailbox.append((kind, item))
        return 0

    cdef int drain(self, Channel channel) except -1:
        """Handle what has waited for the channel's callback to end."""
        while channel.mailbox and channel.task is None and not channel.running and (
                channel.state == CHANNEL_JOINED):
            kind, item = channel.mailbox.popleft()
            if kind == ITEM_IN:
                self.handle_in(channel, item, NULL)
            elif kind == ITEM_LEAVE:
                self.do_leave(channel, item)
            else:
                self.handle_info(channel, item)
        return 0

    # The end of a channel.

    cdef int crash(self, Channel channel, object error) except -1:
        if channel.state == CHANNEL_CLOSED:
            return 0
        _logger.error("%s crashed", channel, exc_info=error)
        return self.stop(channel, error)

    cdef int stop(self, Channel channel, object reason) except -1:
        cdef bytes payload
        if channel.state == CHANNEL_CLOSED:
            return 0
        self.remove(channel, reason)
        if reason in ("normal", "shutdown") or (
                isinstance(reason, tuple) and reason and reason[0] == "shutdown"):
            return self.close_channel(channel)
        payload = b'{"reason":"channel_crash"}'
        self.hub.counters.crashes += 1
        return self.send_bytes(OPCODE_TEXT, self.text_frame(
            channel.join_ref, channel.join_ref, channel.topic, "phx_error", payload))

    cdef int close_channel(self, Channel channel) except -1:
        if self.send_bytes(OPCODE_TEXT, self.text_frame(
                channel.join_ref, channel.join_ref, channel.topic, "phx_close", b"{}")):
            self.hub.counters.closes += 1
        return 0

    cdef int close_replaced(self, Channel channel) except -1:
        replaced, channel.replaced = channel.replaced, None
        return 0 if replaced is None else self.close_channel(replaced)

    cdef int remove(self, Channel channel, object reason) except -1:
        if channel.state == CHANNEL_CLOSED:
            return 0
        self.close_replaced(channel)
        if channel.state == CHANNEL_JOINED:
            self.hub.pubsub.unsubscribe(channel)
        channel.state = CHANNEL_CLOSED
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]
        if self._last is channel:
            self._last = None
        channel.mailbox = None
        if channel.task is not None:
            channel.task.cancel()
            channel.task = None
        self.call_monitors(channel, reason)
        try:
            channel.terminate(reason)
        except Exception as error:
            _logger.error("terminate of %s raised", channel, exc_info=error)
        return 0

    cdef int call_monitors(self, Channel channel, object reason) except -1:
        if channel.monitors is None:
            return 0
        for monitor in channel.monitors:
            try:
                monitor(reason)
            except Exception as error:
                _logger.error("a monitor of %s raised", channel, exc_info=error)
        return 0

    cdef int end(self) except -1:
        cdef Channel channel
        for channel in list(self._channels.values()):
            channel.replaced = None
            self.remove(channel, "closed")
        return 0

    # Replies.

    cdef bytes reply_frame(self, object join_ref, object ref, str topic, str status, bytes response):
        if self.vsn == 1:
            return object_frame(
                topic, "phx_reply", b'{"response":%b,"status":%b}' % (response, _dumps(status)), ref)
        return encode_reply(join_ref, ref, topic, status, response)

    cdef bint drop_reply(self) noexcept:
        if self.hub.faults.take_reply_drop() or (self._faults is not None and self._faults.take_reply_drop()):
            self.hub.counters.dropped_replies += 1
            return True
        return False

    cdef double reply_delay_s(self) noexcept:
        cdef double delay_s = self.hub.faults.reply_delay_s
        if self._faults is not None:
            delay_s = max(delay_s, self._faults.reply_delay_s)
        return delay_s

    cdef int send_reply(self, int opcode, bytes data, bint to_push) except -1:
        cdef double delay_s
        if self.drop_reply():
            return 0
        delay_s = self.reply_delay_s()
        if delay_s > 0:
            self.hub.counters.delayed_replies += 1
            self.hub.loop.call_later(delay_s, self._send_later, opcode, data, to_push)
            return 0
        if self.send_bytes(opcode, data) and to_push:
            self.hub.counters.replies += 1
        return 0

    def _send_later(self, int opcode, bytes data not None, bint to_push):
        if self.send_bytes(opcode, data) and to_push:
            self.hub.counters.replies += 1

    cdef int answer(self, object join_ref, object ref, str topic, str status, object response,
                    bint to_push) except -1:
        if isinstance(response, bytes):
            if self.vsn == 1:
                raise EncodingError("vsn 1.0.0 has no binary frames: give a response that is JSON")
            return self.send_reply(OPCODE_BINARY, encode_binary_reply(
                characters(join_ref), characters(ref), topic, status, response), to_push)
        return self.send_reply(
            OPCODE_TEXT, self.reply_frame(join_ref, ref, topic, status, encode_payload(response)), to_push)

    cdef int answer_push(self, Channel channel, Message message, Header* header, Reply reply) except -1:
        cdef bytes response
        cdef bytes status
        cdef char* start
        cdef char* out
        status = b',"status":"ok"}]' if reply.status == "ok" else b',"status":"error"}]'
        if (header == NULL or self.vsn != 2 or header.kind != KIND_TEXT or type(reply.response) is bytes
                or self.reply_delay_s() > 0 or reply.status not in ("ok", "error")):
            return self.answer(
                message.join_ref, message.ref, channel.topic, reply.status, reply.response, True)
        response = encode_payload(reply.response)
        if self.drop_reply():
            return 0
        # The refs go back as the very tokens that came in. A null one has no data.
        start = out = self.hub.reserve(
            token_size(&header.join_ref) + token_size(&header.ref) + PyBytes_GET_SIZE(channel.topic_json)
            + PyBytes_GET_SIZE(response) + REPLY_OVERHEAD_BYTES)
        out[0] = c"["
        out = put_token(out + 1, &header.join_ref)
        out[0] = c","
        out = put_token(out + 1, &header.ref)
        out[0] = c","
        out = put(out + 1, PyBytes_AS_STRING(channel.topic_json), PyBytes_GET_SIZE(channel.topic_json))
        out = put(out, ',"phx_reply",{"response":', 25)
        out = put(out, PyBytes_AS_STRING(response), PyBytes_GET_SIZE(response))
        out = put(out, PyBytes_AS_STRING(status), PyBytes_GET_SIZE(status))
        if self.send(OPCODE_TEXT, start, out - start):
            self.hub.counters.replies += 1
        return 0

    # Of a channel.

    def push(self, Channel channel not None, str event not None, payload):
        """Send *channel*'s client a message. Raises EncodingError."""
        cdef int sent
        if isinstance(payload, bytes):
            if self.vsn == 1:
                raise EncodingError("vsn 1.0.0 has no binary frames: push a payload that is JSON")
            sent = self.send_bytes(OPCODE_BINARY, encode_binary_server_push(
                characters(channel.join_ref), channel.topic, event, payload))
        else:
            sent = self.send_bytes(OPCODE_TEXT, self.text_frame(
                channel.join_ref, None, channel.topic, event, encode_payload(payload)))
        if sent:
            self.hub.counters.server_pushes += 1

    def reply(self, Channel channel not None, Message message not None, Reply reply not None):
        """Answer a message of *channel*'s client. Raises EncodingError."""
        self.answer(message.join_ref, message.ref, channel.topic, reply.status, reply.response, True)

    def send_info(self, Channel channel not None, message):
        """Have *channel* handle *message* when it has done with the callback it is in."""
        if channel.state == CHANNEL_CLOSED:
            return
        self.post(channel, ITEM_INFO, message)
        if not channel.running and channel.task is None:
            self.hub.loop.call_soon(self._drain_later, channel)

    def _drain_later(self, Channel channel not None):
        self.drain(channel)

    # Of the server.

    def disconnect(self, int code=1001, str reason not None=""):
        """Close the socket with *code*; its channels end without a message of their own."""
        if self.state != STATE_OPEN:
            return
        self.hub.counters.disconnects += 1
        self.end()
        self.state = STATE_CLOSING
        self.deadline_ns = monotonic_ns() + self.hub.close_timeout_ns
        self.transport.send_close(<WSCloseCode>code, reason.encode())

    def cut(self):
        """Reset the TCP connection: the client sees no close frame."""
        if self.state == STATE_OPEN:
            self.hub.counters.disconnects += 1
        self.cut_now()

    cdef int cut_now(self) except -1:
        if self.transport is None:
            return 0
        self.end()
        self.state = STATE_CLOSED
        raw = self.transport.underlying_transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.disconnect(False)
        return 0

    def crash_channels(self, str topic=None):
        """Have the channel of *topic*, or every one of this socket, crash. Returns how many."""
        chosen = [channel for channel in self._channels.values() if topic is None or channel.topic == topic]
        for channel in chosen:
            self.crash(channel, RuntimeError("a fault switch crashed it"))
        return len(chosen)

    def stall(self, double seconds):
        """Neither read nor send for *seconds*; then go on where it stopped. With 0: go on now."""
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
        self._held_out = []
        self._held_out_bytes = 0
        if not self.transport.underlying_transport.is_closing():
            self.transport.underlying_transport.pause_reading()
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
        held_in, held_out = self._held_in, self._held_out
        self._held_in = self._held_out = None
        for opcode, data in held_out:
            self.send_bytes(opcode, data)
        for opcode, fin, deflated, data in held_in:
            if self.state == STATE_OPEN:
                self.on_part(opcode, fin, deflated, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        if self.state == STATE_OPEN and not self.transport.underlying_transport.is_closing():
            self.transport.underlying_transport.resume_reading()

    def __repr__(self):
        return f"<Connection {self.id or ''} of {len(self._channels)} channels>"


def sweep(Hub hub not None):
    """Close the connections that have been silent for their idle timeout (code 1002, as Bandit does), and
    cut those that have not answered a close."""
    cdef Connection connection
    cdef int64_t now = monotonic_ns()
    for connection in list(hub.connections):
        if connection.state == STATE_OPEN:
            if not connection.stalled_until_ns and now - connection.received_ns > connection.idle_timeout_ns:
                hub.counters.idle_timeouts += 1
                connection.disconnect(1002)
        elif connection.state == STATE_CLOSING and now > connection.deadline_ns:
            connection.cut_now()
