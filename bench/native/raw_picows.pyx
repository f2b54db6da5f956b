"""The bound: a picows listener in Cython that counts frames and looks at nothing else."""

from libc.stdint cimport int64_t
from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport
cimport cython

from fastphx.timing.wheel cimport monotonic_ns


@cython.final
cdef class RawListener(WSListener):
    cdef readonly long long frames
    cdef public object on_connected         # called with the transport
    cdef public object on_first_frame
    cdef public object on_disconnected

    cpdef on_ws_connected(self, WSTransport transport):
        if self.on_connected is not None:
            self.on_connected(transport)

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        self.frames += 1
        if self.frames == 1 and self.on_first_frame is not None:
            self.on_first_frame(transport)

    cpdef on_ws_disconnected(self, WSTransport transport):
        if self.on_disconnected is not None:
            self.on_disconnected()


@cython.final
cdef class RoundTripListener(WSListener):
    """Times from a push to its answer; Python is called only when an answer has come."""

    cdef readonly list times_ns
    cdef public object on_connected
    cdef public object on_answer
    cdef int64_t sent_ns
    cdef WSTransport transport

    cpdef on_ws_connected(self, WSTransport transport):
        self.times_ns = []
        self.transport = transport
        self.on_connected()

    def push(self, bytes frame):
        self.sent_ns = monotonic_ns()
        self.transport.send(WSMsgType.TEXT, frame)

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        self.times_ns.append(monotonic_ns() - self.sent_ns)
        self.on_answer()
