"""The Python-facing session: builds a Message and calls a handler."""

from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.joins cimport Join
from fastphx.protocol.message cimport Message
from fastphx.protocol.session cimport Session

cdef class CallbackSession(Session):
    cdef object _handler
    cdef object _on_message         # the handler's bound methods of the two hot hooks
    cdef object _on_reply
    cdef bint _reports_errors       # otherwise exceptions of handlers go to the transport
    cdef int _handler_failed(self, Message message, bint is_default) except -1
