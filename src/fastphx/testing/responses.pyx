import cython

from fastphx.errors import clip_repr
from fastphx.protocol.frame_write import NO_PAYLOAD as _NO_PAYLOAD


@cython.final
@cython.freelist(64)
cdef class ServerReply:
    """An answer: a status and a response. The response is a JSON value, a RawJson, or bytes for a binary
    frame; {} by default."""

    def __cinit__(self, str status="ok", object response=_NO_PAYLOAD):
        self.status = status
        self.response = {} if response is _NO_PAYLOAD else response

    def __repr__(self):
        return f"ServerReply({self.status!r}, {clip_repr(self.response)})"


@cython.final
cdef class ServerStop:
    """Ends the channel, after sending *reply* if there is one.

    Reasons "normal" and "shutdown" send phx_close, anything else phx_error, as in Phoenix.
    """

    def __cinit__(self, object reason="normal", ServerReply reply=None):
        self.reason = reason
        self.reply = reply

    def __repr__(self):
        return f"ServerStop({clip_repr(self.reason)}, {self.reply!r})"
