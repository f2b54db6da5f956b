from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
cimport cython

from fastphx.protocol.sink cimport FRAME_HEADROOM, OPCODE_BINARY, OPCODE_TEXT, FrameWriter
from fastphx.transports.websocket.frame_transport cimport FrameTransport
from fastphx.transports.websocket.link_hooks cimport LinkHooks

from fastphx.errors import DisconnectedError, OverloadedError
from fastphx.transports.websocket.deflate import MIN_DEFLATED_BYTES as _min_deflated_bytes

cdef Py_ssize_t _MIN_DEFLATED_BYTES = _min_deflated_bytes


@cython.final
cdef class WebSocketWriter(FrameWriter):
    def __init__(self, LinkHooks link not None, Py_ssize_t max_write_buffer):
        self.link = link
        self.max_write_buffer = max_write_buffer

    cdef int write_frame(self, char* data, Py_ssize_t size, int opcode) except -1:
        if self._transport is None:
            raise DisconnectedError("the connection is closed or closing: nothing was sent")
        if self._unsent_bound + size > self.max_write_buffer:
            self._make_room(size)
        if self._deflate is not None and size >= _MIN_DEFLATED_BYTES:
            # Checked before the stream moves on: what it has compressed must be sent.
            self._transport.check_thread("write_frame")
            return self._write_deflated(data[:size], opcode)
        self._unsent_bound += size + FRAME_HEADROOM
        return self._transport.send_message(opcode, data, size, False)

    cdef int _write_deflated(self, bytes message, int opcode) except -1:
        try:
            return self._deflate_and_send(message, opcode)
        except Exception as exc:
            # The other side's window follows what was compressed: without this message it reads no other.
            if self.link is not None:
                self.link.on_failure(exc)
            raise

    cdef int _deflate_and_send(self, bytes message, int opcode) except -1:
        cdef bytes deflated = self._deflate(message)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(deflated)
        cdef char* memory = <char*>malloc(FRAME_HEADROOM + size)
        if memory == NULL:
            raise MemoryError()
        try:
            memcpy(memory + FRAME_HEADROOM, PyBytes_AS_STRING(deflated), size)
            self._unsent_bound += size + FRAME_HEADROOM
            self._transport.send_message(opcode, memory + FRAME_HEADROOM, size, True)
        finally:
            free(memory)
        return 0

    cdef int _make_room(self, Py_ssize_t size) except -1:
        # Since the last look, the unsent bytes have only shrunk by themselves, and grown by what was written.
        # So a look costs one Python call per max_write_buffer bytes, and not one per frame.
        self._unsent_bound = self._transport.unsent_bytes()
        if self._unsent_bound and self._unsent_bound + size > self.max_write_buffer:
            raise OverloadedError(
                f"{self._unsent_bound} bytes are unsent, and {size} more would pass max_write_buffer "
                f"({self.max_write_buffer}): slow down or raise it"
            )
        return 0

    def write(self, bytes data not None, int opcode):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef char* memory
        if opcode != OPCODE_TEXT and opcode != OPCODE_BINARY:
            raise ValueError(f"a message's opcode is 1 (text) or 2 (binary), not {opcode}")
        memory = <char*>malloc(FRAME_HEADROOM + size)
        if memory == NULL:
            raise MemoryError()
        try:
            memcpy(memory + FRAME_HEADROOM, PyBytes_AS_STRING(data), size)
            self.write_frame(memory + FRAME_HEADROOM, size, opcode)
        finally:
            free(memory)

    cdef bint has_room(self, Py_ssize_t size) except -1:
        if self._unsent_bound + size > self.max_write_buffer:
            self._unsent_bound = self._transport.unsent_bytes()
        return self._unsent_bound + size <= self.max_write_buffer

    cdef int count(self, Py_ssize_t size) noexcept:
        self._unsent_bound += size + FRAME_HEADROOM
        return 0

    cdef int use(self, FrameTransport transport) noexcept:
        self._transport = transport
        return 0

    def use_deflate(self, deflate not None):
        self._deflate = deflate

    @property
    def unsent_bytes(self):
        return 0 if self._transport is None else self._transport.unsent_bytes()
