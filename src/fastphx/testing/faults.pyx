import cython

from libc.stdint cimport int64_t

from fastphx.timing.wheel cimport monotonic_ns

from http import HTTPStatus


@cython.final
cdef class Faults:
    """What a server, or one of its connections, does wrong on purpose. Set and unset at run time.

    ``refuse_connects``: the HTTP status that answers every handshake (only of a server). Setting it raises
    ValueError for anything but the status of a final answer.
    ``refuse_joins``: the response in the error reply to every join.
    ``reply_delay_s``: how long the replies to joins, leaves and pushes are held back.
    ``drop_replies``: how many of the next of these replies are never sent; -1 for all.
    ``drop_heartbeats``: heartbeats are counted, but not answered.
    ``truncate_frames``: how many of the next frames lose the second half of their payload; -1 for all.
    ``service_s``: the replies to pushes leave one after the other, as from a queue that is served by one:
    each so long after its push came, or after the reply before it, whichever is later. The times are worked
    out, not slept: they do not drift with the timers.
    ``max_connections``: handshakes are answered with 503 while so many connections are open (only of a
    server); -1 for no limit.
    """

    def __cinit__(self):
        self.clear()

    @property
    def refuse_connects(self):
        return self._refuse_connects

    @refuse_connects.setter
    def refuse_connects(self, status):
        if status is not None:
            try:
                status = HTTPStatus(status)
            except ValueError:
                raise ValueError(
                    f"refuse_connects is {status!r}: give an HTTP status that has a name") from None
            if status < 200:
                raise ValueError(f"refuse_connects is {status:d}: give a status of 200 or more")
        self._refuse_connects = status

    def clear(self):
        """Switch every fault off."""
        self.refuse_connects = None
        self.refuse_joins = None
        self.reply_delay_s = 0.0
        self.drop_replies = 0
        self.drop_heartbeats = False
        self.truncate_frames = 0
        self.service_s = 0.0
        self.max_connections = -1
        self._free_ns = 0

    cdef bint take_reply_drop(self) noexcept:
        if self.drop_replies > 0:
            self.drop_replies -= 1
            return True
        return self.drop_replies < 0

    cdef bint take_truncation(self) noexcept:
        if self.truncate_frames > 0:
            self.truncate_frames -= 1
            return True
        return self.truncate_frames < 0

    cdef int64_t take_turn(self) noexcept:
        if self.service_s <= 0:
            return 0
        self._free_ns = max(monotonic_ns(), self._free_ns) + <int64_t>(self.service_s * 1e9)
        return self._free_ns
