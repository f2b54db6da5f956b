import cython
import os
import socket

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastphx.operating_system.system_calls cimport send_now
from fastphx.protocol.sink cimport FRAME_HEADROOM
from fastphx.transports.websocket.frame_head cimport FIN, OPCODE_CLOSE, RSV1, write_head
from fastphx.transports.websocket.mask cimport mask

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
