"""Payloads that are decoded before they are asked for, several in one call of orjson.

Where a socket has much to read, the frames behind the one at hand lie in memory already, and mostly have its
head. A callback that reads the payload of one will read those of the next: so theirs are decoded with it, as
the elements of one JSON array. That saves orjson's set-up for each, and keeps the processor's instruction
cache to orjson for a while. The callbacks themselves still come one by one, in order.

Nobody can tell: what was decoded is given out once, to a payload of the very same bytes, and where an array
cannot be decoded, or does not come apart as it was put together, each payload is decoded when it is read.
There is one array for the process, less than 5 KB of JSON; what came of it is dropped where the read of the
socket ends. A callback that does not read every payload makes this decode for nothing; then the next try
waits, for longer each time, so that it costs little in the long run.
"""

from cpython.object cimport PyObject

from fastphx.protocol.sink cimport FrameSource

cdef enum:
    MAX_PAYLOADS = 16           # of one call; beyond 6 it is hardly faster
    MAX_PAYLOAD_BYTES = 256     # copying and comparing a longer one may cost what is gained
    MAX_PAUSE = 1023            # payloads that are read before the next try
    WORTH_A_MISS = 16           # times as many bytes used in a row as were wasted then: no pause

# *source* hands over frames now, and knows the next ones; until `end_frames`. It is borrowed.
cdef void begin_frames(FrameSource source) noexcept
cdef void end_frames() noexcept

# The payload whose JSON is *raw*, a new reference, where it was decoded already or can be with the next ones,
# of those frames that begin with *head*. NULL, and no exception: decode it alone.
cdef PyObject* decoded_ahead(bytes raw, const char* head, Py_ssize_t head_size) noexcept
