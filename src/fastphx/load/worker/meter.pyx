import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t

from fastphx.load.result.histogram cimport Histogram
from fastphx.load.worker.backlog cimport Backlog
from fastphx.load.worker.event_mix cimport EventMix
from fastphx.load.worker.lost_refs cimport LostRefs
from fastphx.load.worker.stamp cimport STAMPED_FOREIGN, STAMPED_NOT, Stamp, Stamped
from fastphx.protocol.frame_scan cimport KIND_OBJECT, REF_NUMBER, Header, is_reply
from fastphx.protocol.frame_write cimport RawJson
from fastphx.protocol.known_frames cimport intern_event
from fastphx.protocol.message cimport message_from_header
from fastphx.protocol.reply_status cimport STATUS_OK, reply_status
from fastphx.protocol.joins cimport JOINED, JOINING, Join
from fastphx.protocol.refs cimport RefEntry
from fastphx.protocol.session cimport FAIL_CLOSED, FAIL_DISCONNECTED, Session
from fastphx.timing.wheel cimport Timer, TimerWheel, monotonic_ns

from fastphx.errors import AlreadyJoinedError, DecodeError, DisconnectedError, OverloadedError
from fastphx.foreign_text import clipped
from fastphx.protocol.frame_write import NO_PAYLOAD as _NO_PAYLOAD

cdef enum:
    MAX_EVENTS = 1000           # different events that are counted; the rest is counted as ""
    MAX_SHOWN_CHARS = 200       # foreign_text's
    MAX_NAME_BYTES = 1024       # UTF-8 of more than so many characters

# Zero in every field: static memory.
cdef Counts _nothing
COUNTS = tuple(<dict>_nothing)
HISTOGRAMS = ("connect", "join", "rtt", "rtt_uncorrected", "delivery", "schedule_lag")


@cython.final
cdef class Meter:
    """What all sockets of a worker count and time together; no Python code runs per message.

    *owner* is told of what happens to a session: ``session_joined(session)``, ``session_left(session)``,
    ``session_join_failed(session, reason)``, ``session_join_refused(session, response)``,
    ``session_channel_closed(session, topic)``, ``session_channel_errored(session, topic)``,
    ``session_disconnected(session, reason)``, and ``note(kind, text)``; and asked for
    ``event_name(session, event)``: what of an event's name may be shown. *event*, *payload* and
    *join_payload* are the bytes that go on the wire.
    """

    def __init__(self, owner, TimerWheel wheel not None, *, bytes event not None, bytes payload,
                 double timeout_s, double join_timeout_s, Py_ssize_t max_in_flight=0, bint is_binary=False,
                 bint expects_reply=True, Stamp stamp=None, bint counts_events=False, bint opens=False,
                 double think_time_s=0.0, EventMix mix=None):
        self.owner = owner
        self.wheel = wheel
        self.connect = Histogram()
        self.join = Histogram()
        self.rtt = Histogram()
        self.rtt_uncorrected = Histogram()
        self.delivery = Histogram()
        self.schedule_lag = Histogram()
        self.ready = []
        self.event = event
        self.payload = payload
        if mix is not None and payload is not None:
            raise ValueError("with several events the payloads are theirs")
        self.mix = mix
        self.is_binary = is_binary
        self.expects_reply = expects_reply
        self.opens = opens
        self.think_ns = <int64_t>(think_time_s * 1e9)
        self.stamp = stamp
        if stamp is not None:
            if payload is None:
                raise ValueError("a stamped payload is the same for all")
            self.topics = {}
        if counts_events:
            self.events = {}
        self.timeout_ns = <int64_t>(timeout_s * 1e9)
        self.join_timeout_ns = <int64_t>(join_timeout_s * 1e9)
        self.max_in_flight = max_in_flight

    @property
    def counts(self):
        cdef dict counts = self.counts
        return counts

    @property
    def pushed_events(self):
        return {} if self.mix is None else self.mix.pushed

    @property
    def ready_count(self):
        """Sockets that pushes can go to."""
        return len(self.ready)

    def topic_count(self, str topic):
        """The topic's TopicCount, made where there is none."""
        cdef TopicCount found = <TopicCount>self.topics.get(topic)
        if found is None:
            found = self.topics[topic] = TopicCount.__new__(TopicCount)
        return found

    def count_connect_attempt(self):
        self.counts.connect_attempts += 1

    def count_connect_error(self):
        self.counts.connect_errors += 1

    def count_unsent(self, Py_ssize_t number):
        """Arrivals that came to nothing."""
        self.counts.unsent += <uint64_t>number

    cdef int arrive(self, int64_t due_ns, int64_t now_ns) except -1:
        cdef Py_ssize_t count = len(self.ready)
        cdef MeterSession session
        self.counts.arrivals += 1
        if self.opens:
            if not self.owner.open_arrival(due_ns):
                self.counts.unsent += 1
            return 0
        if count == 0:
            self.counts.unsent += 1
            return 0
        if self.cursor >= count:
            self.cursor = 0
        session = <MeterSession>self.ready[self.cursor]
        self.cursor += 1
        return session.push(due_ns, now_ns)

    cdef int _add_ready(self, MeterSession session) except -1:
        if session.ready_at < 0:
            self.ready.append(session)
            session.ready_at = len(self.ready) - 1
            if self.thinking:
                session._think(monotonic_ns() + <int64_t>(spread(session.i) * <double>self.pace_ns))
        return 0

    cdef int _remove_ready(self, MeterSession session) except -1:
        cdef MeterSession last
        cdef Py_ssize_t at = session.ready_at
        if at < 0:
            return 0
        last = <MeterSession>self.ready.pop()
        session.ready_at = -1
        if session.think is not None and session.think.is_scheduled():
            self.wheel.cancel(session.think)
        if last is not session:
            self.ready[at] = last
            last.ready_at = at
        return 0

    def start_thinking(self):
        """Let each ready socket push, now and after each of its replies; spread over one think time."""
        cdef MeterSession session
        cdef int64_t now_ns = monotonic_ns()
        if not self.think_ns:
            return
        self.thinking = True
        for session in self.ready:
            session._think(now_ns + <int64_t>(spread(session.i) * <double>self.think_ns))

    def start_pacing(self, double rate_per_s):
        """Let each ready socket push at this rate, on times of its own that do not wait for replies."""
        cdef MeterSession session
        cdef int64_t now_ns = monotonic_ns()
        if not 0 < rate_per_s <= 1e6:
            raise ValueError(f"a pace of {rate_per_s} pushes a second is none: give up to a million")
        self.pace_ns = <int64_t>(1e9 / rate_per_s)
        self.thinking = True
        for session in self.ready:
            session._think(now_ns + <int64_t>(spread(session.i) * <double>self.pace_ns))

    def count_events(self):
        """Count messages by event from now on, where they are not stamped."""
        if self.stamp is None and self.events is None:
            self.events = {}

    def stop_thinking(self):
        cdef MeterSession session
        self.thinking = False
        for session in self.ready:
            if session.think is not None and session.think.is_scheduled():
                self.wheel.cancel(session.think)

    cdef int _count_stamped(self, const Header* header, Join join) except -1:
        cdef int64_t stamp_ns = 0
        cdef Stamped stamped = self.stamp.read(header, &stamp_ns)
        if stamped == STAMPED_NOT:
            self.counts.unstamped += 1
            return 0
        self.counts.deliveries += 1
        self.counts.delivery_bytes += <uint64_t>counted_bytes(header)
        # A script's sessions count what comes on topics that nobody has joined, too.
        if join is not None and join.owner is not None:
            (<TopicCount>join.owner).received += 1
        if stamped == STAMPED_FOREIGN:
            self.counts.foreign_deliveries += 1
            return 0
        if stamp_ns >= self.measure_from_ns:
            self.delivery.record_ns(header.now_ns - stamp_ns)
        return 0

    cdef int _count_event(self, MeterSession session, const Header* header) except -1:
        cdef str event = event_name(header)
        cdef EventCount found = <EventCount>self.events.get(event)
        if found is None:
            if len(self.events) >= MAX_EVENTS:
                event = ""
            found = <EventCount>self.events.setdefault(event, EventCount.__new__(EventCount))
            if found.name is None:
                found.name = "" if event == "" else clipped(
                    self.owner.event_name(session, beginning(header)))
        found.count += 1
        found.size_bytes += <uint64_t>counted_bytes(header)
        return 0


cdef inline Py_ssize_t counted_bytes(const Header* header) noexcept:
    """The payload's bytes; the frame's, of a serializer that is not compiled."""
    return header.frame_size if header.kind == KIND_OBJECT else header.payload_size


cdef str event_name(const Header* header):
    """The event, of which what is kept is bounded."""
    if header.event.size <= MAX_SHOWN_CHARS:
        return intern_event(header.event.data, header.event.size)
    return clipped(beginning(header))


cdef str beginning(const Header* header):
    return PyUnicode_DecodeUTF8(header.event.data, min(header.event.size, MAX_NAME_BYTES), "ignore")


cdef inline double spread(int64_t i) noexcept nogil:
    """0 to 1: the golden ratio's multiples lie evenly, however many sockets there are."""
    return (<double>i * 0.6180339887498949) % 1.0


@cython.final
cdef class TopicCount:
    pass


@cython.final
cdef class EventCount:
    pass


@cython.final
cdef class ThinkTimer(Timer):
    cdef int on_timer(self, int64_t now_ns) except -1:
        cdef MeterSession session = self.session
        cdef int64_t due_ns = self.deadline_ns
        if session.ready_at < 0 or not session.meter.thinking:
            return 0
        session.meter.counts.arrivals += 1
        session.meter.schedule_lag.record_ns(now_ns - due_ns)
        if session.meter.pace_ns:
            session._think(due_ns + session.meter.pace_ns)
        return session.push(due_ns, monotonic_ns())


cdef class MeterSession(Session):
    """One socket of a load worker, and the owner of its link: connection *i* of the run."""

    def __cinit__(self):
        self.ready_at = -1

    def __init__(self, Meter meter not None, int64_t i, tuple topics not None, *,
                 bytes join_payload not None=b"{}", bytes payload=None, tuple payloads=None, bint pushes=True,
                 tuple push_topics=None,
                 double heartbeat_interval_s=30.0, serializer=None):
        Session.__init__(self, heartbeat_interval_s=heartbeat_interval_s, serializer=serializer)
        self.join_payload = join_payload
        self.payload = payload
        self.payloads = payloads
        self.pushes = pushes
        self.push_topics = push_topics
        self.meter = meter
        self.i = i
        self.topics = topics
        self._wheel = meter.wheel

    # -- a ConnectionOwner

    def notify_connected(self, writer):
        cdef int64_t now_ns = monotonic_ns()
        self.is_connected = True
        self.connections += 1
        self.link = writer.link
        self.meter.connected += 1
        self.meter.counts.connections += 1
        if self.due_ns >= self.meter.measure_from_ns:
            self.meter.connect.record_ns(now_ns - self.due_ns)
        self.open(writer, now_ns, spread(self.i))
        if self.closing:
            self.link.close()
        else:
            self.join_all()
            if self.meter.joins_from_due:
                self.joining_since_ns = self.due_ns

    def notify_disconnected(self, reason):
        cdef Join join
        if not self.is_connected:
            return
        self.is_connected = False
        self.link = None
        self.meter.connected -= 1
        if self.closing:
            self.meter.counts.closed += 1
        else:
            self.meter.counts.disconnects += 1
        self.meter.counts.join_errors += self.joins.count(JOINING)
        if self.joined is not None:
            for join in self.joined:
                self._count_subscriber(join, -1)
            self.meter.joined -= len(self.joined)
            self.joined = None
            self.pushed_to = None
        self.leaving = 0
        # Each of them, whatever the others raise.
        try:
            self.disconnect()
        finally:
            self.lost = None
            try:
                self.meter._remove_ready(self)
            finally:
                self._drop_backlog()
                self.meter.owner.session_disconnected(self, reason)

    def notify_error(self, exc):
        self.meter.owner.note("transport", f"{type(exc).__name__}: {exc}")

    # -- the worker

    @property
    def is_joined(self):
        """All topics are."""
        return self.joined is not None and len(self.joined) == len(self.topics)

    @property
    def joined_count(self):
        return 0 if self.joined is None else len(self.joined)

    def join_all(self):
        """Join every topic that is not joined, being joined or being left."""
        cdef Join join
        cdef int64_t now_ns = monotonic_ns()
        cdef object payload
        if self.closing or not self.is_connected:
            return
        payload = RawJson(self.join_payload)
        self.joining_since_ns = now_ns
        for topic in self.topics:
            try:
                join = self.check_join(topic)
                if self.meter.topics is not None and join.owner is None:
                    join.owner = self.meter.topic_count(topic)
                self.send_join(join, payload, now_ns + self.meter.join_timeout_ns)
                self.meter.counts.join_attempts += 1
            except AlreadyJoinedError:
                pass
            except (OverloadedError, DisconnectedError) as error:
                self.meter.counts.join_attempts += 1
                self._join_failed(str(error))

    cdef int _count_subscriber(self, Join join, int change) except -1:
        if join.owner is not None and not self.pushes:
            (<TopicCount>join.owner).subscribers += change
        return 0

    def leave_all(self, int64_t deadline_ns):
        """Leave every topic; returns how many leaves were sent. The session is closing from now on."""
        cdef Join join
        cdef bint was_joining
        cdef int sent = 0
        self.closing = True
        self.meter._remove_ready(self)
        self._drop_backlog()
        for join in self.joins.joins():
            if join.state == JOINING or join.state == JOINED:
                was_joining = join.state == JOINING
                try:
                    self.send_leave(join, _NO_PAYLOAD, deadline_ns)
                except (OverloadedError, DisconnectedError):
                    # A join under way fails with the connection, which is closed next, or closing.
                    continue
                sent += 1
                self.leaving += 1
                if was_joining:
                    self.meter.counts.join_errors += 1
        return sent

    def close(self, int code=1000, str reason=""):
        """Close the connection, if there is one; the session is closing from now on."""
        self.closing = True
        self.meter._remove_ready(self)
        self._drop_backlog()
        if self.link is not None:
            self.link.close(code, reason)

    def abort(self):
        """Cut the connection, if there is one; the session is closing from now on."""
        self.closing = True
        self.meter._remove_ready(self)
        self._drop_backlog()
        if self.link is not None:
            self.link.abort()

    def settle(self):
        """Move what only the session counted to the meter."""
        self.meter.counts.stale += self.counters.stale
        self.counters.stale = 0

    # -- pushing

    cdef int push(self, int64_t due_ns, int64_t now_ns) except -1:
        cdef Meter meter = self.meter
        if meter.max_in_flight and self.refs.size >= meter.max_in_flight:
            return self._hold_back(due_ns)
        self.turn += 1
        if self.turn >= len(self.pushed_to):
            self.turn = 0
        try:
            self._send_due(<Join>self.pushed_to[self.turn], due_ns, now_ns)
        except (OverloadedError, DisconnectedError):
            meter.counts.unsent += 1
            if meter.mix is not None:
                meter.mix.give_back()
            return 0 if not meter.thinking or meter.pace_ns else self._think(now_ns + meter.think_ns)
        self.pushed += 1
        if meter.expects_reply:
            meter.counts.pushes += 1
            meter.in_flight += 1
        else:
            meter.counts.casts += 1
        return 0

    cdef int _send_due(self, Join join, int64_t due_ns, int64_t now_ns) except -1:
        cdef Meter meter = self.meter
        cdef const char* data
        cdef Py_ssize_t size
        cdef bytes payload = meter.payload
        if payload is None:
            payload = self.payload
            if payload is None:
                payload = self._next_payload()
        if self.serializer is not None:
            return self._send_foreign(join, payload, due_ns, now_ns)
        data = PyBytes_AS_STRING(payload)
        size = PyBytes_GET_SIZE(payload)
        if meter.expects_reply:
            self.send_push_timed(
                join, PyBytes_AS_STRING(meter.event), PyBytes_GET_SIZE(meter.event), data, size,
                meter.is_binary, now_ns, now_ns + meter.timeout_ns, due_ns)
            return 0
        if meter.stamp is not None:
            meter.stamp.write(due_ns)
            data = meter.stamp.payload
            size = meter.stamp.size
        self._write(join.join_ref, self._next_ref, join.key, join.key_size,
                    PyBytes_AS_STRING(meter.event), PyBytes_GET_SIZE(meter.event), data, size,
                    meter.is_binary)
        self._next_ref += 1
        if join.owner is not None:
            (<TopicCount>join.owner).published += 1
        return 0

    cdef bytes _next_payload(self):
        cdef EventMix mix = self.meter.mix
        cdef bytes payload
        cdef Py_ssize_t event
        if mix is None:
            return self.meter.owner.render_payload(self, 0)
        event = mix.draw()
        self.meter.event = mix.names[event]
        payload = mix.payloads[event]
        if payload is None and self.payloads is not None:
            payload = self.payloads[event]
        return self.meter.owner.render_payload(self, event) if payload is None else payload

    cdef int _send_foreign(self, Join join, bytes payload, int64_t due_ns, int64_t now_ns) except -1:
        """A push through a serializer that is not compiled."""
        cdef uint64_t ref = self._next_ref
        cdef RefEntry entry
        self.refs.put(ref, join.join_ref, now_ns, now_ns + self.meter.timeout_ns, due_ns, NULL)
        try:
            self.send_push(join, self.meter.event.decode(), RawJson(payload))
        except BaseException:
            self.refs.take(ref, &entry)
            raise
        return self._arm()

    cdef int _think(self, int64_t due_ns) except -1:
        """Push again at *due_ns*."""
        if self.think is None:
            self.think = ThinkTimer.__new__(ThinkTimer)
            self.think.session = self
        return self.meter.wheel.schedule(self.think, due_ns)

    cdef int _hold_back(self, int64_t due_ns) except -1:
        if self.backlog is None:
            self.backlog = Backlog.__new__(Backlog)
        if not self.backlog.add(due_ns):
            self.meter.counts.unsent += 1
        return 0

    cdef int _send_backlog(self, int64_t now_ns) except -1:
        while self.backlog.size and self.ready_at >= 0 and self.refs.size < self.meter.max_in_flight:
            self.push(self.backlog.take_first(), now_ns)
        return 0

    cdef int _drop_backlog(self) except -1:
        if self.backlog is not None:
            self.meter.counts.unsent += <uint64_t>self.backlog.drop_all()
        return 0

    cdef int _remember_lost(self, uint64_t ref) except -1:
        if self.lost is None:
            self.lost = LostRefs.__new__(LostRefs)
        return self.lost.remember(ref)

    cdef int _answered(self, int64_t now_ns) except -1:
        self.meter.in_flight -= 1
        if self.meter.thinking and not self.meter.pace_ns and self.ready_at >= 0:
            return self._think((now_ns if now_ns else monotonic_ns()) + self.meter.think_ns)
        if self.backlog is not None and self.backlog.size:
            # One reading more: the reply may have waited behind others of the same read.
            return self._send_backlog(monotonic_ns())
        return 0

    # -- hooks

    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1:
        cdef Meter meter = self.meter
        cdef uint64_t ref
        if entry != NULL:
            if reply_status(header) == STATUS_OK:
                meter.counts.replies += 1
            else:
                meter.counts.error_replies += 1
            if entry.due_ns >= meter.measure_from_ns:
                meter.rtt.record_ns(header.now_ns - entry.due_ns)
                meter.rtt_uncorrected.record_ns(header.now_ns - entry.sent_at_ns)
            return self._answered(header.now_ns)
        ref = header.ref.number if header.ref.type == REF_NUMBER else 0
        if ref != 0 and join is not None and ref == join.leave_ref:
            return 0
        if ref == 0 or ref >= self._next_ref or self.refs.has(ref):
            # A ref that is waited for still, and yet this is no answer to it: the reply is of another topic.
            meter.counts.unexpected += 1
        elif not meter.expects_reply:
            meter.counts.cast_replies += 1
        elif self.lost is not None and self.lost.forget(ref):
            meter.counts.late += 1
        else:
            meter.counts.duplicates += 1
        return 0

    cdef int on_message(self, const Header* header, Join join) except -1:
        cdef Meter meter = self.meter
        if meter.stamp is not None:
            if not self.pushes:
                return meter._count_stamped(header, join)
            meter.counts.own_deliveries += 1
            return 0
        meter.counts.deliveries += 1
        meter.counts.delivery_bytes += <uint64_t>counted_bytes(header)
        if meter.events is not None:
            return meter._count_event(self, header)
        return 0

    cdef int on_expired(self, const RefEntry* entry) except -1:
        self.meter.counts.lost_timeout += 1
        # First what the sums are made of.
        self._answered(0)
        return self._remember_lost(entry.ref)

    cdef int on_failed(self, const RefEntry* entry, int reason) except -1:
        self.meter.in_flight -= 1
        if self.closing:
            self.meter.counts.lost_at_stop += 1
        elif reason == FAIL_DISCONNECTED:
            self.meter.counts.lost_disconnected += 1
        elif reason == FAIL_CLOSED:
            self.meter.counts.lost_closed += 1
        else:
            self.meter.counts.lost_errored += 1
        if reason != FAIL_DISCONNECTED:
            # A push that crosses the end of its channel is still answered: "unmatched topic", no join_ref.
            self._remember_lost(entry.ref)
        return 0

    cdef int on_joined(self, const Header* header, Join join) except -1:
        cdef Meter meter = self.meter
        meter.counts.joins += 1
        if self.due_ns >= meter.measure_from_ns:
            meter.join.record_ns(header.now_ns - self.joining_since_ns)
        if self.joined is None:
            self.joined = []
        self.joined.append(join)
        meter.joined += 1
        self._count_subscriber(join, 1)
        if len(self.joined) == len(self.topics):
            self.pushed_to = self.joined if self.push_topics is None else [
                self.check_joined(topic) for topic in self.push_topics]
            self.attempts = 0
            if self.pushes:
                meter._add_ready(self)
            meter.owner.session_joined(self)
        return 0

    cdef int on_join_error(self, const Header* header, Join join) except -1:
        try:
            response = message_from_header(header, join.topic).response
        except DecodeError as error:
            response = str(error)
        self.meter.counts.join_errors += 1
        if not self.closing:
            self.meter.owner.session_join_refused(self, response)
        return 0

    cdef int on_join_timeout(self, Join join) except -1:
        return self._join_failed("timed out")

    cdef int _join_failed(self, object reason) except -1:
        self.meter.counts.join_errors += 1
        if not self.closing:
            self.meter.owner.session_join_failed(self, reason)
        return 0

    cdef int _unjoin(self, Join join) except -1:
        if self.joined is not None and join in self.joined:
            self.joined.remove(join)
            self._count_subscriber(join, -1)
            self.meter.joined -= 1
            self.meter._remove_ready(self)
            self._drop_backlog()
            return 1
        return 0

    cdef int on_closed(self, const Header* header, Join join) except -1:
        cdef int was_joined = self._unjoin(join)
        if self.closing:
            self.leaving -= 1
            if self.leaving == 0:
                self.meter.owner.session_left(self)
            return 0
        self.meter.counts.channel_closes += 1
        if not was_joined:
            return self._join_failed("closed by the server")
        self.meter.owner.session_channel_closed(self, join.topic)
        return 0

    cdef int on_errored(self, const Header* header, Join join) except -1:
        cdef int was_joined = self._unjoin(join)
        self.meter.counts.channel_errors += 1
        if self.closing:
            self.leaving -= 1
            if self.leaving == 0:
                self.meter.owner.session_left(self)
            return 0
        if not was_joined:
            return self._join_failed("crashed")
        self.meter.owner.session_channel_errored(self, join.topic)
        return 0

    cdef bint _is_own_topic(self, const Header* header) except -1:
        cdef str topic = PyUnicode_DecodeUTF8(header.topic.data, header.topic.size, "replace")
        return topic in self.topics

    cdef int on_unknown_topic(self, const Header* header) except -1:
        cdef uint64_t ref = header.ref.number if header.ref.type == REF_NUMBER else 0
        if not self._is_own_topic(header):
            self.meter.counts.unknown_topic += 1
        elif ref != 0 and self.lost is not None and is_reply(header) and self.lost.forget(ref):
            self.meter.counts.late += 1
        else:
            # It was on its way when the topic was left or closed.
            self.meter.counts.stale += 1
        return 0

    cdef int on_bad_frame(self, object error) except -1:
        self.meter.counts.decode_errors += 1
        self.meter.owner.note("decode", error.reason)
        return 0

    cdef int on_heartbeat_reply(self, int64_t rtt_ns) except -1:
        self.meter.counts.heartbeats_answered += 1
        return 0

    cdef int on_heartbeat_timeout(self) except -1:
        self.meter.counts.heartbeat_timeouts += 1
        if self.link is not None:
            self.link.close(1000, "heartbeat timeout")
        return 0
