from fastphx.protocol.message cimport Message
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT
from fastphx.testing.channel_process cimport CHANNEL_JOINED, ChannelProcess
from fastphx.testing.replies cimport answer, characters
from fastphx.testing.responses cimport ServerReply
from fastphx.testing.server_socket cimport ServerSocket
from fastphx.testing.text_frame cimport encode_payload, text_frame

from fastphx.errors import EncodingError, clip
from fastphx.protocol.frame_write import NO_PAYLOAD as _NO_PAYLOAD, encode_binary_server_push


cdef class ServerChannel(ChannelProcess):
    """A channel, like a Phoenix.Channel module: subclass it and route topics to it.

    An instance lives from its join to its end. Callbacks run on the server's loop. If one returns a
    coroutine, that is awaited, and what arrives for the channel meanwhile waits in order. If one raises, the
    channel crashes (phx_error; in ``join``, the error reply "join crashed").
    """

    def join(self, topic, payload):
        """Called with the join's payload. Returns None (ok, response {}) or a ServerReply."""

    def handle_in(self, event, message):
        """Called for a client's message; ``message.payload`` decodes its payload. Returns None, a ServerReply
        or a ServerStop. The default crashes, like a Phoenix channel without a clause for the event."""
        raise LookupError(f"{type(self).__name__} has no handle_in for {clip(event)}")

    def handle_info(self, message):
        """Called with a message of ``send_info``. Returns None or a ServerStop."""
        raise LookupError(f"{type(self).__name__} has no handle_info for {message!r}")

    def terminate(self, reason):
        """Called when the channel ends. *reason* is "left", "closed" (the connection ended),
        "duplicate_join", the reason of a ServerStop, or the exception of a crash."""

    @property
    def is_joined(self):
        """True after the join's ok reply and before the end."""
        return self.state == CHANNEL_JOINED

    def push(self, str event not None, payload=_NO_PAYLOAD):
        """Send a message to this socket. Raises EncodingError."""
        cdef ServerSocket socket = self._socket()
        cdef int sent
        if isinstance(payload, bytes):
            if socket.vsn == 1:
                raise EncodingError("vsn 1.0.0 has no binary frames: push a payload that is JSON")
            sent = socket.send_bytes(OPCODE_BINARY, encode_binary_server_push(
                characters(self.join_ref), self.topic, event, payload))
        else:
            sent = socket.send_bytes(OPCODE_TEXT, text_frame(
                socket.vsn, self.join_ref, None, self.topic, event, encode_payload(payload)))
        if sent:
            socket.hub.counters.server_pushes += 1

    def broadcast(self, str event not None, payload=_NO_PAYLOAD):
        """Send a message to every subscriber of the topic, with this one. Returns how many there were."""
        return self._socket().pubsub.broadcast(self.topic, event, payload)

    def broadcast_from(self, str event not None, payload=_NO_PAYLOAD):
        """Send a message to every other subscriber of the topic. Returns how many there were."""
        cdef ServerSocket socket = self._socket()
        return socket.pubsub.broadcast(self.topic, event, payload, socket)

    def reply(self, Message message not None, ServerReply reply not None):
        """Answer *message* after its ``handle_in`` has returned. Raises EncodingError."""
        answer(self._socket(), message.join_ref, message.ref, self.topic, reply.status, reply.response, True)

    def send_info(self, message):
        """Call ``handle_info(message)`` after this callback has returned and its reply is sent. Does nothing
        if the channel has ended."""
        self._socket()
        self.send_info_later(message)

    def send_after(self, double delay_s, message):
        """Like ``send_info``, *delay_s* seconds from now. Returns the loop's timer handle."""
        return self._socket().hub.loop.call_later(delay_s, self.send_info, message)

    def monitor(self, callback):
        """Call ``callback(reason)`` when the channel ends, before ``terminate``, and when its join fails."""
        if self.monitors is None:
            self.monitors = []
        self.monitors.append(callback)

    cdef ServerSocket _socket(self):
        if self.socket is None:
            raise RuntimeError(f"{type(self).__name__} has no socket before its join")
        return self.socket

    def __repr__(self):
        return f"<{type(self).__name__} {'' if self.topic is None else clip(self.topic)}>"
