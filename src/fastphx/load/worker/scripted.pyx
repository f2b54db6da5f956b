import cython

from libc.stdint cimport int64_t, uint64_t

from fastphx.load.worker.meter cimport MeterSession
from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.message cimport Message, message_from_header
from fastphx.protocol.joins cimport Join
from fastphx.protocol.refs cimport RefEntry
from fastphx.timing.wheel cimport monotonic_ns


@cython.final
cdef class ScriptedSession(MeterSession):
    """A MeterSession that calls the hooks that its script has, and only those."""

    def use_script(self, script):
        """Call *script*'s ``on_joined``, ``on_message`` and ``on_reply`` from now on."""
        self.script = script
        self._on_joined = getattr(script, "on_joined", None)
        self._on_message = getattr(script, "on_message", None)
        self._on_reply = getattr(script, "on_reply", None)

    def send(self, str topic, str event, payload, bint awaits):
        """Push now, and return the ref. Raises NotJoinedError, DisconnectedError, EncodingError and
        OverloadedError."""
        cdef int64_t now_ns = monotonic_ns()
        cdef uint64_t ref
        cdef Join join
        join = self.check_joined(topic)
        self.meter.counts.arrivals += 1
        try:
            if awaits:
                ref = self.send_push_awaited(join, event, payload, None, now_ns,
                                             now_ns + self.meter.timeout_ns)
            else:
                ref = self.send_push(join, event, payload)
        except BaseException:
            self.meter.counts.unsent += 1
            raise
        if awaits:
            self.meter.counts.pushes += 1
            self.meter.in_flight += 1
        else:
            self.meter.counts.casts += 1
        self.pushed += 1
        return ref

    cdef int _failed(self, str hook, object error) except -1:
        self.meter.owner.script_failed(hook, error)
        return 0

    cdef int on_joined(self, const Header* header, Join join) except -1:
        cdef Message message
        MeterSession.on_joined(self, header, join)
        if self._on_joined is not None:
            message = message_from_header(header, join.topic)
            try:
                self._on_joined(join.topic, message.response)
            except Exception as error:
                self._failed("on_joined", error)
        return 0

    cdef int on_message(self, const Header* header, Join join) except -1:
        cdef Message message
        MeterSession.on_message(self, header, join)
        if self._on_message is not None:
            message = message_from_header(header, join.topic)
            try:
                self._on_message(join.topic, message.event, message.payload)
            except Exception as error:
                self._failed("on_message", error)
        return 0

    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1:
        cdef Message message
        MeterSession.on_reply(self, header, join, entry)
        if entry != NULL and self._on_reply is not None:
            message = message_from_header(header, join.topic)
            try:
                self._on_reply(entry.ref, message.status, message.response)
            except Exception as error:
                self._failed("on_reply", error)
        return 0
