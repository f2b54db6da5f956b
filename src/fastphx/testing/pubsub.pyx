import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from fastphx.protocol.sink cimport FRAME_HEADROOM, OPCODE_BINARY, OPCODE_TEXT
from fastphx.testing.hub cimport Hub
from fastphx.testing.outlet cimport Outlet
from fastphx.testing.text_frame cimport encode_payload, text_frame

from fastphx.protocol.frame_write import NO_PAYLOAD as _NO_PAYLOAD, encode_binary_broadcast


@cython.final
cdef class PubSub:
    """The subscribers of each topic. A broadcast is encoded once, and all of them get the same bytes."""

    def __cinit__(self, Hub hub not None):
        self._topics = {}
        self._hub = hub

    @property
    def topics(self):
        """How many subscribers each topic has."""
        return {topic: len(outlets) for topic, outlets in self._topics.items()}

    cdef int subscribe(self, str topic, Outlet outlet) except -1:
        self._topics.setdefault(topic, {})[outlet] = None
        return 0

    cdef int unsubscribe(self, str topic, Outlet outlet) except -1:
        outlets = self._topics.get(topic)
        if outlets is not None:
            outlets.pop(outlet, None)
            if not outlets:
                del self._topics[topic]
        return 0

    def broadcast(self, str topic not None, str event not None, payload=_NO_PAYLOAD, Outlet sender=None):
        """Send a message to every subscriber of *topic* except *sender*. Returns how many it was sent to.

        Raises EncodingError. A payload of bytes does not reach sockets of vsn 1.0.0; they are counted.
        """
        cdef Outlet outlet
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
            data = text_frame(2, None, None, topic, event, payload_json)
        self._hub.counters.broadcasts += 1
        outlets = self._topics.get(topic)
        if outlets is None:
            return 0
        # Not the hub's buffer: a connection's other sends use it.
        size = PyBytes_GET_SIZE(data)
        frame = bytearray(FRAME_HEADROOM + size)
        out = <char*>frame + FRAME_HEADROOM
        memcpy(out, PyBytes_AS_STRING(data), <size_t>size)
        object_frame = None
        # A copy: a connection that is cut meanwhile unsubscribes.
        for outlet in list(outlets):
            if outlet is sender:
                continue
            if outlet.vsn == 2:
                sent += outlet.send(opcode, out, size)
            elif payload_json is None:
                self._hub.counters.undeliverable += 1
            else:
                if object_frame is None:
                    object_frame = text_frame(1, None, None, topic, event, payload_json)
                sent += outlet.send_bytes(OPCODE_TEXT, object_frame)
        self._hub.counters.deliveries += sent
        return sent
