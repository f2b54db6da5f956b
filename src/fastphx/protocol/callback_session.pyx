from asyncio import CancelledError

import cython

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from fastphx.protocol.call cimport call_one
from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.message cimport Message, message_from_header, raise_pending, recycle
from fastphx.protocol.joins cimport CLOSED, JOINED, JOINING, LEAVING, Join, JoinState
from fastphx.protocol.refs cimport RefEntry
from fastphx.protocol.session cimport FAIL_CLOSED, FAIL_ERRORED, Session
from fastphx.protocol.sink cimport FrameWriter
from fastphx.timing.wheel cimport TimerWheel, monotonic_ns

from fastphx.protocol.frame_write import NO_PAYLOAD as _NO_PAYLOAD


cdef inline int64_t deadline_or_never(object deadline_ns) except? -1:
    return INT64_MAX if deadline_ns is None else <int64_t>deadline_ns


cdef inline str exact(object text, str what):
    """An exact str, made from a subclass too: a topic or an event may be a member of an enumeration."""
    if type(text) is str:
        return <str>text
    if isinstance(text, str):
        return str.__str__(text)
    raise TypeError(f"the {what} is a str, not {type(text).__name__}")


@cython.final
cdef class CallbackSession(Session):
    def __init__(self, handler, *, serializer=None, double heartbeat_interval_s=30.0,
                 Py_ssize_t max_in_flight=65536, Py_ssize_t max_topics=1_000_000, bint join_ends_leave=False):
        Session.__init__(self, serializer=serializer, heartbeat_interval_s=heartbeat_interval_s,
                         max_in_flight=max_in_flight, max_topics=max_topics, join_ends_leave=join_ends_leave)
        self._handler = handler
        self._on_message = handler.on_message
        self._on_reply = handler.on_reply
        self._reports_errors = hasattr(handler, "on_handler_error")

    # -- the transport's owner

    def opened(self, FrameWriter writer not None, int64_t now_ns, double phase, *, bint heartbeat=True):
        self.open(writer, now_ns, phase)
        if not heartbeat:
            self._next_beat_ns = INT64_MAX

    def disconnected(self):
        self.disconnect()

    def use_wheel(self, TimerWheel wheel not None):
        self._wheel = wheel

    def set_reading(self, bint reading, int64_t now_ns):
        self.read_paused(not reading, now_ns)

    def tick(self, int64_t now_ns):
        self.on_tick(now_ns)

    @property
    def next_deadline_ns(self):
        cdef int64_t deadline_ns = self.deadline()
        return None if deadline_ns == INT64_MAX else deadline_ns

    @property
    def is_open(self):
        return self._writer is not None

    def receive(self, bytes data not None, int opcode, now_ns=None):
        self.on_frame(data, len(data), opcode, monotonic_ns() if now_ns is None else <int64_t>now_ns)

    # -- the user

    def join_entry(self, topic):
        return self.joins.add(exact(topic, "topic"))

    def forget(self, topic):
        cdef Join join = self.joins.get(exact(topic, "topic"))
        cdef uint64_t join_ref
        if join is not None:
            join_ref = join.join_ref
            join.state = CLOSED
            join.join_ref = 0
            join.leave_ref = 0
            join.deadline_ns = INT64_MAX
            self.joins.remove(join)
            if join_ref and self.refs.size:
                self._fail(join_ref, FAIL_CLOSED)

    def topics(self):
        cdef Join join
        return [join.topic for join in self.joins.joins()]

    def join(self, topic, payload=_NO_PAYLOAD, *, deadline_ns=None):
        return self.send_join(self.check_join(exact(topic, "topic")), payload, deadline_or_never(deadline_ns))

    def leave(self, topic, payload=_NO_PAYLOAD, *, deadline_ns=None, bint cancel_join=False):
        cdef Join join
        if cancel_join and self._writer is not None:
            join = self.joins.get(exact(topic, "topic"))
            if join is not None and join.state == JOINING:
                return self.send_leave(join, payload, deadline_or_never(deadline_ns))
        join = self.check_joined(exact(topic, "topic"))
        return self.send_leave(join, payload, deadline_or_never(deadline_ns))

    def push(self, topic, event, payload):
        return self.send_push(self.check_joined(exact(topic, "topic")), exact(event, "event"), payload)

    def push_awaited(self, topic, event, payload, waiter, *, now_ns=None,
                     deadline_ns=None):
        return self.send_push_awaited(
            self.check_joined(exact(topic, "topic")), exact(event, "event"), payload, waiter,
            monotonic_ns() if now_ns is None else <int64_t>now_ns, deadline_or_never(deadline_ns))

    def abandon(self, uint64_t ref):
        cdef RefEntry entry
        if not self.refs.take(ref, &entry):
            return False
        Py_XDECREF(entry.waiter)
        return True

    def joined(self, topic):
        cdef Join join = self.joins.get(exact(topic, "topic"))
        return join is not None and (join.state == JOINED or join.state == LEAVING)

    def state(self, topic):
        cdef Join join = self.joins.get(exact(topic, "topic"))
        cdef JoinState state = CLOSED if join is None else join.state
        return state

    @property
    def stats(self):
        return self.counters_as_dict()

    # -- hooks

    cdef int on_message(self, const Header* header, Join join) except -1:
        cdef Message message = message_from_header(header, join.topic)
        cdef PyObject* handler = <PyObject*>join.on_message
        cdef PyObject* result
        if join.handlers_of is not None:
            # The str of an event is the same object each time, and mostly the same event comes again.
            if join.last_event is not message.event:
                join.look_up(message.event)
            if join.last_handler is not None:
                handler = <PyObject*>join.last_handler
        if handler == <PyObject*>None:
            handler = <PyObject*>self._on_message
        # The handler may remove itself.
        Py_INCREF(<object>handler)
        # Called this way, a handler that does not raise costs no set-up of a try.
        result = call_one(handler, <PyObject*>message)
        Py_DECREF(<object>handler)
        if result == NULL:
            self._handler_failed(message, handler == <PyObject*>self._on_message)
        else:
            Py_DECREF(<object>result)
        recycle(message)
        return 0

    cdef int _handler_failed(self, Message message, bint is_default) except -1:
        if is_default or not self._reports_errors:
            return raise_pending()
        try:
            raise_pending()
        except (Exception, CancelledError) as error:
            self._handler.on_handler_error(error, message)
        return 0

    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1:
        cdef Message message = message_from_header(header, join.topic)
        if entry == NULL:
            self._on_reply(message, None, -1)
        else:
            self._on_reply(message, <object>entry.waiter, header.now_ns - entry.sent_at_ns)
        recycle(message)
        return 0

    cdef int on_joined(self, const Header* header, Join join) except -1:
        self._handler.on_joined(message_from_header(header, join.topic), join)
        return 0

    cdef int on_join_error(self, const Header* header, Join join) except -1:
        self._handler.on_join_error(message_from_header(header, join.topic), join)
        return 0

    cdef int on_join_timeout(self, Join join) except -1:
        self._handler.on_join_timeout(join)
        return 0

    cdef int on_closed(self, const Header* header, Join join) except -1:
        self._handler.on_closed(None if header == NULL else message_from_header(header, join.topic), join)
        return 0

    cdef int on_errored(self, const Header* header, Join join) except -1:
        self._handler.on_errored(message_from_header(header, join.topic), join)
        return 0

    cdef int on_unknown_topic(self, const Header* header) except -1:
        self._handler.on_unknown_topic(message_from_header(header, None))
        return 0

    cdef int on_bad_frame(self, object error) except -1:
        self._handler.on_bad_frame(error)
        return 0

    cdef int on_heartbeat_reply(self, int64_t rtt_ns) except -1:
        self._handler.on_heartbeat_reply(rtt_ns)
        return 0

    cdef int on_heartbeat_timeout(self) except -1:
        self._handler.on_heartbeat_timeout()
        return 0

    cdef int on_expired(self, const RefEntry* entry) except -1:
        self._handler.on_expired(entry.ref, <object>entry.waiter)
        return 0

    cdef int on_failed(self, const RefEntry* entry, int reason) except -1:
        cdef str name = "disconnected"
        if reason == FAIL_CLOSED:
            name = "closed"
        elif reason == FAIL_ERRORED:
            name = "errored"
        self._handler.on_failed(entry.ref, <object>entry.waiter, name)
        return 0
