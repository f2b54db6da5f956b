import cython

from fastphx.testing.text_frame import NOT_GIVEN as _NOT_GIVEN


@cython.final
@cython.freelist(64)
cdef class ServerReply:
    """An answer: a status and a response (a JSON value, RawJson, bytes for a binary frame; {} where none is
    given)."""

    def __cinit__(self, str status="ok", object response=_NOT_GIVEN):
        self.status = status
        self.response = {} if response is _NOT_GIVEN else response

    def __repr__(self):
        return f"ServerReply({self.status!r}, {self.response!r})"


@cython.final
cdef class ServerStop:
    """Ends the channel, after *reply* where there is one.

    Reasons "normal" and "shutdown" send phx_close, anything else phx_error, as in Phoenix.
    """

    def __cinit__(self, object reason="normal", ServerReply reply=None):
        self.reason = reason
        self.reply = reply

    def __repr__(self):
        return f"ServerStop({self.reason!r}, {self.reply!r})"
