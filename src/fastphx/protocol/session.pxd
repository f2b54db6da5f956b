"""One socket's state machine: frames in, hooks out. No I/O, no clock, no loop of its own.

A subclass overrides the hooks (`cdef` methods: no Python call is paid). Time is passed in. A hook may call
any method of the session.
"""

from libc.stdint cimport int64_t, uint64_t

from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.joins cimport Join, JoinMap, JoinState
from fastphx.protocol.refs cimport RefEntry, RefTable
from fastphx.protocol.sink cimport FrameSink, FrameWriter
from fastphx.timing.wheel cimport Timer, TimerWheel

cdef enum FailReason:
    # Why a waiter will get no reply.
    FAIL_CLOSED = 1             # phx_close
    FAIL_ERRORED = 2            # phx_error
    FAIL_DISCONNECTED = 3
    FAIL_EXPIRED = 4            # never told to `on_failed`

cdef struct Counters:
    uint64_t frames_in
    uint64_t bytes_in
    uint64_t frames_out
    uint64_t bytes_out
    uint64_t messages
    uint64_t replies
    uint64_t unexpected_replies     # to a ref that nobody waits for there (the behaviour's pushes)
    uint64_t stale                  # a join_ref that is not the topic's current one: dropped
    uint64_t unknown_topic
    uint64_t decode_errors
    uint64_t heartbeats_sent
    uint64_t heartbeats_answered
    uint64_t stale_heartbeats       # an answer to an older beat
    uint64_t expired                # pushes and joins whose deadline passed

cdef class Session(FrameSink):
    cdef readonly JoinMap joins
    cdef readonly RefTable refs
    cdef readonly object serializer     # None: JsonV2, compiled; else a fastphx.serializers.Serializer
    cdef bint _join_ends_leave          # a topic that is being left may be joined (see Session)
    cdef Counters counters
    cdef FrameWriter _writer            # None while disconnected
    cdef uint64_t _next_ref
    cdef int64_t _heartbeat_interval_ns  # 0: none
    cdef int64_t _next_beat_ns          # INT64_MAX: none
    cdef int64_t _beat_sent_ns
    cdef uint64_t _beat_ref             # 0: none is waited for
    cdef bint _judging                  # false while reading is paused
    cdef int64_t _joins_deadline_ns     # a lower bound of the joins' deadlines
    cdef int64_t _armed_ns              # when the timer is due; INT64_MAX: it is not in the wheel
    cdef SessionTimer _timer            # None while disconnected, and without a wheel
    cdef TimerWheel _wheel

    # -- what a transport's owner calls
    cdef int open(self, FrameWriter writer, int64_t now_ns, double phase) except -1
    """The transport is up. Refs start again at 1. The first heartbeat is due after *phase* (0 to 1) of the
    interval, so that many sockets do not beat together."""
    cdef int disconnect(self) except -1
    """The transport is gone: every waiter fails, and every topic is forgotten, but for those with an owner:
    they are ERRORED."""
    cdef int read_paused(self, bint paused, int64_t now_ns) except -1
    """While the transport does not read, heartbeats are sent, but not judged."""
    cdef int64_t deadline(self) noexcept
    """When `on_tick` must be called; INT64_MAX: never."""
    cdef int on_tick(self, int64_t now_ns) except -1
    """Heartbeats and deadlines. The wheel calls it, if there is one."""

    # -- what its user calls. Each returns the ref; each raises DisconnectedError, EncodingError or
    #    OverloadedError, and then nothing was sent and nothing has changed. The state is the caller's to
    #    check (`check_join`, `check_joined`).
    cdef Join check_join(self, str topic)
    """The Join, a new one if there is none. Raises AlreadyJoinedError, DisconnectedError."""
    cdef Join check_joined(self, str topic)
    """Raises NotJoinedError if the topic is not JOINED, and DisconnectedError."""
    cdef uint64_t send_join(self, Join join, object payload, int64_t deadline_ns) except 0
    cdef uint64_t send_leave(self, Join join, object payload, int64_t deadline_ns) except 0
    cdef uint64_t send_push(self, Join join, str event, object payload) except 0
    """Not registered: a reply comes to on_reply without an entry."""
    cdef uint64_t send_push_awaited(self, Join join, str event, object payload, object waiter,
                                    int64_t now_ns, int64_t deadline_ns) except 0
    cdef uint64_t send_push_timed(self, Join join, const char* event, Py_ssize_t event_size,
                                  const char* payload, Py_ssize_t size, bint binary,
                                  int64_t now_ns, int64_t deadline_ns, int64_t due_ns) except 0
    """For the meter: the bytes are ready, there is no waiter, times are kept. deadline_ns INT64_MAX: none."""

    # -- hooks. *header* is NULL if the session itself made the event.
    cdef int on_joined(self, const Header* header, Join join) except -1
    cdef int on_join_error(self, const Header* header, Join join) except -1
    cdef int on_join_timeout(self, Join join) except -1
    """The join's deadline has passed. The session has sent a leave, and the topic is ERRORED."""
    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1
    """*entry* is NULL where nobody waits for the ref; its waiter is borrowed. A leave's reply comes here too
    (its ref is join.leave_ref)."""
    cdef int on_message(self, const Header* header, Join join) except -1
    cdef int on_closed(self, const Header* header, Join join) except -1
    """*header* is NULL if a leave got no answer before its deadline, or was over before the close."""
    cdef int on_errored(self, const Header* header, Join join) except -1
    cdef int on_unknown_topic(self, const Header* header) except -1
    cdef int on_bad_frame(self, object error) except -1
    cdef int on_heartbeat_reply(self, int64_t rtt_ns) except -1
    cdef int on_heartbeat_timeout(self) except -1
    """The last heartbeat was not answered before the next was due; nothing was sent. Close the transport.
    Where the tick comes later than a quarter of the interval, judgement waits for another quarter."""
    cdef int on_expired(self, const RefEntry* entry) except -1
    """A push's deadline has passed. Its waiter is borrowed."""
    cdef int on_failed(self, const RefEntry* entry, int reason) except -1
    """A waiter that will get no reply (FailReason)."""

    cdef dict counters_as_dict(self)

    # -- private
    cdef int _classify(self, Header* header) except -1
    cdef int _classify_phoenix(self, const Header* header) except -1
    cdef int _classify_reply(self, Header* header, Join join) except -1
    cdef int _on_foreign_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1
    cdef int _bad_frame(self, object error) except -1
    cdef int _finish(self, const Header* header, Join join, JoinState state) except -1
    cdef int _forget_unowned(self, Join join) except -1
    cdef int _fail(self, uint64_t join_ref, int reason, int64_t expired_at_ns=*) except -1
    cdef object _fail_one(self, const RefEntry* entry, int reason, object first)
    cdef int _expire_joins(self, int64_t now_ns) except -1
    cdef int _expire_join(self, Join join) except -1
    cdef int _beat(self, int64_t now_ns) except -1
    cdef int _arm(self) except -1
    cdef void _give_back(self, uint64_t ref) noexcept
    cdef int _send(self, uint64_t join_ref, uint64_t ref, str topic, str event, object payload) except -1
    cdef int _write(self, uint64_t join_ref, uint64_t ref, const char* topic, Py_ssize_t topic_size,
                    const char* event, Py_ssize_t event_size, const char* payload, Py_ssize_t size,
                    bint binary) except -1
    cdef int _write_encoded(self, bytes frame, object opcode) except -1

cdef class SessionTimer(Timer):
    cdef Session session
