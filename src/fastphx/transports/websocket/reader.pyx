import asyncio
import re
import socket

from cpython.buffer cimport PyBUF_WRITE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

from fastphx.operating_system.compiler cimport prefetch
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT, FrameSink
from fastphx.protocol.utf8 cimport NOT_UTF8, valid_utf8, whole_utf8
from fastphx.timing.wheel cimport monotonic_ns
from fastphx.transports.websocket.frame_head cimport (
    HEAD_CONTROL, HEAD_MASKED, HEAD_OPCODE, MAX_HEAD_BYTES, OPCODE_CLOSE, OPCODE_CONTINUATION, FrameHead,
    read_head,
)
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.read_buffer cimport LoopProtocol, read_buffer_for
from fastphx.transports.websocket.writer cimport FrameTransport

from fastphx.transports.websocket.deflate import InflateError
from fastphx.transports.websocket.http_head import MAX_HEAD_BYTES as _max_answer_head_bytes

BODY_WAIT_S = 0.25

cdef int _MAX_ANSWER_HEAD_BYTES = _max_answer_head_bytes

cdef enum:
    RSV1 = 4
    MAX_ANSWER_BODY_BYTES = 2048
    MAX_LAST_READS = 64

cdef str NOT_UTF8_TEXT = "a text message is not valid UTF-8"

cdef const char* HEAD_END = b"\r\n\r\n"      # RFC 9112 section 2.1

cdef object _content_length = re.compile(
    rb"\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r", re.IGNORECASE).search


cdef class MessageReader(LoopProtocol, asyncio.BufferedProtocol):
    def __init__(self, LinkHooks link not None, FrameSink sink not None, handshake, loop,
                 Py_ssize_t max_message_size):
        if not 0 < max_message_size < 1 << 31:
            raise ValueError(f"max_message_size is {max_message_size}: give 1 to {(1 << 31) - 1} bytes")
        self._link = link
        self._sink = sink
        self._handshake = handshake
        self._answer = bytearray()
        self._buffer = read_buffer_for(loop)
        self._max_message_size = <uint32_t>max_message_size

    def __dealloc__(self):
        self._drop()
        self._free_fragments()

    # -- what the connector and the link call

    def use_inflate(self, inflate not None):
        self._inflate = inflate

    @property
    def refusal(self):
        if self._mode <= READ_REFUSED and self._matched == 4 and self._status != 101:
            return bytes(self._answer)
        return None

    cdef int hold(self) noexcept:
        if self._mode == READ_MESSAGES:
            self._mode = READ_HELD
        return 0

    cdef int release(self) noexcept:
        if self._mode == READ_HELD:
            self._mode = READ_MESSAGES
        return 0

    cdef int hand_over(self) except -1:
        if self._has_held and self._mode != READ_HELD:
            self._has_held = False
            self._take(self._pending, self._pending_size)
        return 0

    cdef int stop_messages(self) noexcept:
        if self._mode == READ_MESSAGES or self._mode == READ_HELD:
            self._mode = READ_CLOSE
        return self._free_fragments()

    # -- what the loop's transport calls

    def connection_made(self, transport):
        self._transport = transport
        self._handshake.connection_made(transport)

    # Unsent bytes are bounded by refusing more, so nobody waits for these calls.
    def pause_writing(self):
        pass

    def resume_writing(self):
        pass

    def get_buffer(self, Py_ssize_t size_hint):
        # Among thousands of sockets the sink is in no near cache: let it come while the kernel reads.
        prefetch(<void*>self._sink)
        if self._pending_size == 0:
            return self._buffer.view
        if self._in_place:
            return PyMemoryView_FromMemory(
                self._pending + self._pending_size, self._pending_capacity - self._pending_size, PyBUF_WRITE)
        # The kept bytes are put in front after the read: another socket may read in between.
        return PyMemoryView_FromMemory(
            self._buffer.data + self._pending_size, self._buffer.capacity - self._pending_size, PyBUF_WRITE)

    def buffer_updated(self, Py_ssize_t count):
        cdef const char* data = self._buffer.data
        cdef Py_ssize_t size = self._pending_size + count
        if self._mode == READ_NOTHING or self._mode == READ_REFUSED:
            return
        if self._in_place:
            data = self._pending
            self._pending_size = size
        elif self._pending_size:
            memcpy(self._buffer.data, self._pending, <size_t>self._pending_size)
        self._take(data, size)

    cdef int _take(self, const char* data, Py_ssize_t size) except -1:
        try:
            if self._mode == READ_ANSWER:
                self._shake_hands(data, size)
            else:
                self._deliver(data, size)
            # If the buffer is full, or a frame is larger than the buffer, more is waiting.
            if self._reports_reads and self._mode == READ_MESSAGES and not self._in_place and (
                    size < self._buffer.capacity):
                self._link.on_read(monotonic_ns())
        except Exception as exc:
            self._mode = READ_REFUSED if self._mode <= READ_REFUSED else READ_NOTHING
            self._drop()
            if self._handshake is not None:
                # Whoever waits for the connection hears of it; the owner knows of none.
                self._handshake.failed(exc)
            else:
                self._link.on_failure(exc)
        return 0

    def eof_received(self):
        if self._mode == READ_ANSWER and self._matched == 4:
            self._end_answer()
        return False

    def connection_lost(self, exc):
        if self._is_lost:
            return
        self._is_lost = True
        if self._mode == READ_ANSWER and self._matched == 4:
            self._end_answer()
        if self.is_connected():
            self._hand_over_last()
            # With TLS, the socket's own bytes are not to be read.
            if exc is not None and self.frames is not None and self.frames._socket >= 0:
                self._read_rest()
        # A refusal is still asked for.
        self._mode = READ_REFUSED if self._mode <= READ_REFUSED else READ_NOTHING
        self._drop()
        self._free_fragments()
        if self.frames is not None:
            self.frames.lose()
            self._link.on_lost()
        elif self._handshake is not None:
            self._handshake.connection_lost()

    cdef int _hand_over_last(self) except -1:
        """There is no later time for what waits. Of what nobody has room for, the close frame is taken."""
        self.hand_over()
        if self._mode == READ_HELD:
            self.stop_messages()
            self.hand_over()
        return 0

    cdef int _read_rest(self) except -1:
        """Sending has failed, and the loop reads no more: what came before may end with a close frame."""
        # Both loops close the socket only after connection_lost, and they close it: it is only borrowed.
        borrowed = socket.socket(fileno=self.frames._socket)
        try:
            for _ in range(MAX_LAST_READS):
                count = borrowed.recv_into(self.get_buffer(-1))
                if count == 0:
                    break
                self.buffer_updated(count)
                self._hand_over_last()
        except OSError:
            pass
        finally:
            borrowed.detach()
        return 0

    # -- the handshake

    cdef bint is_connected(self) noexcept:
        return self._mode > READ_REFUSED

    cdef int _shake_hands(self, const char* data, Py_ssize_t size) except -1:
        """Give the answer's head to the handshake. After a 101, frames follow."""
        cdef Py_ssize_t at = 0
        cdef bint is_first = self._matched < 4
        while at < size and self._matched < 4 and self._answer_head_bytes < _MAX_ANSWER_HEAD_BYTES:
            if data[at] == HEAD_END[self._matched]:
                self._matched += 1
            else:
                self._matched = data[at] == c"\r"
            # RFC 9112 section 4: "HTTP/1.1 101 …".
            if 9 <= self._answer_head_bytes < 12:
                self._status = self._status * 10 + (data[at] - c"0")
            self._answer_head_bytes += 1
            at += 1
        self._answer += data[:at]
        if self._matched < 4:
            return self._end_answer() if self._answer_head_bytes == _MAX_ANSWER_HEAD_BYTES else 0
        if self._status == 101:
            self._end_answer()
            if not self.is_connected():
                return 0
            self._answer = None
            return self._deliver(data + at, size - at)
        # The body says why.
        self._answer += data[at:size]
        if self._is_explained():
            return self._end_answer()
        if is_first:
            asyncio.get_running_loop().call_later(BODY_WAIT_S, self._on_body_wait_over)
        return 0

    cdef bint _is_explained(self) except -1:
        """Whether the beginning of the body is there, as far as this can be told."""
        cdef Py_ssize_t body_size = len(self._answer) - self._answer_head_bytes
        announced = _content_length(self._answer, 0, self._answer_head_bytes)
        return body_size >= (MAX_ANSWER_BODY_BYTES if announced is None
                             else min(MAX_ANSWER_BODY_BYTES, int(announced[1])))

    def _on_body_wait_over(self):
        self._end_answer()

    cdef int _end_answer(self) except -1:
        """Give the head to the handshake, once."""
        if self._mode != READ_ANSWER:
            return 0
        self._mode = READ_REFUSED
        if self._handshake.answered(bytes(self._answer[:self._answer_head_bytes])):
            self.frames = FrameTransport(self._transport, asyncio.get_running_loop(), masks=True)
            self._mode = READ_MESSAGES
            self._handshake.opened()
            # An idle socket need not keep it.
            self._handshake = None
            if not self._link.on_open():
                self.frames.transport.abort()
            if self.frames.transport.is_closing():
                # Nobody waits for what came with the answer.
                self.stop_messages()
        return 0

    # -- frames

    cdef int _deliver(self, const char* data, Py_ssize_t size) except -1:
        """Hand over every complete frame, and keep the rest."""
        cdef FrameHead head
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t frame_size = MAX_HEAD_BYTES
        cdef int head_size
        cdef int64_t now_ns = monotonic_ns()
        # These belong to the frame that was kept, which is the first.
        cdef Py_ssize_t valid_bytes = self._valid_bytes
        self._valid_bytes = 0
        while at < size:
            head_size = read_head(<const uint8_t*>data + at, size - at, False, &head)
            if head_size <= 0:
                frame_size = MAX_HEAD_BYTES
                if head_size == 0:
                    break
                return self._break_off(1002, head_reason(head_size))
            # A control frame is short, as read_head has checked.
            if head.opcode < 8 and head.payload_size > self._max_message_size:
                return self._break_off(
                    1009, f"a frame of {head.payload_size} bytes is longer than max_message_size "
                          f"({self._max_message_size})")
            frame_size = head_size + <Py_ssize_t>head.payload_size
            if size - at < frame_size:
                if not self._begins_well(&head, data + at + head_size, size - at - head_size, valid_bytes):
                    return self._break_off(1007, NOT_UTF8_TEXT)
                break
            if (
                head.fin and (head.opcode == OPCODE_TEXT or head.opcode == OPCODE_BINARY) and head.rsv == 0
                and self._mode == READ_MESSAGES and self._fragments_opcode == 0
            ):
                if self._validates_utf8 and head.opcode == OPCODE_TEXT and not valid_utf8(
                    data + at + head_size + valid_bytes, head.payload_size - valid_bytes
                ):
                    return self._break_off(1007, NOT_UTF8_TEXT)
                self._sink.on_frame(data + at + head_size, head.payload_size, head.opcode, now_ns)
            elif self._mode == READ_HELD:
                self._has_held = True
                break
            else:
                self.on_other_frame(&head, data + at + head_size, now_ns)
            valid_bytes = 0
            at += frame_size
        if at == size:
            if self._pending != NULL:
                self._drop()
            return 0
        return self._keep(data + at, size - at, frame_size)

    cdef bint _begins_well(self, const FrameHead* head, const char* payload, Py_ssize_t size,
                           Py_ssize_t valid_bytes) noexcept:
        """Whether the part of a frame that has come can be text. Nobody waits for the rest of broken text."""
        cdef Py_ssize_t whole
        if (
            self._validates_utf8 and head.opcode == OPCODE_TEXT and head.rsv == 0
            and self._mode == READ_MESSAGES and self._fragments_opcode == 0
        ):
            whole = whole_utf8(payload + valid_bytes, size - valid_bytes)
            if whole == NOT_UTF8:
                return False
            self._valid_bytes = valid_bytes + whole
        return True

    cdef int _break_off(self, int code, str text) except -1:
        self._mode = READ_NOTHING
        self._drop()
        return self._link.on_violation(code, text)

    cdef int _keep(self, const char* data, Py_ssize_t size, Py_ssize_t frame_size) except -1:
        cdef bint in_place = frame_size > self._buffer.capacity
        cdef Py_ssize_t capacity = size
        cdef char* memory
        if in_place:
            if self._in_place and size < self._pending_capacity:
                return 0
            # It grows with the bytes that have come, not with the length that a server announces.
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

    # -- frames that are not one whole message

    cdef int on_other_frame(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        cdef bint deflated = head.rsv == RSV1
        if self._mode != READ_MESSAGES and (self._mode != READ_CLOSE or head.opcode != OPCODE_CLOSE):
            return 0
        # RFC 7692 section 6.1: the bit is set in the first frame of a compressed message.
        if head.rsv and (
            not deflated or self._inflate is None
            or (head.opcode != OPCODE_TEXT and head.opcode != OPCODE_BINARY)
        ):
            return self._link.on_violation(1002, "a reserved bit is set, and no extension gives it a meaning")
        if head.opcode == OPCODE_CONTINUATION:
            if self._fragments_opcode == 0:
                return self._link.on_violation(1002, "a continuation frame without a message to continue")
            return self._on_fragment(head, payload, now_ns)
        if head.opcode == OPCODE_TEXT or head.opcode == OPCODE_BINARY:
            if self._fragments_opcode != 0:
                return self._link.on_violation(1002, "a new message within a fragmented one")
            if deflated and head.fin:
                return self._on_deflated(payload[:head.payload_size], head.opcode, now_ns)
            self._fragments_opcode = head.opcode
            self._fragments_deflated = deflated
            return self._on_fragment(head, payload, now_ns)
        return self._link.on_control_frame(head.opcode, payload, head.payload_size)

    cdef int _on_fragment(self, const FrameHead* head, const char* payload, int64_t now_ns) except -1:
        cdef int opcode = self._fragments_opcode
        cdef bint deflated = self._fragments_deflated
        cdef Py_ssize_t size
        cdef char* message
        if head.payload_size > self._max_message_size - self._fragments_size:
            self._free_fragments()
            return self._link.on_violation(
                1009, f"a message is longer than max_message_size ({self._max_message_size})")
        self._append_fragment(payload, head.payload_size)
        if (
            self._validates_utf8 and opcode == OPCODE_TEXT and not deflated
            and not self._fragments_are_text(head.fin)
        ):
            self._free_fragments()
            return self._link.on_violation(1007, NOT_UTF8_TEXT)
        if not head.fin:
            return 0
        message = self._fragments
        size = self._fragments_size
        self._fragments = NULL
        self._free_fragments()
        try:
            if deflated:
                return self._on_deflated(message[:size], opcode, now_ns)
            return self._sink.on_frame(message, size, opcode, now_ns)
        finally:
            free(message)

    cdef bint _fragments_are_text(self, bint whole_message) noexcept:
        cdef Py_ssize_t whole = whole_utf8(
            self._fragments + self._valid_fragment_bytes, self._fragments_size - self._valid_fragment_bytes)
        if whole == NOT_UTF8:
            return False
        self._valid_fragment_bytes += whole
        return not whole_message or self._valid_fragment_bytes == self._fragments_size

    cdef int _on_deflated(self, bytes data, int opcode, int64_t now_ns) except -1:
        cdef bytes message
        try:
            message = self._inflate(data)
        except InflateError as error:
            return self._link.on_violation(error.code, str(error))
        if self._validates_utf8 and opcode == OPCODE_TEXT and not valid_utf8(
            PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message)
        ):
            return self._link.on_violation(1007, NOT_UTF8_TEXT)
        return self._sink.on_frame(PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message), opcode, now_ns)

    cdef int _append_fragment(self, const char* payload, Py_ssize_t size) except -1:
        cdef Py_ssize_t needed = self._fragments_size + size
        cdef Py_ssize_t capacity = self._fragments_capacity
        cdef char* grown
        if needed > capacity or self._fragments == NULL:
            # With doubling, many small fragments are not copied again for each new one. The limit, which the
            # caller has checked, bounds it.
            capacity = min(max(needed, 2 * capacity, 1), <Py_ssize_t>self._max_message_size)
            grown = <char*>realloc(self._fragments, capacity)
            if grown == NULL:
                raise MemoryError()
            self._fragments = grown
            self._fragments_capacity = capacity
        if size:
            memcpy(self._fragments + self._fragments_size, payload, size)
            self._fragments_size = needed
        return 0

    cdef int _free_fragments(self) noexcept:
        free(self._fragments)
        self._fragments = NULL
        self._fragments_size = 0
        self._valid_fragment_bytes = 0
        self._fragments_capacity = 0
        self._fragments_opcode = 0
        self._fragments_deflated = False
        return 0


cdef str head_reason(int head_size):
    if head_size == HEAD_MASKED:
        return "a frame is masked, which a server must not do"
    if head_size == HEAD_OPCODE:
        return "a frame has a reserved opcode"
    if head_size == HEAD_CONTROL:
        return "a control frame is fragmented or longer than 125 bytes"
    return "a frame's length is not in its shortest form"
