from asyncio import CancelledError

import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp

from fastphx.protocol.frame_scan cimport (
    Header, KIND_TEXT, REF_NULL, REF_NUMBER, release, scan, scan_error, set_ref,
)
from fastphx.protocol.message cimport Message, message_from_header
from fastphx.protocol.sink cimport OPCODE_TEXT
from fastphx.testing.channel cimport ServerChannel
from fastphx.testing.channel_process cimport nests_too_deep, refuse_join, report_crashed_join
from fastphx.testing.hub cimport Hub
from fastphx.testing.pubsub cimport PubSub
from fastphx.testing.replies cimport answer
from fastphx.testing.server_socket cimport STATE_OPEN, ServerSocket
from fastphx.testing.text_frame cimport reply_frame

import orjson

from fastphx.errors import DecodeError, clip
from fastphx.foreign_text import visible
from fastphx.protocol import json_value
from fastphx.protocol.deep_frame import is_too_deep, without_payload

cdef object _loads = json_value.loads
cdef object _dumps = orjson.dumps


cdef inline bint equals(const char* data, Py_ssize_t size, const char* text, Py_ssize_t text_size) noexcept:
    return size == text_size and memcmp(data, text, <size_t>size) == 0


cdef tuple read_object(bytes frame):
    """The fields of a frame of vsn 1.0.0, and its payload's JSON: as it came where it nests deeper than it
    can be decoded or encoded, which is the fault of the message. Raises ValueError and KeyError."""
    cdef bytes payload = b""
    try:
        fields = _loads(frame)
    except ValueError as error:
        if not is_too_deep(error):
            raise
        head, payload = without_payload(frame)
        fields = _loads(head)
    if not isinstance(fields, dict):
        raise ValueError("a frame is not a JSON object")
    try:
        return fields, payload or json_value.dumps(fields["payload"])
    except TypeError:
        return fields, without_payload(frame)[1]


@cython.final
cdef class ServerConnection(ServerSocket):
    """One client's connection, and the channels it has joined."""

    def __init__(self, Hub hub not None, PubSub pubsub not None, handler, params, assigns, id, int vsn):
        ServerSocket.__init__(
            self, hub, pubsub, params, assigns, id, vsn, handler.idle_timeout_s, handler.max_message_size)
        self.handler = handler
        self._channels = {}

    @property
    def channels(self):
        """The channels by topic: a copy."""
        return dict(self._channels)

    def crash_channels(self, str topic=None):
        """Crash the channel of *topic*, or every channel of this socket. Returns how many."""
        cdef ServerChannel channel
        chosen = [channel for channel in self._channels.values() if topic is None or channel.topic == topic]
        for channel in chosen:
            channel.crash(RuntimeError("a fault switch crashed it"))
        return len(chosen)

    # Of the socket.

    cdef int on_message(self, const char* data, Py_ssize_t size, int opcode) except -1:
        cdef Header header
        cdef const char* reason
        cdef Py_ssize_t position = 0
        if self.vsn == 1:
            return self.receive_object(data, size)
        reason = scan(data, size, opcode, True, &header, &position)
        if reason != NULL:
            return self.bad_frame(scan_error(reason, position, data, size))
        try:
            return self.dispatch(&header)
        finally:
            release(&header)

    cdef int on_end(self) except -1:
        cdef ServerChannel channel
        for channel in list(self._channels.values()):
            channel.replaced = None
            channel.end("closed")
        return 0

    cdef int forget(self, str topic, object channel) except -1:
        if self._channels.get(topic) is channel:
            del self._channels[topic]
        if self._last is channel:
            self._last = None
        return 0

    # Messages.

    cdef int receive_object(self, const char* data, Py_ssize_t size) except -1:
        cdef Header header
        cdef bytes topic, event, payload, ref
        try:
            fields, payload = read_object(data[:size])
            if not isinstance(fields["topic"], str) or not isinstance(fields["event"], str):
                raise ValueError("a topic or event is not a string")
            topic = fields["topic"].encode()
            event = fields["event"].encode()
            ref = _dumps(fields["ref"])
            header.ref.type = REF_NULL
            set_ref(&header.ref, fields["ref"])
        except (ValueError, KeyError, TypeError) as error:
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

    cdef ServerChannel find(self, const Header* header):
        cdef ServerChannel channel = self._last
        if channel is not None and equals(header.topic.data, header.topic.size,
                                          PyBytes_AS_STRING(channel.topic_bytes),
                                          PyBytes_GET_SIZE(channel.topic_bytes)):
            return channel
        channel = <ServerChannel>self._channels.get(
            PyUnicode_DecodeUTF8(header.topic.data, header.topic.size, NULL))
        if channel is not None:
            self._last = channel
        return channel

    cdef bint is_current(self, ServerChannel channel, const Header* header) except -1:
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
        cdef ServerChannel channel
        cdef const char* event = header.event.data
        cdef Py_ssize_t size = header.event.size
        if header.topic.size == 7 and equals(event, size, "heartbeat", 9) and memcmp(
                header.topic.data, "phoenix", 7) == 0:
            self.hub.counters.heartbeats += 1
            if self.hub.faults.drop_heartbeats or (self._faults is not None and self._faults.drop_heartbeats):
                return 0
            ref = message_from_header(header, "phoenix").ref
            return self.send_bytes(OPCODE_TEXT, reply_frame(self.vsn, None, ref, "phoenix", "ok", b"{}"))
        channel = self.find(header)
        if equals(event, size, "phx_join", 8):
            return self.join(header, channel)
        if channel is None:
            return self.dispatch_unknown(header)
        if not self.is_current(channel, header):
            self.hub.counters.stale += 1
            return 0
        cdef Message message = message_from_header(header, channel.topic)
        if equals(event, size, "phx_leave", 9):
            return channel.leave(message)
        self.hub.counters.pushes += 1
        return channel.receive(message, header)

    cdef int dispatch_unknown(self, Header* header) except -1:
        cdef Message message = message_from_header(header, None)
        if message.event == "phx_leave":
            return answer(self, message.join_ref, message.ref, message.topic, "ok", {}, False)
        self.hub.counters.unmatched += 1
        return answer(self, None, message.ref, message.topic, "error", {"reason": "unmatched topic"}, False)

    cdef int join(self, Header* header, ServerChannel old) except -1:
        cdef Message message = message_from_header(header, None)
        cdef ServerChannel channel = None
        if old is None and len(self._channels) >= <Py_ssize_t>self.handler.max_channels_per_transport:
            return refuse_join(self, message, {"reason": "too many channels joined"})
        factory = self.handler.route(message.topic)
        if factory is None:
            self.hub.counters.join_errors += 1
            return answer(
                self, None, message.ref, message.topic, "error", {"reason": "unmatched topic"}, False)
        try:
            payload = message.payload
        except DecodeError as error:
            if not nests_too_deep(error):
                return self.bad_frame(error)
            report_crashed_join(self, message, error)
            return refuse_join(self, message, {"reason": "join crashed"})
        if old is not None:
            # The old channel ends first, but its phx_close follows the new join's reply.
            old.end("duplicate_join")
        refusal = self.hub.faults.refuse_joins
        if refusal is None and self._faults is not None:
            refusal = self._faults.refuse_joins
        if refusal is not None:
            refuse_join(self, message, refusal)
        else:
            channel = self.start_channel(factory, header, message, payload)
        if old is None:
            return 0
        if channel is not None and channel.task is not None:
            channel.replaced = old
            return 0
        return old.send_close()

    cdef ServerChannel start_channel(self, object factory, Header* header, Message message, object payload):
        """A channel after its join was called; None if there is none."""
        cdef ServerChannel channel
        try:
            channel = factory()
            if channel is None:
                raise TypeError(f"no channel was made for {clip(message.topic)}: return a ServerChannel")
        except (Exception, CancelledError) as error:
            report_crashed_join(self, message, error)
            refuse_join(self, message, {"reason": "join crashed"})
            return None
        channel.start(self, message, header)
        if self.state != STATE_OPEN:
            return None
        self._channels[channel.topic] = channel
        channel.run_join(message, payload)
        return channel

    def __repr__(self):
        return f"<ServerConnection {visible(self.id or '')} of {len(self._channels)} channels>"
