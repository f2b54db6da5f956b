import asyncio
import logging

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove
cimport cython

from fastphx.testing.server_socket cimport ServerSocket
from fastphx.transports.websocket.frame_head cimport MASK_BYTES, FrameHead, read_head
from fastphx.transports.websocket.mask cimport mask
from fastphx.transports.websocket.read_buffer cimport LoopProtocol, read_buffer_for
from fastphx.transports.websocket.writer cimport FrameTransport

from fastphx.transports.websocket.http_head import MAX_HEAD_BYTES as _max_request_bytes

cdef object _logger = logging.getLogger("fastphx.testing")
cdef Py_ssize_t _MAX_REQUEST_BYTES = _max_request_bytes
cdef double _HANDSHAKE_TIMEOUT_S = 5.0
# A close frame is lost where what the client still sends makes the system reset the connection.
cdef double _CLOSE_AFTER_S = 0.01


@cython.final
cdef class FrameReader(LoopProtocol, asyncio.BufferedProtocol):
    def __init__(self, accept not None, loop not None):
        self._accept = accept
        self._loop = loop
        self._buffer = read_buffer_for(loop)

    def __dealloc__(self):
        free(self._pending)

    def connection_made(self, transport):
        self._transport = transport
        self._timeout = self._loop.call_later(_HANDSHAKE_TIMEOUT_S, transport.abort)

    def pause_writing(self):
        if self._socket is not None:
            self._socket.pause_writing()

    def resume_writing(self):
        if self._socket is not None:
            self._socket.resume_writing()

    def eof_received(self):
        return False

    def connection_lost(self, exc):
        cdef ServerSocket socket = self._socket
        self._socket = None
        self._accept = None
        self._timeout.cancel()
        if socket is not None:
            socket.on_lost()
        if self.on_lost is not None:
            self.on_lost()

    def get_buffer(self, Py_ssize_t size_hint):
        return self._buffer.view

    def buffer_updated(self, Py_ssize_t count):
        if self._pending_size == 0:
            self._take(self._buffer.data, count)
            return
        self._keep(self._buffer.data, count)
        self._take(self._pending, self._pending_size)

    cdef int _take(self, char* data, Py_ssize_t size) except -1:
        """Use up what is whole of the bytes, which are new or all that is pending; the rest is pending."""
        cdef Py_ssize_t at = 0
        try:
            if self._accept is not None:
                at = self._answer(data, size)
            if self._accept is None:
                at += self._deliver(data + at, size - at)
        except Exception:
            _logger.exception("closing a socket with code 1011")
            self._break_off(1011, "")
        if self._is_broken or (self._socket is None and self._accept is None):
            at = size
        if data != self._pending:
            return self._keep(data + at, size - at)
        self._pending_size = size - at
        if self._pending_size:
            # Nothing is moved while one large frame comes in many reads.
            if at:
                memmove(self._pending, data + at, <size_t>self._pending_size)
        else:
            free(self._pending)
            self._pending = NULL
            self._pending_capacity = 0
        return 0

    cdef int _keep(self, const char* data, Py_ssize_t size) except -1:
        """Put bytes behind those that are pending. What a frame may announce bounds them."""
        cdef Py_ssize_t needed = self._pending_size + size
        cdef char* memory
        if size == 0:
            return 0
        if needed > self._pending_capacity:
            needed = max(needed, 2 * self._pending_capacity)
            memory = <char*>realloc(self._pending, <size_t>needed)
            if memory == NULL:
                raise MemoryError
            self._pending = memory
            self._pending_capacity = needed
        memcpy(self._pending + self._pending_size, data, <size_t>size)
        self._pending_size += size
        return 0

    cdef Py_ssize_t _answer(self, const char* data, Py_ssize_t size) except -1:
        """Answer the request if its head is whole. Returns how many bytes that took."""
        cdef bytes received = data[:min(size, _MAX_REQUEST_BYTES)]
        cdef Py_ssize_t end = received.find(b"\r\n\r\n")
        if end < 0 and size < _MAX_REQUEST_BYTES:
            return 0
        accept = self._accept
        self._accept = None
        self._timeout.cancel()
        # Without an end it is refused.
        answer, self._socket = accept(received[:end] if end >= 0 else received)
        self._transport.write(answer)
        if self._socket is None:
            self._transport.close()
            return size
        self._socket.on_connected(FrameTransport(self._transport, self._loop, masks=False))
        return end + 4

    cdef Py_ssize_t _deliver(self, char* data, Py_ssize_t size) except -1:
        """Hand over each whole frame. Returns how many bytes they took."""
        cdef FrameHead head
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t frame_size
        cdef int head_size
        cdef uint32_t key
        while at < size and self._socket is not None and not self._is_broken:
            head_size = read_head(<const uint8_t*>data + at, size - at, True, &head)
            if head_size == 0:
                break
            if head_size < 0:
                self._break_off(1002, "a frame breaks RFC 6455")
                break
            if head.opcode < 8 and head.payload_size > self._socket.max_message_size:
                self._break_off(1009, "the message is too big")
                break
            head_size += MASK_BYTES
            frame_size = head_size + <Py_ssize_t>head.payload_size
            if size - at < frame_size:
                break
            memcpy(&key, data + at + head_size - MASK_BYTES, MASK_BYTES)
            mask(data + at + head_size, <size_t>head.payload_size, key)
            self._socket.on_frame(&head, data + at + head_size)
            at += frame_size
        return at

    cdef int _break_off(self, int code, str reason) except -1:
        """Nothing more that comes can be understood."""
        cdef ServerSocket socket = self._socket
        self._is_broken = True
        if socket is not None:
            socket.break_off(code, reason)
        self._loop.call_later(_CLOSE_AFTER_S, self._transport.close)
        return 0
