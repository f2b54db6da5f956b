import cython

from fastphx.protocol.codec cimport RawJson

import orjson

from fastphx.errors import EncodingError, clip

cdef object _dumps = orjson.dumps
cdef int _SORT_KEYS = orjson.OPT_SORT_KEYS


cdef bytes encode_payload(object payload):
    if payload is None:
        return b"{}"
    if type(payload) is RawJson:
        return (<RawJson>payload).data
    try:
        return _dumps(payload, None, _SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"a payload cannot be encoded ({error}): {clip(repr(payload))}") from error


@cython.final
@cython.freelist(64)
cdef class Reply:
    """An answer: a status and a response (a JSON value, RawJson, bytes for a binary frame, None for {})."""

    def __cinit__(self, str status="ok", object response=None):
        self.status = status
        self.response = response

    def __repr__(self):
        return f"Reply({self.status!r}, {self.response!r})"


@cython.final
cdef class Stop:
    """Ends the channel, after *reply* where there is one.

    Reasons "normal" and "shutdown" send phx_close, anything else phx_error, as in Phoenix.
    """

    def __cinit__(self, object reason="normal", Reply reply=None):
        self.reason = reason
        self.reply = reply

    def __repr__(self):
        return f"Stop({self.reason!r}, {self.reply!r})"


cdef class Channel:
    """A channel, as a Phoenix.Channel module: subclass it and route topics to it.

    An instance lives from its join to its end. Callbacks run on the server's loop; one that returns a
    coroutine is awaited, and what arrives for the channel meanwhile waits in order. One that raises
    crashes the channel (phx_error; in ``join`` an error reply "join crashed").
    """

    def join(self, topic, payload):
        """Called with the join's payload. Returns None (ok, response {}) or a Reply."""

    def handle_in(self, event, message):
        """Called for a client's message; ``message.payload`` decodes its payload. Returns None, a Reply
        or a Stop. By default crashes, as a Phoenix channel without a clause for the event does."""
        raise LookupError(f"{type(self).__name__} has no handle_in for {event!r}")

    def handle_info(self, message):
        """Called for what ``send_info`` was given. Returns None or a Stop."""
        raise LookupError(f"{type(self).__name__} has no handle_info for {message!r}")

    def terminate(self, reason):
        """Called when the channel ends: "left", "closed" (the connection ended), "duplicate_join", a
        Stop's reason, or the exception of a crash."""

    @property
    def is_joined(self):
        """True after the join's ok reply and before the end."""
        return self.state == CHANNEL_JOINED

    def push(self, str event not None, payload=None):
        """Send a message to this socket. Raises EncodingError."""
        self.socket.push(self, event, payload)

    def broadcast(self, str event not None, payload=None):
        """Send a message to every subscriber of the topic, this one included. Returns how many."""
        return self.socket.pubsub.broadcast(self.topic, event, payload)

    def broadcast_from(self, str event not None, payload=None):
        """Send a message to every other subscriber of the topic. Returns how many."""
        return self.socket.pubsub.broadcast(self.topic, event, payload, self)

    def reply(self, message, Reply reply not None):
        """Answer *message* later than its ``handle_in`` returned. Raises EncodingError."""
        self.socket.reply(self, message, reply)

    def send_info(self, message):
        """Have ``handle_info(message)`` called once this callback has returned and its reply is sent.
        Does nothing when the channel has ended."""
        self.socket.send_info(self, message)

    def send_after(self, double delay_s, message):
        """As ``send_info``, *delay_s* seconds from now. Returns the loop's timer handle."""
        return self.socket.loop.call_later(delay_s, self.send_info, message)

    def monitor(self, callback):
        """Have ``callback(reason)`` called when the channel ends, before ``terminate``, and
        when its join fails."""
        if self.monitors is None:
            self.monitors = []
        self.monitors.append(callback)

    def __repr__(self):
        return f"<{type(self).__name__} {self.topic!r}>"
