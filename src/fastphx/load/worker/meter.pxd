"""What a load worker counts and times, in C: one Meter a worker, one MeterSession a socket."""

from libc.stdint cimport int64_t, uint64_t

from fastphx.load.result.histogram cimport Histogram
from fastphx.load.worker.backlog cimport Backlog
from fastphx.load.worker.event_mix cimport EventMix
from fastphx.load.worker.lost_refs cimport LostRefs
from fastphx.load.worker.stamp cimport Stamp
from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.joins cimport Join
from fastphx.protocol.refs cimport RefEntry
from fastphx.protocol.session cimport Session
from fastphx.timing.wheel cimport Timer, TimerWheel

cdef struct Counts:
    uint64_t connect_attempts           # == connections + connect_errors, once all have ended
    uint64_t connections
    uint64_t connect_errors
    uint64_t disconnects                # == connections - closed, once all are gone
    uint64_t closed                     # by us
    uint64_t join_attempts              # == joins + join_errors, once all have ended
    uint64_t joins
    uint64_t join_errors                # refused, timed out, or cut by a disconnect
    uint64_t channel_closes             # phx_close that nobody asked for
    uint64_t channel_errors             # phx_error
    uint64_t arrivals                   # == pushes + casts + unsent: what the schedule asked for
    uint64_t unsent                     # no joined socket, or its bounds were reached
    uint64_t pushes                     # == replies + error_replies + lost, once nothing is in flight
    uint64_t replies
    uint64_t error_replies
    uint64_t lost_timeout
    uint64_t lost_disconnected
    uint64_t lost_closed
    uint64_t lost_errored
    uint64_t lost_at_stop
    uint64_t late                       # replies to pushes that had timed out
    uint64_t duplicates                 # second replies
    uint64_t unexpected                 # replies to refs that were never sent, or sent to another topic
    uint64_t casts                      # pushes that no reply is waited for; not among pushes
    uint64_t cast_replies               # replies to those
    uint64_t deliveries                 # messages that are no replies; in fan-out: stamped, to subscribers
    uint64_t delivery_bytes
    uint64_t foreign_deliveries         # stamped on another host: counted among deliveries, not timed
    uint64_t own_deliveries             # a publisher's own broadcasts
    uint64_t unstamped                  # messages without a stamp where there should be one
    uint64_t stale                      # of a join that is over, or on a topic that was left or closed
    uint64_t unknown_topic              # on a topic that the socket never joins, and no script takes
    uint64_t decode_errors
    uint64_t heartbeats_answered
    uint64_t heartbeat_timeouts

cdef class TopicCount:
    """What was published to one topic, and received by its subscribers."""

    cdef readonly uint64_t published
    cdef readonly uint64_t received
    cdef readonly Py_ssize_t subscribers    # joined now

cdef class EventCount:
    """What came of one event."""

    cdef readonly str name          # as it may be shown
    cdef readonly uint64_t count
    cdef readonly uint64_t size_bytes

cdef class Meter:
    cdef Counts counts
    cdef readonly Histogram connect
    cdef readonly Histogram join
    cdef readonly Histogram rtt                 # reply - due
    cdef readonly Histogram rtt_uncorrected     # reply - sent
    cdef readonly Histogram delivery
    cdef readonly Histogram schedule_lag    # sent - due of the whole tick
    cdef readonly Py_ssize_t connected
    cdef readonly Py_ssize_t joined         # topics
    cdef readonly Py_ssize_t in_flight
    cdef public int64_t measure_from_ns     # what was due before is counted, and not timed
    cdef list ready                         # sessions that pushes can go to, in no order
    cdef Py_ssize_t cursor
    cdef readonly object owner
    cdef TimerWheel wheel
    cdef bytes event                        # of the push that is being sent
    cdef bytes payload                      # None: not all pushes have the same
    cdef EventMix mix                       # None: all pushes have the same event
    cdef bint is_binary
    cdef bint expects_reply
    cdef Stamp stamp                        # None: pushes carry none
    cdef readonly dict topics               # topic -> TopicCount, where pushes are stamped
    cdef readonly dict events               # event -> EventCount, where they are counted
    cdef readonly bint opens                # an arrival is a connection, not a push
    cdef int64_t think_ns                   # 0: pushes go by the schedule
    cdef int64_t pace_ns                    # 0: no socket pushes at a pace of its own
    cdef public bint joins_from_due         # a new connection's join is timed from when it was to be opened
    cdef bint thinking
    cdef int64_t timeout_ns
    cdef int64_t join_timeout_ns
    cdef Py_ssize_t max_in_flight           # a socket; 0: no limit

    cdef int arrive(self, int64_t due_ns, int64_t now_ns) except -1
    """One arrival of the schedule: the next ready socket pushes."""
    cdef int _add_ready(self, MeterSession session) except -1
    cdef int _remove_ready(self, MeterSession session) except -1
    cdef int _count_stamped(self, const Header* header, Join join) except -1
    cdef int _count_event(self, MeterSession session, const Header* header) except -1

cdef class ThinkTimer(Timer):
    cdef MeterSession session

cdef class MeterSession(Session):
    cdef readonly int64_t i                 # the connection's number in the whole run
    cdef readonly Meter meter
    cdef readonly tuple topics
    cdef public object state                # the worker's
    cdef public int64_t due_ns              # when the connection attempt was due
    cdef public int attempts                # failed ones since it was last joined
    cdef public bint closing
    cdef readonly bint pushes               # takes part in the schedule
    cdef readonly uint64_t pushed           # how often it has
    cdef bytes join_payload
    cdef bytes payload                      # its own, where it is the same for each of its pushes
    cdef tuple payloads                     # its own by event; of None: not the same for each of its pushes
    cdef tuple push_topics                  # None: it pushes to all of its topics
    cdef Py_ssize_t leaving                 # topics
    cdef ThinkTimer think
    cdef readonly bint is_connected
    cdef readonly Py_ssize_t connections
    """How often it was connected."""
    cdef object link
    cdef list joined                    # Joins
    cdef list pushed_to                 # Joins, in turn; there where it is ready
    cdef Py_ssize_t ready_at                # in meter.ready; -1: not there
    cdef Py_ssize_t turn
    cdef int64_t joining_since_ns
    cdef LostRefs lost                      # None: no push was lost since it connected
    cdef Backlog backlog                    # of pushes that max_in_flight holds back; None: there were none

    cdef int push(self, int64_t due_ns, int64_t now_ns) except -1
    cdef int _send_due(self, Join join, int64_t due_ns, int64_t now_ns) except -1
    cdef bytes _next_payload(self)
    """Where it is not the same for each push: where there are several events, of the one that is drawn."""
    cdef int _send_foreign(self, Join join, bytes payload, int64_t due_ns, int64_t now_ns) except -1
    cdef int _count_subscriber(self, Join join, int change) except -1
    cdef int _think(self, int64_t due_ns) except -1
    cdef int _send_backlog(self, int64_t now_ns) except -1
    cdef int _hold_back(self, int64_t due_ns) except -1
    cdef int _drop_backlog(self) except -1
    cdef int _remember_lost(self, uint64_t ref) except -1
    cdef int _answered(self, int64_t now_ns) except -1
    cdef int _unjoin(self, Join join) except -1
    cdef bint _is_own_topic(self, const Header* header) except -1
    cdef int _join_failed(self, object reason) except -1
