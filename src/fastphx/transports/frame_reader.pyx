import asyncio
import re
import weakref

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove
cimport cython

from fastphx.timing.wheel cimport monotonic_ns
from fastphx.transports.frame_head cimport (
    HEAD_CONTROL, HEAD_MASKED, HEAD_OPCODE, MAX_HEAD_BYTES, FrameHead, read_head,
)

BODY_WAIT_S = 0.25

cdef enum:
    READ_BUFFER_BYTES = 262144
    MAX_ANSWER_HEAD_BYTES = 16384       # picows' own limit
    MAX_ANSWER_BODY_BYTES = 2048

cdef const char* HEAD_END = b"\r\n\r\n"      # RFC 9112 section 2.1

cdef object _content_length = re.compile(
    rb"\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r", re.IGNORECASE).search

# RFC 6455 section 4.1 asks for the token among others, and picows for the token alone.
cdef object _connection_upgrade = re.compile(
    rb"\nconnection:(?:[^\r\n,]*,)*[ \t]*upgrade[ \t]*(?:,[^\r\n]*)?(?=\r)", re.IGNORECASE).sub

cdef object _buffers = weakref.WeakKeyDictionary()


@cython.final
cdef class ReadBuffer:
    def __cinit__(self):
        self.capacity = READ_BUFFER_BYTES
        self.data = <char*>malloc(READ_BUFFER_BYTES)
        if self.data == NULL:
            raise MemoryError
        self.view = PyMemoryView_FromMemory(self.data, self.capacity, PyBUF_WRITE)

    def __dealloc__(self):
        free(self.data)


cdef ReadBuffer read_buffer_for(object loop):
    """The loop's one read buffer."""
    cdef ReadBuffer buffer = _buffers.get(loop)
    if buffer is None:
        buffer = ReadBuffer.__new__(ReadBuffer)
        _buffers[loop] = buffer
    return buffer


# An extension type cannot have a Python class as its first base, and asyncio asks for BufferedProtocol.
cdef class BufferedProtocolBase:
    pass


cdef class FrameReader(BufferedProtocolBase, asyncio.BufferedProtocol):
    def __init__(self, handshake, loop, Py_ssize_t max_frame_size):
        self._handshake = handshake
        self._answer = bytearray()
        self._buffer = read_buffer_for(loop)
        self._max_frame_size = max_frame_size
        self._shaking_hands = True

    def __dealloc__(self):
        self._drop()

    cdef bint is_connected(self) noexcept:
        return False

    cdef int on_raw_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        return 0

    cdef int on_raw_error(self, int code, str reason, object exc) except -1:
        return 0

    def is_buffered_protocol(self):
        """aiofastnet asks this, and does not look at the class."""
        return True

    def connection_made(self, transport):
        self._handshake.connection_made(transport)

    def get_buffer(self, Py_ssize_t size_hint):
        if self._pending_size == 0:
            return self._buffer.view
        if self._in_place:
            return PyMemoryView_FromMemory(
                self._pending + self._pending_size, self._pending_capacity - self._pending_size, PyBUF_WRITE)
        # The kept bytes are put in front when the read is done: another socket may read in between.
        return PyMemoryView_FromMemory(
            self._buffer.data + self._pending_size, self._buffer.capacity - self._pending_size, PyBUF_WRITE)

    def buffer_updated(self, Py_ssize_t count):
        cdef const char* data = self._buffer.data
        cdef Py_ssize_t size = self._pending_size + count
        if self._deaf:
            return
        if self._in_place:
            data = self._pending
            self._pending_size = size
        elif self._pending_size:
            memcpy(self._buffer.data, self._pending, <size_t>self._pending_size)
        try:
            if self._shaking_hands:
                self._shake_hands(data, size)
            else:
                self._deliver(data, size)
        except Exception as exc:
            self._deaf = True
            self._drop()
            self.on_raw_error(1011, "the client failed", exc)

    @property
    def refusal(self):
        if self._shaking_hands and self._matched == 4 and self._status != 101:
            return bytes(self._answer)
        return None

    cdef int _shake_hands(self, const char* data, Py_ssize_t size) except -1:
        """The answer's head goes to the handshake's protocol, and what follows a 101 is frames."""
        cdef Py_ssize_t at = 0
        cdef bint is_first = self._matched < 4
        while at < size and self._matched < 4 and self._head_bytes < MAX_ANSWER_HEAD_BYTES:
            if data[at] == HEAD_END[self._matched]:
                self._matched += 1
            else:
                self._matched = data[at] == c"\r"
            # RFC 9112 section 4: "HTTP/1.1 101 …".
            if 9 <= self._head_bytes < 12:
                self._status = self._status * 10 + (data[at] - c"0")
            self._head_bytes += 1
            at += 1
        self._answer += data[:at]
        if self._matched < 4:
            return self._end_answer() if self._head_bytes == MAX_ANSWER_HEAD_BYTES else 0
        if self._status == 101:
            self._end_answer()
            if not self.is_connected():
                return 0
            self._deaf = self._shaking_hands = False
            self._answer = None
            return self._deliver(data + at, size - at)
        # The body says why, and the handshake's protocol reads no more once it has the head.
        self._answer += data[at:size]
        if self._is_explained():
            return self._end_answer()
        if is_first:
            asyncio.get_running_loop().call_later(BODY_WAIT_S, self._on_body_wait_over)
        return 0

    cdef bint _is_explained(self) except -1:
        """Whether the beginning of the body is there, as far as one can tell."""
        cdef Py_ssize_t body_size = len(self._answer) - self._head_bytes
        announced = _content_length(self._answer, 0, self._head_bytes)
        return body_size >= (MAX_ANSWER_BODY_BYTES if announced is None
                             else min(MAX_ANSWER_BODY_BYTES, int(announced[1])))

    def _on_body_wait_over(self):
        self._end_answer()

    cdef int _end_answer(self) except -1:
        """Give the head to the handshake's protocol, once; it takes in no more."""
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t count
        cdef bytes head
        if self._deaf:
            return 0
        self._deaf = True
        head = _connection_upgrade(b"\nConnection: Upgrade", self._answer[:self._head_bytes])
        while at < len(head):
            view = self._handshake.get_buffer(-1)
            count = min(len(head) - at, <Py_ssize_t>len(view))
            view[:count] = head[at:at + count]
            at += count
            self._handshake.buffer_updated(count)
        return 0

    cdef int _deliver(self, const char* data, Py_ssize_t size) except -1:
        """Hand over every frame that is all there, and keep the rest."""
        cdef FrameHead head
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t frame_size = MAX_HEAD_BYTES
        cdef int head_size
        cdef int64_t now_ns = monotonic_ns()
        while at < size:
            head_size = read_head(<const uint8_t*>data + at, size - at, &head)
            if head_size <= 0:
                frame_size = MAX_HEAD_BYTES
                if head_size == 0:
                    break
                self._deaf = True
                self._drop()
                return self.on_raw_error(1002, head_reason(head_size), None)
            # A control frame is short, as read_head has checked.
            if head.opcode < 8 and head.payload_size > self._max_frame_size:
                self._deaf = True
                self._drop()
                return self.on_raw_error(
                    1009, f"a frame of {head.payload_size} bytes is longer than max_message_size "
                          f"({self._max_frame_size})", None)
            frame_size = head_size + <Py_ssize_t>head.payload_size
            if size - at < frame_size:
                break
            self.on_raw_frame(&head, data + at + head_size, now_ns)
            at += frame_size
        if at == size:
            if self._pending != NULL:
                self._drop()
            return 0
        return self._keep(data + at, size - at, frame_size)

    cdef int _keep(self, const char* data, Py_ssize_t size, Py_ssize_t frame_size) except -1:
        cdef bint in_place = frame_size > self._buffer.capacity
        cdef Py_ssize_t capacity = size
        cdef char* memory
        if in_place:
            if self._in_place and size < self._pending_capacity:
                return 0
            # It grows with what has come, not with what a server says will come.
            capacity = min(frame_size, max(2 * size, 2 * self._buffer.capacity))
        if self._in_place and in_place:
            memory = <char*>realloc(self._pending, <size_t>capacity)
            if memory == NULL:
                raise MemoryError
            self._pending = memory
            self._pending_capacity = capacity
        elif self._in_place or self._pending_capacity < capacity:
            memory = <char*>malloc(<size_t>capacity)
            if memory == NULL:
                raise MemoryError
            memcpy(memory, data, <size_t>size)
            self._drop()
            self._pending = memory
            self._pending_capacity = capacity
        else:
            memmove(self._pending, data, <size_t>size)
        self._pending_size = size
        self._in_place = in_place
        return 0

    cdef void _drop(self) noexcept:
        free(self._pending)
        self._pending = NULL
        self._pending_size = 0
        self._pending_capacity = 0
        self._in_place = False

    def eof_received(self):
        if self._shaking_hands and self._matched == 4:
            self._end_answer()
        return self._handshake.eof_received()

    def pause_writing(self):
        self._handshake.pause_writing()

    def resume_writing(self):
        self._handshake.resume_writing()

    def connection_lost(self, exc):
        if self._shaking_hands and self._matched == 4:
            self._end_answer()
        self._deaf = True
        self._drop()
        self._handshake.connection_lost(exc)


cdef str head_reason(int head_size):
    if head_size == HEAD_MASKED:
        return "a frame is masked, which a server must not do"
    if head_size == HEAD_OPCODE:
        return "a frame has a reserved opcode"
    if head_size == HEAD_CONTROL:
        return "a control frame is fragmented or longer than 125 bytes"
    return "a frame's length is not in its shortest form"
