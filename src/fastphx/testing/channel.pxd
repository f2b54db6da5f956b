"""One joined topic on one connection, and what its callbacks return."""

from libc.stdint cimport uint8_t, uint64_t

cdef enum ChannelState:
    CHANNEL_JOINING = 0
    CHANNEL_JOINED = 1
    CHANNEL_CLOSED = 2

cdef class Reply:
    cdef readonly object status
    cdef readonly object response

cdef class Stop:
    cdef readonly object reason
    cdef readonly Reply reply

cdef class Channel:
    cdef readonly str topic
    cdef readonly object join_ref
    cdef readonly object socket         # the Connection
    cdef bytes topic_bytes              # UTF-8
    cdef bytes topic_json               # a JSON string
    cdef uint64_t join_ref_number       # where join_ref is a positive number, else 0
    cdef bint join_ref_quoted
    cdef uint8_t state                  # ChannelState
    cdef bint running                   # inside a callback
    cdef object task                    # of a callback that is a coroutine, or None
    cdef object mailbox                 # what waits for the callback to end: a deque, or None
    cdef Channel replaced               # an older join's, whose phx_close follows this join's reply, or None
    cdef list monitors                  # called with the reason when the channel ends, or None

# A payload as JSON: RawJson as it is, None as {}, the rest through orjson with sorted keys, as Jason does it.
# Raises EncodingError.
cdef bytes encode_payload(object payload)
