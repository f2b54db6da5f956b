import cython

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
