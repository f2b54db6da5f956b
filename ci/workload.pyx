"""The fixed workload that `ci/gate` counts instructions of: the pure core and the WebSocket's reader, no I/O,
no loop.

Each case does one operation *count* times. `mark` is where callgrind writes down what it has counted.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memcpy

from fastphx.protocol.callback_session cimport CallbackSession
from fastphx.protocol.frame_scan cimport Header, release, scan
from fastphx.protocol.frame_write cimport write_binary_push, write_push
from fastphx.protocol.message cimport Message, message_from_header
from fastphx.protocol.reply_status cimport reply_status
from fastphx.protocol.joins cimport Join, JoinMap
from fastphx.protocol.refs cimport RefEntry, RefTable
from fastphx.protocol.session cimport Session
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT, FrameSink, FrameWriter
from fastphx.transports.websocket.link_hooks cimport LinkHooks
from fastphx.transports.websocket.reader cimport READ_MESSAGES, MessageReader

from collections import deque
from operator import attrgetter
from types import SimpleNamespace

from fastphx.protocol.frame_write import encode, encode_binary_broadcast, encode_reply

cdef extern from *:
    """
    __attribute__((noinline, used, visibility("default"))) void fastphx_gate_mark(void) {
        __asm__ volatile("");
    }
    """
    void fastphx_gate_mark() noexcept nogil


cdef class DroppingWriter(FrameWriter):
    cdef int write_frame(self, char* data, Py_ssize_t size, int opcode) except -1:
        return 0


cdef class CountingSink(FrameSink):
    cdef int messages

    cdef int on_frame(self, const char* data, Py_ssize_t size, int opcode, int64_t now_ns) except -1:
        self.messages += 1
        return 0


cdef class SilentSession(Session):
    """Counts, and tells nobody."""

    cdef int on_joined(self, const Header* header, Join join) except -1:
        return 0

    cdef int on_message(self, const Header* header, Join join) except -1:
        return 0

    cdef int on_reply(self, const Header* header, Join join, const RefEntry* entry) except -1:
        return 0


cdef class SilentHooks(LinkHooks):
    """A link that is told nothing."""

    cdef int on_control_frame(self, int opcode, const char* payload, Py_ssize_t size) except -1:
        return 0

    cdef int on_read(self, int64_t now_ns) except -1:
        return 0


cdef class Loop:
    """What a reader finds its read buffer by."""
    cdef object __weakref__


PAYLOAD = b'{"body":"hello, is it me","user":"ann","at":1700000000}'
REPLY = encode_reply("1", "7", "room:lobby", "ok", b'{"body":"hello, is it me"}')
STATUSES = [
    REPLY,
    encode_reply("1", "7", "room:lobby", "error", b'{"reason":"unmatched topic"}'),
    b'["1","7","room:lobby","phx_reply",{"status":"ok","response":{"body":"hello, is it me"}}]',
]
SCANNED = {
    "scan, text": (encode("1", None, "room:lobby", "new_msg", PAYLOAD), OPCODE_TEXT),
    "scan, text, 64 KiB": (encode("1", None, "room:lobby", "new_msg", b'"%b"' % (b"x" * 65536)), OPCODE_TEXT),
    "scan, text, spaced": (
        b'[ "1", null, "room:lobby", "new_msg", %b ]' % PAYLOAD, OPCODE_TEXT),
    "scan, text, escapes": (b'["1",null,"room:\\u00e9\\n\\"lobby\\"","new\\/msg",%b]' % PAYLOAD, OPCODE_TEXT),
    "scan, text, multi-byte": (
        encode("1", None, "room:日本語のロビー", "grüße", PAYLOAD), OPCODE_TEXT),
    "scan, text, long topic": (encode("1", None, "room:" + "x" * 200, "new_msg", PAYLOAD), OPCODE_TEXT),
    "scan, binary": (encode_binary_broadcast("room:lobby", "new_msg", PAYLOAD), OPCODE_BINARY),
}


cdef int scan_frames(bytes frame, int opcode, int count) except -1:
    cdef Header header
    cdef Py_ssize_t position = 0
    cdef const char* data = PyBytes_AS_STRING(frame)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(frame)
    cdef int _
    for _ in range(count):
        if scan(data, size, opcode, False, &header, &position) != NULL:
            raise ValueError(frame)
        release(&header)
    return 0


cdef int read_statuses(list frames, int count) except -1:
    cdef Header[3] headers
    cdef Py_ssize_t position = 0
    cdef int index, _
    cdef bytes frame
    for index in range(3):
        frame = <bytes>frames[index]
        scan(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), OPCODE_TEXT, False, &headers[index],
             &position)
    for _ in range(count):
        for index in range(3):
            reply_status(&headers[index])
    return 0


cdef int make_messages(bytes frame, int count, bint reads_payload) except -1:
    cdef Header header
    cdef Py_ssize_t position = 0
    cdef int _
    cdef str topic = "room:lobby"
    cdef Message message
    scan(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), OPCODE_TEXT, False, &header, &position)
    for _ in range(count):
        message = message_from_header(&header, topic)
        if reads_payload:
            # A decoder that does nothing: what is counted is ours, not orjson's.
            message.decoder = len
            getattr(message, "payload")
    return 0


cdef int write_pushes(int count, bint binary) except -1:
    cdef char[512] out
    cdef const char* payload = PyBytes_AS_STRING(PAYLOAD)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(PAYLOAD)
    cdef int number
    for number in range(count):
        if binary:
            write_binary_push(
                out, 1, <uint64_t>(100000 + number), "room:lobby", 10, "new_msg", 7, payload, size)
        else:
            write_push(out, 1, <uint64_t>(100000 + number), "room:lobby", 10, "new_msg", 7, payload, size)
    return 0


cdef int put_and_take(int count) except -1:
    cdef RefTable refs = RefTable(1024)
    cdef RefEntry entry
    cdef uint64_t ref
    for ref in range(1, 17):
        refs.put(ref, 1, 0, INT64_MAX, 0, NULL)
    for ref in range(17, 17 + <uint64_t>count):
        refs.put(ref, 1, 0, INT64_MAX, 0, NULL)
        if not refs.take(ref - 16, &entry):
            raise KeyError(ref)
    return 0


cdef int find_topics(JoinMap joins, list topics, int count) except -1:
    cdef bytes key
    cdef int index
    cdef Py_ssize_t size = len(topics)
    for index in range(count):
        key = <bytes>topics[index % size]
        if joins.find(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)) is None:
            raise KeyError(key)
    return 0


cdef int receive(Session session, list frames, int count) except -1:
    cdef bytes frame
    cdef int index
    cdef Py_ssize_t size = len(frames)
    for index in range(count):
        frame = <bytes>frames[index % size]
        session.on_frame(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), OPCODE_TEXT, 0)
    return 0


cdef int push_timed(Session session, Join join, int count) except -1:
    cdef const char* payload = PyBytes_AS_STRING(PAYLOAD)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(PAYLOAD)
    cdef RefEntry entry
    cdef uint64_t ref
    cdef int _
    for _ in range(count):
        ref = session.send_push_timed(join, "new_msg", 7, payload, size, False, 0, INT64_MAX, 0)
        session.refs.take(ref, &entry)
    return 0


cdef int push_and_reply(Session session, Join join, int count) except -1:
    cdef const char* payload = PyBytes_AS_STRING(PAYLOAD)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(PAYLOAD)
    cdef int _
    for _ in range(count):
        session._next_ref = 7
        session.send_push_timed(join, "new_msg", 7, payload, size, False, 0, INT64_MAX, 0)
        session.on_frame(PyBytes_AS_STRING(REPLY), PyBytes_GET_SIZE(REPLY), OPCODE_TEXT, 0)
    return 0


cdef bytes websocket_frame(int opcode, bytes payload, bint fin=True):
    """As a server sends it: not masked."""
    size = len(payload)
    length = bytes([size]) if size < 126 else bytes([126, size >> 8, size & 255])
    return bytes([opcode | (0x80 if fin else 0)]) + length + payload


cdef bytes fragmented(bytes payload):
    """A text message in four frames, with a ping between."""
    quarter = len(payload) // 4
    return b"".join([
        websocket_frame(OPCODE_TEXT, payload[:quarter], False),
        websocket_frame(0, payload[quarter:2 * quarter], False),
        websocket_frame(9, b"ping"),
        websocket_frame(0, payload[2 * quarter:3 * quarter], False),
        websocket_frame(0, payload[3 * quarter:], True),
    ])


cdef int read_frames(bytes data, Py_ssize_t read_size, int messages, bint checked, int count) except -1:
    """*data* has so many *messages*, and comes in reads of *read_size* bytes."""
    cdef CountingSink sink = CountingSink()
    cdef MessageReader reader = MessageReader(SilentHooks(), sink, None, Loop(), 65536)
    cdef const char* wire = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t at, some
    cdef int _
    reader._mode = READ_MESSAGES
    reader._validates_utf8 = checked
    for _ in range(count):
        at = 0
        while at < size:
            some = min(read_size, size - at)
            # As `get_buffer` has it: what was kept goes in front.
            memcpy(reader._buffer.data + reader._pending_size, wire + at, <size_t>some)
            reader.buffer_updated(some)
            at += some
    if sink.messages != messages * count:
        raise ValueError(f"{sink.messages} messages were read")
    return 0


cdef Session joined_session(Session session, list topics):
    """*session*, open, with the *topics* joined."""
    cdef bytes reply
    session.open(DroppingWriter(), 0, 0.5)
    for topic in topics:
        ref = str(session.send_join(session.check_join(topic), None, INT64_MAX))
        reply = encode_reply(ref, ref, topic, "ok", b"{}")
        session.on_frame(PyBytes_AS_STRING(reply), PyBytes_GET_SIZE(reply), OPCODE_TEXT, 0)
    return session


cdef Session callback_session(on_message):
    # A C function takes the messages: what is counted is ours, not the interpreter's.
    handler = SimpleNamespace(on_message=on_message, on_reply=None, on_joined=lambda *_: None)
    return CallbackSession(handler, heartbeat_interval_s=0)


def join_map(count):
    cdef JoinMap joins = JoinMap()
    for index in range(count):
        joins.add(f"room:{index}")
    return joins


def cases():
    """name -> a callable that does the operation as many times as it is told."""
    cdef JoinMap thousand = join_map(1000)
    keep_none = deque(maxlen=0).append
    cdef Session session = joined_session(callback_session(keep_none), ["room:lobby"])
    cdef Session reading = joined_session(callback_session(attrgetter("payload")), ["room:lobby"])
    topics = [f"room:{index}" for index in range(1000)]
    cdef Session wide = joined_session(callback_session(keep_none), topics)
    cdef Session silent = joined_session(SilentSession(heartbeat_interval_s=0), ["room:lobby"])
    cdef bytes text = SCANNED["scan, text"][0]
    keys = [b"room:%d" % index for index in range(1000)]
    broadcasts = [encode(None, None, f"room:{index}", "new_msg", PAYLOAD) for index in range(1000)]
    sixteen = websocket_frame(OPCODE_TEXT, text) * 16
    found = {
        name: (lambda count, frame=frame, opcode=opcode: scan_frames(frame, opcode, count))
        for name, (frame, opcode) in SCANNED.items()
    }
    return found | {
        "reply status, 3 forms": lambda count: read_statuses(STATUSES, count),
        "message from header": lambda count: make_messages(text, count, False),
        "message from header, payload read": lambda count: make_messages(text, count, True),
        "write push, text": lambda count: write_pushes(count, False),
        "write push, binary": lambda count: write_pushes(count, True),
        "ref table, put and take": lambda count: put_and_take(count),
        "join map, 1000 topics": lambda count: find_topics(thousand, keys, count),
        "session, message to a callback": lambda count: receive(session, [text], count),
        "session, payload read, orjson's part included": lambda count: receive(reading, [text], count),
        "session, broadcasts of 1000 topics": lambda count: receive(wide, broadcasts, count),
        "session, timed push": lambda count: push_timed(silent, silent.joins.get("room:lobby"), count),
        "session, timed push and its reply": lambda count: push_and_reply(
            silent, silent.joins.get("room:lobby"), count),
        "reader, 16 messages in a read": lambda count: read_frames(sixteen, len(sixteen), 16, False, count),
        "reader, 16 messages, checked to be UTF-8": lambda count: read_frames(
            sixteen, len(sixteen), 16, True, count),
        "reader, 16 messages, cut by 4 reads": lambda count: read_frames(
            sixteen, len(sixteen) // 4 + 10, 16, False, count),
        "reader, a message in 4 fragments and a ping": lambda count: read_frames(
            fragmented(text), 65536, 1, False, count),
    }


def run(int count):
    """Every case once to warm up, then *count* and twice *count* times, each followed by a mark."""
    for case in cases().values():
        case(16)
        for times in (count, 2 * count):
            fastphx_gate_mark()
            case(times)
            fastphx_gate_mark()
