import cython

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from fastphx.load.worker.meter cimport MeterSession
from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.frame_write cimport RawJson
from fastphx.protocol.joins cimport Join
from fastphx.protocol.message cimport Message, message_from_header
from fastphx.protocol.refs cimport RefEntry
from fastphx.timing.wheel cimport monotonic_ns

from fastphx.errors import DecodeError, DisconnectedError, NotJoinedError, clip

cdef object _null = RawJson(b"null")


@cython.final
cdef class ScriptedSession(MeterSession):
    """A MeterSession that calls the hooks that its script has, and only those."""

    def use_script(self, script):
        """Call *script*'s ``on_joined``, ``on_message`` and ``on_reply`` from now on; None: call none."""
        self.script = script
        self._on_joined = getattr(script, "on_joined", None)
        self._on_message = getattr(script, "on_message", None)
        self._on_reply = getattr(script, "on_reply", None)
        if self._on_message is not None:
            self._takes_messages = True

    def send(self, str topic, str event, payload, bint awaits):
        """Push now, and return the ref. Raises NotJoinedError, DisconnectedError, EncodingError and
        OverloadedError, and ValueError for a topic that the socket never joins; then it counts as unsent."""
        cdef int64_t now_ns = monotonic_ns()
        cdef uint64_t ref
        cdef Join join
        self.meter.counts.arrivals += 1
        if payload is None:
            payload = _null
        try:
            if self.closing:
                raise DisconnectedError(f"nothing can be sent to {clip(topic)}: the socket is closed")
            join = self.check_joined(topic)
            if awaits:
                ref = self.send_push_awaited(join, event, payload, None, now_ns,
                                             now_ns + self.meter.timeout_ns)
            else:
                ref = self.send_push(join, event, payload)
        except BaseException as error:
            self.meter.counts.unsent += 1
            if isinstance(error, NotJoinedError) and topic not in self.topics:
                raise ValueError(f"{clip(topic)} is none of the topics that this socket joins") from None
            raise
        if awaits:
            self.meter.counts.pushes += 1
            self.meter.in_flight += 1
        else:
            self.meter.counts.casts += 1
        self.pushed += 1
        return ref

    cdef int _call(self, str hook, object function, tuple arguments) except -1:
        try:
            function(*arguments)
        except (Exception, SystemExit) as error:
            self.meter.owner.script_failed(hook, error)
        return 0

    cdef int on_joined(self, const Header* header, Join join) except -1:
        cdef Message message
        MeterSession.on_joined(self, header, join)
        if self._on_joined is None:
            return 0
        message = message_from_header(header, join.topic)
        try:
            response = message.response
        except DecodeError as error:
            return self.on_bad_frame(error)
        return self._call("on_joined", self._on_joined, (join.topic, response))

    cdef int on_message(self, const Header* header, Join join) except -1:
        cdef Message message
        MeterSession.on_message(self, header, join)
        if self._on_message is None:
            return 0
        message = message_from_header(header, None if join is None else join.topic)
        try:
            payload = message.payload
        except DecodeError as error:
            return self.on_bad_frame(error)
        return self._call("on_message", self._on_message, (message.topic, message.event, payload))

    cdef int on_unknown_topic(self, const Header* header) except -1:
        # Absinthe sends a subscription's data on a topic that is the subscription's id, which nobody joins.
        if self._takes_messages and not self._is_own_topic(header) and not (
                header.event.size >= 4 and memcmp(header.event.data, "phx_", 4) == 0):
            return self.on_message(header, None)
        return MeterSession.on_unknown_topic(self, header)

    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1:
        cdef Message message
        cdef uint64_t ref
        MeterSession.on_reply(self, header, join, entry)
        if entry == NULL or self._on_reply is None:
            return 0
        ref = entry.ref
        message = message_from_header(header, join.topic)
        try:
            status, response = message.status, message.response
        except DecodeError as error:
            return self.on_bad_frame(error)
        return self._call("on_reply", self._on_reply, (ref, status, response))
