cimport cython
import os
import socket

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastphx.operating_system.system_calls cimport send_now
from fastphx.protocol.sink cimport FRAME_HEADROOM, OPCODE_BINARY, OPCODE_TEXT, FrameWriter
from fastphx.transports.websocket.frame_head cimport FIN, OPCODE_CLOSE, RSV1, write_head
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.mask cimport mask

from fastphx.errors import DisconnectedError, OverloadedError
from fastphx.transports.websocket.deflate import MIN_DEFLATED_BYTES as _min_deflated_bytes

cdef Py_ssize_t _MIN_DEFLATED_BYTES = _min_deflated_bytes

cdef enum:
    MAX_CONTROL_BYTES = 125             # RFC 6455 section 5.5
    KEYS = 1024

# RFC 6455 section 5.3: a key is not to be predicted from earlier ones. Random bytes of the system, many at a
# time.
cdef uint32_t _keys[KEYS]
cdef int _keys_left = 0


cdef int refill_keys() except -1:
    global _keys_left
    cdef bytes drawn = os.urandom(sizeof(_keys))
    memcpy(_keys, PyBytes_AS_STRING(drawn), sizeof(_keys))
    _keys_left = KEYS
    return 0


@cython.final
cdef class FrameTransport:
    def __init__(self, transport not None, loop not None, *, bint masks):
        self.transport = transport
        self.loop = loop
        self.is_secure = transport.get_extra_info("ssl_object") is not None
        self._masks = masks
        # The handshake's end may still wait there.
        self._has_unsent = True
        self._thread = PyThread_get_thread_ident()
        self._socket = -1
        sock = transport.get_extra_info("socket")
        if sock is None:
            return
        if sock.family != getattr(socket, "AF_UNIX", None):
            try:
                # asyncio does so only for a socket that was made with the number of TCP.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                # Some systems refuse it where the peer has gone, which the loop is about to say.
                pass
        if not self.is_secure:
            self._socket = sock.fileno()

    cdef int send_message(self, int opcode, char* data, Py_ssize_t size, bint deflated) except -1:
        self.check_thread("send_message")
        return self._send_frame(FIN | (RSV1 if deflated else 0) | opcode, data, size)

    cdef int send_control(self, int opcode, const char* data, Py_ssize_t size) except -1:
        cdef char frame[FRAME_HEADROOM + MAX_CONTROL_BYTES]
        if size > MAX_CONTROL_BYTES:
            raise ValueError(f"a control frame holds at most {MAX_CONTROL_BYTES} bytes, not {size}")
        self.check_thread("send_control")
        memcpy(frame + FRAME_HEADROOM, data, <size_t>size)
        return self._send_frame(FIN | opcode, frame + FRAME_HEADROOM, size)

    cdef int send_close(self, int code, bytes reason) except -1:
        cdef bytes payload = code.to_bytes(2, "big") + reason
        if not self._is_close_sent:
            self.send_control(OPCODE_CLOSE, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
            self._is_close_sent = True
        return 0

    cdef Py_ssize_t unsent_bytes(self) except -1:
        cdef Py_ssize_t unsent
        if not self._has_unsent:
            return 0
        unsent = self.transport.get_write_buffer_size()
        # TLS keeps bytes of its own.
        self._has_unsent = unsent != 0 or self.is_secure
        return unsent

    cdef int check_thread(self, str what) except -1:
        if PyThread_get_thread_ident() != self._thread:
            raise RuntimeError(f"{what} was called from a wrong thread, not in that of the connection's loop")
        return 0

    cdef int lose(self) noexcept:
        self._is_lost = True
        self._socket = -1
        return 0

    cdef int _send_frame(self, int first, char* data, Py_ssize_t size) except -1:
        global _keys_left
        cdef uint8_t* head
        if self._is_close_sent or self._is_lost:
            return 0
        if not self._masks:
            head = write_head(<uint8_t*>data, first, size, NULL)
        else:
            if _keys_left == 0:
                refill_keys()
            _keys_left -= 1
            head = write_head(<uint8_t*>data, first, size, &_keys[_keys_left])
            mask(data, <size_t>size, _keys[_keys_left])
        return self._write(<const char*>head, size + (<uint8_t*>data - head))

    cdef int _write(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t taken = 0
        if self._socket >= 0 and (not self._has_unsent or self.unsent_bytes() == 0):
            taken = send_now(self._socket, data, size)
            if taken == size:
                return 0
            # An error is found again by the loop, which knows what to do.
            taken = max(taken, 0)
        self._has_unsent = True
        try:
            self.transport.write(PyBytes_FromStringAndSize(data + taken, size - taken))
        except BaseException:
            if taken:
                # Behind half a frame, no other is one.
                self.transport.abort()
            raise
        return 0


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
