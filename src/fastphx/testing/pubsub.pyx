import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from fastphx.protocol.sink cimport FRAME_HEADROOM, OPCODE_BINARY, OPCODE_TEXT
from fastphx.testing.channel cimport Channel, encode_payload
from fastphx.testing.connection cimport Connection
from fastphx.testing.hub cimport Hub

import orjson

from fastphx.protocol.codec import encode, encode_binary_broadcast

cdef object _dumps = orjson.dumps


@cython.final
cdef class PubSub:
    """The subscribers of each topic. A broadcast is encoded once, and all of them are sent the same bytes."""

    def __cinit__(self):
        self._topics = {}

    def attach(self, Hub hub not None):
        """Say whose counters a broadcast counts in."""
        self._hub = hub

    @property
    def topics(self):
        """How many subscribers each topic has."""
        return {topic: len(channels) for topic, channels in self._topics.items()}

    def subscribe(self, Channel channel not None):
        self._topics.setdefault(channel.topic, {})[channel] = None

    def unsubscribe(self, Channel channel not None):
        channels = self._topics.get(channel.topic)
        if channels is not None:
            channels.pop(channel, None)
            if not channels:
                del self._topics[channel.topic]

    def broadcast(self, str topic not None, str event not None, payload=None, Channel sender=None):
        """Send a message to every subscriber of *topic* but *sender*. Returns to how many it was sent.

        Raises EncodingError. A payload of bytes does not reach sockets of vsn 1.0.0; they are counted.
        """
        cdef Channel channel
        cdef Connection connection
        cdef int opcode
        cdef bytes data
        cdef bytearray frame
        cdef char* out
        cdef Py_ssize_t size
        cdef Py_ssize_t sent = 0
        if isinstance(payload, bytes):
            opcode = OPCODE_BINARY
            data = encode_binary_broadcast(topic, event, payload)
            payload_json = None
        else:
            opcode = OPCODE_TEXT
            payload_json = encode_payload(payload)
            data = encode(None, None, topic, event, payload_json)
        self._hub.counters.broadcasts += 1
        channels = self._topics.get(topic)
        if channels is None:
            return 0
        # Not the hub's buffer: a connection's other sends use it.
        size = PyBytes_GET_SIZE(data)
        frame = bytearray(FRAME_HEADROOM + size)
        out = <char*>frame + FRAME_HEADROOM
        memcpy(out, PyBytes_AS_STRING(data), <size_t>size)
        object_frame = None
        # A copy: a channel that is cut in the middle unsubscribes.
        for channel in list(channels):
            if channel is sender:
                continue
            connection = <Connection>channel.socket
            if connection.vsn == 2:
                sent += connection.send(opcode, out, size)
            elif payload_json is None:
                self._hub.counters.undeliverable += 1
            else:
                if object_frame is None:
                    object_frame = b'{"event":%b,"payload":%b,"ref":null,"topic":%b}' % (
                        _dumps(event), payload_json, _dumps(topic))
                sent += connection.send_bytes(OPCODE_TEXT, object_frame)
        self._hub.counters.deliveries += sent
        return sent
