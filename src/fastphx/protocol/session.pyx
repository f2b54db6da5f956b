import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from fastphx.protocol.frame_scan cimport (
    KIND_OBJECT, REF_NULL, REF_NUMBER, REF_OTHER, Header, is_reply, release, scan_error, set_ref,
)
from fastphx.protocol.frame_write cimport RawJson, push_bound, utf8, write_binary_push, write_push
from fastphx.protocol.known_frames cimport scan_known
from fastphx.protocol.reply_status cimport STATUS_ERROR, STATUS_MISSING, STATUS_OK, reply_status
from fastphx.protocol.hash cimport same_bytes
from fastphx.protocol.joins cimport (
    CLOSED, ERRORED, JOINED, JOINING, LEAVING, Join, JoinMap, JoinState, state_name,
)
from fastphx.protocol.refs cimport RefEntry, RefTable
from fastphx.protocol.sink cimport FRAME_HEADROOM, OPCODE_BINARY, OPCODE_TEXT, FrameWriter
from fastphx.timing.wheel cimport Timer

import orjson

from fastphx.errors import (
    AlreadyJoinedError,
    DecodeError,
    DisconnectedError,
    EncodingError,
    NotJoinedError,
    OverloadedError,
    clip,
    clip_repr,
)
from fastphx.protocol.frame_write import NO_PAYLOAD as _NO_PAYLOAD
from fastphx.protocol.json_value import dumps as _exact_dumps

cdef object _dumps = orjson.dumps
cdef int64_t NEVER = INT64_MAX

cdef enum:
    # Frames up to this size are written on the stack. Larger ones cost a malloc.
    STACK_FRAME_BYTES = 2048


cdef bytes _exact_json(object payload, str event):
    """The JSON of a payload that orjson refuses, maybe only because of an integer's size."""
    try:
        return _exact_dumps(payload)
    except TypeError as error:
        raise EncodingError(f"the payload of {clip(event)} is not JSON ({error})") from error


@cython.final
cdef class SessionTimer(Timer):
    cdef int on_timer(self, int64_t now_ns) except -1:
        cdef Session session = self.session
        if session is None:
            return 0
        session._armed_ns = NEVER
        try:
            session.on_tick(now_ns)
        finally:
            session._arm()
        return 0


cdef class Session(FrameSink):
    def __init__(self, *, serializer=None, double heartbeat_interval_s=30.0, Py_ssize_t max_in_flight=65536,
                 Py_ssize_t max_topics=1_000_000, bint join_ends_leave=False):
        if not 0 <= heartbeat_interval_s <= 86400:
            raise ValueError(f"heartbeat_interval_s is {heartbeat_interval_s}: give 0 (none) to 86400")
        self.joins = JoinMap(max_topics)
        self.refs = RefTable(max_in_flight)
        self.serializer = serializer
        self._join_ends_leave = join_ends_leave
        self._heartbeat_interval_ns = <int64_t>(heartbeat_interval_s * 1e9)
        self._next_beat_ns = NEVER
        self._joins_deadline_ns = NEVER
        self._armed_ns = NEVER
        self._next_ref = 1

    # -- frames in

    cdef int on_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1:
        cdef Header header
        cdef Join join
        cdef Py_ssize_t position = 0
        cdef const char* reason
        self.counters.frames_in += 1
        self.counters.bytes_in += <uint64_t>size
        if self.serializer is not None:
            return self._on_foreign_frame(data, size, opcode, now_ns)
        reason = scan_known(data, size, opcode, &header, &position)
        if reason != NULL:
            return self._bad_frame(scan_error(reason, position, data, size))
        header.now_ns = now_ns
        join = self.joins._last
        # Most frames have the same header as the last one of their topic.
        if header.is_plain and join is not None and join.known == header.known and (
                header.join_ref.type == REF_NULL or header.join_ref.number == join.join_ref):
            self.counters.messages += 1
            return self.on_message(&header, join)
        if header.heap == NULL:
            return self._classify(&header)
        try:
            return self._classify(&header)
        finally:
            release(&header)

    cdef int _on_foreign_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1:
        """Take a frame that the user's serializer decodes. Its five values are classified in the same way."""
        cdef Header header
        cdef str topic, event
        try:
            join_ref, ref, topic_value, event_value, payload = self.serializer.decode(data[:size], opcode)
            if not isinstance(topic_value, str) or not isinstance(event_value, str):
                raise DecodeError("a topic or event is not a string",
                                  excerpt=clip_repr((topic_value, event_value)))
            topic = topic_value
            event = event_value
            set_ref(&header.join_ref, join_ref)
            set_ref(&header.ref, ref)
            header.topic.data = utf8(topic, &header.topic.size, "topic")
            header.event.data = utf8(event, &header.event.size, "event")
        except DecodeError as error:
            return self._bad_frame(error)
        except Exception as error:
            wrapped = DecodeError(f"the serializer failed ({type(error).__name__}: {error})",
                                  excerpt=clip(data[:min(size, 80)]))
            wrapped.__cause__ = error
            return self._bad_frame(wrapped)
        cdef bint raw = isinstance(payload, RawJson)    # to be decoded when it is read
        header.kind = KIND_OBJECT
        header.payload = PyBytes_AS_STRING((<RawJson>payload).data if raw else b"")  # memmem takes no NULL
        header.payload_size = PyBytes_GET_SIZE((<RawJson>payload).data) if raw else 0
        header.payload_object = NULL if raw else <void*>payload
        header.event_text = NULL
        header.is_plain = False
        header.known = 0
        header.frame_size = size
        header.heap = NULL
        header.now_ns = now_ns
        return self._classify(&header)

    cdef int _bad_frame(self, object error) except -1:
        self.counters.decode_errors += 1
        return self.on_bad_frame(error)

    cdef int _classify(self, Header* header) except -1:
        cdef Join join = self.joins._last
        # Most frames have the same topic as the last one.
        if join is None or join.key_size != header.topic.size or not same_bytes(
                join.key, header.topic.data, join.key_size):
            join = self.joins.find(header.topic.data, header.topic.size)
        if join is not None:
            join.known = header.known
        cdef bint has_join_ref = header.join_ref.type != REF_NULL and not (
            header.join_ref.type == REF_OTHER and header.join_ref.size == 0)
        if join is None:
            if header.topic.size == 7 and memcmp(header.topic.data, "phoenix", 7) == 0:
                return self._classify_phoenix(header)
            if self._join_ends_leave and (has_join_ref or is_reply(header)):
                # Of a join that is over: a broadcast has no join_ref, and a reply answers what was sent.
                self.counters.stale += 1
                return 0
            self.counters.unknown_topic += 1
            return self.on_unknown_topic(header)
        if has_join_ref and (header.join_ref.type != REF_NUMBER or header.join_ref.number != join.join_ref):
            self.counters.stale += 1
            return 0
        if header.is_plain:
            self.counters.messages += 1
            return self.on_message(header, join)
        if is_reply(header):
            return self._classify_reply(header, join)
        if header.event.size == 9 and memcmp(header.event.data, "phx_", 4) == 0:
            if memcmp(header.event.data + 4, "close", 5) == 0:
                return self._finish(header, join, CLOSED)
            if memcmp(header.event.data + 4, "error", 5) == 0:
                return self._finish(header, join, CLOSED if join.state == LEAVING else ERRORED)
        self.counters.messages += 1
        return self.on_message(header, join)

    cdef int _classify_phoenix(self, const Header* header) except -1:
        cdef int64_t rtt_ns
        if not is_reply(header):
            self.counters.unknown_topic += 1
            return self.on_unknown_topic(header)
        if header.ref.type == REF_NUMBER and header.ref.number == self._beat_ref:
            self._beat_ref = 0
            self.counters.heartbeats_answered += 1
            rtt_ns = header.now_ns - self._beat_sent_ns
            return self.on_heartbeat_reply(rtt_ns)
        self.counters.stale_heartbeats += 1
        return 0

    cdef int _classify_reply(self, Header* header, Join join) except -1:
        cdef uint64_t ref = header.ref.number if header.ref.type == REF_NUMBER else 0
        cdef RefEntry entry
        cdef int status
        if ref != 0 and ref == join.join_ref:
            if join.state != JOINING:
                # It answers a join that a leave has cancelled, or it is a second answer.
                self.counters.unexpected_replies += 1
                if join.state == LEAVING and reply_status(header) == STATUS_ERROR:
                    # There is no channel, so the leave is answered, and no phx_close follows.
                    return self._finish(NULL, join, CLOSED)
                return 0
            status = reply_status(header)
            # Reading the status may have run somebody's code, and the text may be freed.
            header.event_text = NULL
            if status == STATUS_MISSING:
                return self._bad_frame(DecodeError(
                    "the reply to a join has no status", topic=join.topic, event="phx_reply"))
            self.counters.replies += 1
            join.deadline_ns = NEVER
            if status == STATUS_OK:
                join.state = JOINED
                return self.on_joined(header, join)
            join.state = ERRORED
            join.join_ref = 0
            try:
                return self.on_join_error(header, join)
            finally:
                self._forget_unowned(join)
        self.counters.replies += 1
        if ref != 0 and self.refs.take_reply(ref, join.join_ref, &entry):
            try:
                return self.on_reply(header, join, &entry)
            finally:
                Py_XDECREF(entry.waiter)
        if ref == 0 or ref != join.leave_ref:
            self.counters.unexpected_replies += 1
        elif self._join_ends_leave and join.state == LEAVING:
            return self._finish(NULL, join, CLOSED)
        return self.on_reply(header, join, NULL)

    cdef int _finish(self, const Header* header, Join join, JoinState state) except -1:
        """The topic is over: whatever still waits on it fails, and then the user is told."""
        cdef uint64_t join_ref = join.join_ref
        if join.state == CLOSED or join.state == ERRORED:
            self.counters.stale += 1
            return 0
        join.state = state
        join.join_ref = 0
        join.leave_ref = 0
        join.deadline_ns = NEVER
        try:
            self._fail(join_ref, FAIL_CLOSED if state == CLOSED else FAIL_ERRORED)
        finally:
            try:
                if state == CLOSED:
                    self.on_closed(header, join)
                else:
                    self.on_errored(header, join)
            finally:
                self._forget_unowned(join)
        return 0

    cdef int _forget_unowned(self, Join join) except -1:
        # The hook may have joined the topic again, or set an owner.
        if join.owner is None and (join.state == CLOSED or join.state == ERRORED):
            self.joins.remove(join)
        return 0

    cdef int _fail(self, uint64_t join_ref, int reason, int64_t expired_at_ns=NEVER) except -1:
        """Every waiter of *join_ref* (0: of any join) whose deadline has passed at *expired_at_ns* fails."""
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t index
        cdef RefEntry* entries
        cdef RefEntry entry
        cdef object first = None
        try:
            entries = self.refs.extract(join_ref, expired_at_ns, &count)
        except MemoryError:
            # Then one by one: nobody may wait for ever.
            while self.refs.take_any(join_ref, expired_at_ns, &entry):
                first = self._fail_one(&entry, reason, first)
        else:
            for index in range(count):
                first = self._fail_one(&entries[index], reason, first)
            free(entries)
        if first is not None:
            raise first
        return 0

    cdef object _fail_one(self, const RefEntry* entry, int reason, object first):
        """The *first* error of all."""
        try:
            if reason == FAIL_EXPIRED:
                self.counters.expired += 1
                self.on_expired(entry)
            else:
                self.on_failed(entry, reason)
        except BaseException as error:
            first = error if first is None else first
        Py_XDECREF(entry.waiter)
        return first

    # -- the transport's owner

    cdef int open(self, FrameWriter writer, int64_t now_ns, double phase) except -1:
        if self._writer is not None:
            self.disconnect()
        self._writer = writer
        self._next_ref = 1
        self._beat_ref = 0
        self._judging = True
        if self._heartbeat_interval_ns:
            self._next_beat_ns = now_ns + <int64_t>(phase * <double>self._heartbeat_interval_ns)
        if self._wheel is not None:
            self._timer = SessionTimer.__new__(SessionTimer)
            self._timer.session = self
        return self._arm()

    cdef int disconnect(self) except -1:
        cdef Join join
        if self._writer is None:
            return 0
        self._writer = None
        self._next_beat_ns = NEVER
        self._beat_ref = 0
        self._joins_deadline_ns = NEVER
        if self._timer is not None:
            self._wheel.cancel(self._timer)
            self._timer.session = None
            self._timer = None
        self._armed_ns = NEVER
        self.joins.disconnect()
        try:
            self._fail(0, FAIL_DISCONNECTED)
        finally:
            for join in self.joins.joins():
                self._forget_unowned(join)
        return 0

    cdef int read_paused(self, bint paused, int64_t now_ns) except -1:
        self._judging = not paused
        # Judge only from the next beat on: the answer to this one may wait unread in the kernel.
        self._beat_ref = 0
        return 0

    cdef int64_t deadline(self) noexcept:
        cdef int64_t deadline_ns
        if self._writer is None:
            return NEVER
        deadline_ns = self._next_beat_ns
        if self._joins_deadline_ns < deadline_ns:
            deadline_ns = self._joins_deadline_ns
        if self.refs.earliest_ns < deadline_ns:
            deadline_ns = self.refs.earliest_ns
        return deadline_ns

    cdef int _arm(self) except -1:
        cdef int64_t deadline_ns
        if self._timer is None:
            return 0
        deadline_ns = self.deadline()
        if deadline_ns < self._armed_ns:
            self._armed_ns = deadline_ns
            self._wheel.schedule(self._timer, deadline_ns)
        return 0

    cdef int on_tick(self, int64_t now_ns) except -1:
        if self._writer is not None and now_ns >= self.refs.earliest_ns:
            self._fail(0, FAIL_EXPIRED, now_ns)
        if self._writer is not None and now_ns >= self._joins_deadline_ns:
            self._expire_joins(now_ns)
        if self._writer is not None and now_ns >= self._next_beat_ns:
            self._beat(now_ns)
        return 0

    cdef int _expire_joins(self, int64_t now_ns) except -1:
        cdef Join join
        cdef list expired = []
        cdef object first = None
        cdef int64_t deadline_ns = NEVER
        for join in self.joins.joins():
            if join.deadline_ns <= now_ns:
                expired.append(join)
            elif join.deadline_ns < deadline_ns:
                deadline_ns = join.deadline_ns
        self._joins_deadline_ns = deadline_ns
        for join in expired:
            if join.deadline_ns > now_ns or self._writer is None:
                continue
            try:
                if join.state == LEAVING:
                    self._finish(NULL, join, CLOSED)
                else:
                    self._expire_join(join)
            except BaseException as error:
                first = error if first is None else first
        if first is not None:
            raise first
        return 0

    cdef int _expire_join(self, Join join) except -1:
        cdef uint64_t join_ref = join.join_ref
        cdef uint64_t ref = self._next_ref
        self.counters.expired += 1
        join.state = ERRORED
        join.join_ref = 0
        join.deadline_ns = NEVER
        # The server may have joined it nevertheless, or may do so later. Without a leave, the next join of
        # the topic would close a channel that nobody here knows of.
        self._next_ref += 1
        try:
            self._send(join_ref, ref, join.topic, "phx_leave", _NO_PAYLOAD)
        except (DisconnectedError, OverloadedError):
            # The connection is about to end, or is too full for a join, too.
            pass
        finally:
            try:
                self.on_join_timeout(join)
            finally:
                self._forget_unowned(join)
        return 0

    cdef int _beat(self, int64_t now_ns) except -1:
        cdef uint64_t ref = self._next_ref
        cdef int64_t grace_ns = self._heartbeat_interval_ns // 4
        if self._beat_ref and self._judging:
            if now_ns - self._next_beat_ns > grace_ns:
                # This process stood still, and the answer may wait unread in the kernel: read first.
                self._next_beat_ns = now_ns + grace_ns
                return 0
            self._next_beat_ns = NEVER
            return self.on_heartbeat_timeout()
        self._next_beat_ns += self._heartbeat_interval_ns
        if self._next_beat_ns <= now_ns:
            self._next_beat_ns = now_ns + self._heartbeat_interval_ns
        self._next_ref += 1
        if self._judging:
            self._beat_ref = ref
        self._beat_sent_ns = now_ns
        try:
            self._send(0, ref, "phoenix", "heartbeat", _NO_PAYLOAD)
        except (DisconnectedError, OverloadedError):
            # The connection is about to end, or has not taken any bytes for long: this counts as unanswered.
            return 0
        self.counters.heartbeats_sent += 1
        return 0

    # -- the user

    cdef Join check_join(self, str topic):
        cdef Join join
        if self._writer is None:
            raise DisconnectedError(f"{clip(topic)} cannot be joined: the socket is not connected")
        join = self.joins.add(topic)
        if self._join_ends_leave and join.state == LEAVING:
            self._finish(NULL, join, CLOSED)
            join = self.joins.add(topic)
        if join.state != CLOSED and join.state != ERRORED:
            raise AlreadyJoinedError(
                f"{clip(topic)} cannot be joined: it is {state_name(join)}")
        return join

    cdef Join check_joined(self, str topic):
        cdef Join join
        if self._writer is None:
            raise DisconnectedError(f"nothing can be sent to {clip(topic)}: the socket is not connected")
        join = self.joins.get(topic)
        if join is None or join.state != JOINED:
            state = "closed" if join is None else state_name(join)
            raise NotJoinedError(f"nothing can be sent to {clip(topic)}: it is {state}, not joined")
        return join

    cdef void _give_back(self, uint64_t ref) noexcept:
        # The code of a serializer or a transport may have sent something else, or ended the connection.
        if self._next_ref == ref + 1:
            self._next_ref = ref

    cdef uint64_t send_join(self, Join join, object payload, int64_t deadline_ns) except 0:
        cdef uint64_t ref = self._next_ref
        cdef JoinState state = join.state
        # Set before it is sent: without a network, a transport may answer during the write.
        join.state = JOINING
        join.join_ref = ref
        join.leave_ref = 0
        join.deadline_ns = deadline_ns
        self._next_ref += 1
        try:
            self._send(ref, ref, join.topic, "phx_join", payload)
        except BaseException:
            self._give_back(ref)
            if join.join_ref == ref:
                join.state = state
                join.join_ref = 0
                join.deadline_ns = NEVER
            self._forget_unowned(join)
            raise
        if deadline_ns < self._joins_deadline_ns:
            self._joins_deadline_ns = deadline_ns
            self._arm()
        return ref

    cdef uint64_t send_leave(self, Join join, object payload, int64_t deadline_ns) except 0:
        cdef uint64_t ref = self._next_ref
        cdef JoinState state = join.state
        cdef int64_t before_ns = join.deadline_ns
        join.state = LEAVING
        join.leave_ref = ref
        join.deadline_ns = deadline_ns
        self._next_ref += 1
        try:
            self._send(join.join_ref, ref, join.topic, "phx_leave", payload)
        except BaseException:
            self._give_back(ref)
            if join.leave_ref == ref:
                join.state = state
                join.leave_ref = 0
                join.deadline_ns = before_ns
            raise
        if deadline_ns < self._joins_deadline_ns:
            self._joins_deadline_ns = deadline_ns
            self._arm()
        return ref

    cdef uint64_t send_push(self, Join join, str event, object payload) except 0:
        cdef uint64_t ref = self._next_ref
        self._next_ref += 1
        try:
            self._send(join.join_ref, ref, join.topic, event, payload)
        except BaseException:
            self._give_back(ref)
            raise
        return ref

    cdef uint64_t send_push_awaited(self, Join join, str event, object payload, object waiter,
                                    int64_t now_ns, int64_t deadline_ns) except 0:
        cdef uint64_t ref = self._next_ref
        cdef RefEntry entry
        self.refs.put(ref, join.join_ref, now_ns, deadline_ns, now_ns, <PyObject*>waiter)
        self._next_ref += 1
        try:
            self._send(join.join_ref, ref, join.topic, event, payload)
        except BaseException:
            self._give_back(ref)
            if self.refs.take(ref, &entry):
                Py_XDECREF(entry.waiter)
            raise
        if deadline_ns < self._armed_ns:
            self._arm()
        return ref

    cdef uint64_t send_push_timed(self, Join join, const char* event, Py_ssize_t event_size,
                                  const char* payload, Py_ssize_t size, bint binary,
                                  int64_t now_ns, int64_t deadline_ns, int64_t due_ns) except 0:
        cdef uint64_t ref = self._next_ref
        cdef RefEntry entry
        self.refs.put(ref, join.join_ref, now_ns, deadline_ns, due_ns, NULL)
        self._next_ref += 1
        try:
            self._write(join.join_ref, ref, join.key, join.key_size, event, event_size, payload, size, binary)
        except BaseException:
            self._give_back(ref)
            self.refs.take(ref, &entry)
            raise
        if deadline_ns < self._armed_ns:
            self._arm()
        return ref

    # -- frames out

    cdef int _send(self, uint64_t join_ref, uint64_t ref, str topic, str event, object payload) except -1:
        """*payload* bytes: a binary frame. RawJson: as it is. Else orjson's."""
        cdef Py_ssize_t topic_size = 0, event_size = 0
        cdef const char* topic_data
        cdef const char* event_data
        cdef bytes data
        cdef bint binary = False
        if self.serializer is not None:
            if self._writer is None:
                raise DisconnectedError(f"nothing can be sent to {clip(topic)}: the socket is not connected")
            try:
                data, opcode = self.serializer.encode(
                    str(join_ref) if join_ref else None, str(ref), topic, event,
                    {} if payload is _NO_PAYLOAD else payload)
            except EncodingError:
                raise
            except Exception as error:
                raise EncodingError(
                    f"the serializer cannot encode the payload of {clip(event)} ({error})") from error
            return self._write_encoded(data, opcode)
        if isinstance(payload, bytes):
            data = payload
            binary = True
        elif isinstance(payload, RawJson):
            data = (<RawJson>payload).data
        else:
            try:
                data = _dumps(payload)
            except TypeError:
                data = _exact_json(payload, event)
        topic_data = utf8(topic, &topic_size, "topic")
        event_data = utf8(event, &event_size, "event")
        return self._write(join_ref, ref, topic_data, topic_size, event_data, event_size,
                           PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), binary)

    cdef int _write(self, uint64_t join_ref, uint64_t ref, const char* topic, Py_ssize_t topic_size,
                    const char* event, Py_ssize_t event_size, const char* payload, Py_ssize_t size,
                    bint binary) except -1:
        cdef char[FRAME_HEADROOM + STACK_FRAME_BYTES] stack
        cdef char* memory = stack
        cdef char* frame
        cdef FrameWriter writer = self._writer
        cdef Py_ssize_t bound = push_bound(topic_size, event_size, size)
        cdef Py_ssize_t frame_size
        if writer is None:
            raise DisconnectedError("nothing can be sent: the socket is not connected")
        if bound > STACK_FRAME_BYTES:
            memory = <char*>malloc(<size_t>(FRAME_HEADROOM + bound))
            if memory == NULL:
                raise MemoryError
        frame = memory + FRAME_HEADROOM
        try:
            if binary:
                frame_size = write_binary_push(
                    frame, join_ref, ref, topic, topic_size, event, event_size, payload, size)
                writer.write_frame(frame, frame_size, OPCODE_BINARY)
            else:
                frame_size = write_push(
                    frame, join_ref, ref, topic, topic_size, event, event_size, payload, size)
                writer.write_frame(frame, frame_size, OPCODE_TEXT)
        finally:
            if memory != stack:
                free(memory)
        self.counters.frames_out += 1
        self.counters.bytes_out += <uint64_t>frame_size
        return 0

    cdef int _write_encoded(self, bytes frame, object opcode) except -1:
        cdef Py_ssize_t size
        cdef char* memory
        cdef FrameWriter writer = self._writer
        if frame is None or opcode not in (OPCODE_TEXT, OPCODE_BINARY):
            raise EncodingError(f"the serializer did not return (bytes, opcode) with 1 (text) or 2 (binary): "
                                f"its opcode is {clip(repr(opcode))}")
        if writer is None:
            raise DisconnectedError("nothing can be sent: the serializer ended the connection")
        size = PyBytes_GET_SIZE(frame)
        memory = <char*>malloc(<size_t>(FRAME_HEADROOM + size))
        if memory == NULL:
            raise MemoryError
        try:
            memcpy(memory + FRAME_HEADROOM, PyBytes_AS_STRING(frame), <size_t>size)
            writer.write_frame(memory + FRAME_HEADROOM, size, opcode)
        finally:
            free(memory)
        self.counters.frames_out += 1
        self.counters.bytes_out += <uint64_t>size
        return 0

    # -- hooks: every session has its own

    cdef int on_joined(self, const Header* header, Join join) except -1:
        raise NotImplementedError

    cdef int on_join_error(self, const Header* header, Join join) except -1:
        raise NotImplementedError

    cdef int on_join_timeout(self, Join join) except -1:
        raise NotImplementedError

    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1:
        raise NotImplementedError

    cdef int on_message(self, const Header* header, Join join) except -1:
        raise NotImplementedError

    cdef int on_closed(self, const Header* header, Join join) except -1:
        raise NotImplementedError

    cdef int on_errored(self, const Header* header, Join join) except -1:
        raise NotImplementedError

    cdef int on_unknown_topic(self, const Header* header) except -1:
        raise NotImplementedError

    cdef int on_bad_frame(self, object error) except -1:
        raise NotImplementedError

    cdef int on_heartbeat_reply(self, int64_t rtt_ns) except -1:
        raise NotImplementedError

    cdef int on_heartbeat_timeout(self) except -1:
        raise NotImplementedError

    cdef int on_expired(self, const RefEntry* entry) except -1:
        raise NotImplementedError

    cdef int on_failed(self, const RefEntry* entry, int reason) except -1:
        raise NotImplementedError

    cdef dict counters_as_dict(self):
        return self.counters
