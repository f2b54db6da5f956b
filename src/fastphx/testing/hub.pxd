"""What all connections of one server share."""

from libc.stdint cimport int64_t, uint64_t

from fastphx.testing.faults cimport Faults

cdef struct Counters:
    uint64_t connections            # handshakes answered with 101
    uint64_t connections_open
    uint64_t refused                # handshakes answered with anything else
    uint64_t joins                  # answered ok
    uint64_t join_errors            # answered with an error, "unmatched topic" and crashes included
    uint64_t leaves                 # of joined channels
    uint64_t pushes                 # messages that reached a channel
    uint64_t replies                # replies to pushes that were sent, or put off by `reply_delay_s`
    uint64_t server_pushes          # messages that a channel pushed to its own socket
    uint64_t broadcasts
    uint64_t deliveries             # frames that broadcasts sent, held ones of a stall included
    uint64_t undeliverable          # binary broadcasts to sockets of vsn 1.0.0
    uint64_t closes                 # phx_close sent
    uint64_t crashes                # phx_error sent, and joins that crashed
    uint64_t heartbeats
    uint64_t unmatched              # answered "unmatched topic", joins excepted
    uint64_t stale                  # messages with a join_ref that is not the topic's: not answered
    uint64_t bad_frames             # answered with a close: 1002, 1007 or 1011
    uint64_t idle_timeouts
    uint64_t overflows              # connections ended at max_write_buffer or max_queue_bytes
    uint64_t disconnects            # connections that the server closed on purpose, cuts included
    uint64_t dropped_replies
    uint64_t delayed_replies
    uint64_t truncated_frames
    uint64_t frames_received        # text and binary messages
    uint64_t frames_sent            # text and binary frames
    uint64_t bytes_received         # their payloads
    uint64_t bytes_sent

# Nanoseconds of a time in seconds, and a century for one that is longer, infinity included.
cdef int64_t to_ns(double seconds) noexcept

cdef class Hub:
    cdef Counters counters
    cdef readonly Faults faults
    cdef readonly object loop
    cdef object on_open
    cdef object on_end
    cdef readonly Py_ssize_t max_write_buffer
    cdef readonly Py_ssize_t max_queue_bytes
    cdef int64_t close_timeout_ns       # how long a client may take to answer a close
    cdef int64_t stalled_until_ns
    cdef char* _memory
    cdef Py_ssize_t _capacity

    cdef char* reserve(self, Py_ssize_t size) except NULL
    """Memory for a frame of *size* bytes with FRAME_HEADROOM in front, valid until the next call."""
