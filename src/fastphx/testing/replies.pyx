from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastphx.protocol.frame_scan cimport Header, KIND_TEXT, REF_NULL, Ref
from fastphx.protocol.message cimport Message
from fastphx.protocol.sink cimport OPCODE_BINARY, OPCODE_TEXT
from fastphx.testing.hub cimport to_ns
from fastphx.testing.responses cimport ServerReply
from fastphx.testing.server_socket cimport STATE_OPEN, ServerSocket
from fastphx.testing.text_frame cimport encode_payload, reply_frame
from fastphx.timing.wheel cimport monotonic_ns

from fastphx.errors import EncodingError
from fastphx.protocol.frame_write import encode_binary_reply
from fastphx.timing.wheel import CallbackTimer, wheel_for

cdef enum:
    REPLY_OVERHEAD_BYTES = 64


cdef inline char* put(char* out, const char* data, Py_ssize_t size) noexcept:
    memcpy(out, data, <size_t>size)
    return out + size


cdef inline Py_ssize_t token_size(const Ref* ref) noexcept:
    return 4 if ref.type == REF_NULL else ref.size


cdef inline char* put_token(char* out, const Ref* ref) noexcept:
    return put(out, "null", 4) if ref.type == REF_NULL else put(out, ref.data, ref.size)


cdef str characters(object ref):
    return "" if ref is None else str(ref)


cdef bint drop_reply(ServerSocket socket) noexcept:
    if socket.hub.faults.take_reply_drop() or (
            socket._faults is not None and socket._faults.take_reply_drop()):
        socket.hub.counters.dropped_replies += 1
        return True
    return False


cdef double reply_delay_s(ServerSocket socket) noexcept:
    cdef double delay_s = socket.hub.faults.reply_delay_s
    if socket._faults is not None:
        delay_s = max(delay_s, socket._faults.reply_delay_s)
    return delay_s


cdef bint is_put_off(ServerSocket socket) noexcept:
    return reply_delay_s(socket) > 0 or socket.hub.faults.service_s > 0 or (
        socket._faults is not None and socket._faults.service_s > 0)


cdef int64_t leaves_at_ns(ServerSocket socket, bint to_push) noexcept:
    """When a reply leaves, in CLOCK_MONOTONIC; 0: at once."""
    cdef int64_t turn_ns = 0
    cdef double delay_s = reply_delay_s(socket)
    if to_push:
        turn_ns = socket.hub.faults.take_turn()
        if socket._faults is not None:
            turn_ns = max(turn_ns, socket._faults.take_turn())
    if delay_s > 0:
        return max(turn_ns, monotonic_ns()) + to_ns(delay_s)
    return turn_ns


cdef int send_reply(ServerSocket socket, int opcode, bytes data, bint to_push) except -1:
    cdef int64_t due_ns
    if drop_reply(socket):
        return 0
    due_ns = leaves_at_ns(socket, to_push)
    if due_ns > 0:
        return put_off(socket, due_ns, opcode, data, to_push)
    if socket.send_bytes(opcode, data) and to_push:
        socket.hub.counters.replies += 1
    return 0


cdef int put_off(ServerSocket socket, int64_t due_ns, int opcode, bytes data, bint to_push) except -1:
    if socket.state != STATE_OPEN or not socket.put_aside(PyBytes_GET_SIZE(data)):
        return 0
    socket.hub.counters.delayed_replies += 1
    if socket.put_off is None:
        socket.put_off = set()
    timer = None

    def on_due():
        socket.put_off.discard(timer)
        socket.take_up(PyBytes_GET_SIZE(data))
        if socket.send_bytes(opcode, data) and to_push:
            socket.hub.counters.replies += 1

    # The wheel is exact, and the loop's own timers are so to a millisecond.
    timer = CallbackTimer(on_due)
    timer.schedule(wheel_for(socket.hub.loop), deadline_ns=due_ns)
    socket.put_off.add(timer)
    return 0


cdef int answer(ServerSocket socket, object join_ref, object ref, str topic, str status, object response,
                bint to_push) except -1:
    if isinstance(response, bytes):
        if socket.vsn == 1:
            raise EncodingError("vsn 1.0.0 has no binary frames: give a response that is JSON")
        return send_reply(socket, OPCODE_BINARY, encode_binary_reply(
            characters(join_ref), characters(ref), topic, status, response), to_push)
    return send_reply(socket, OPCODE_TEXT, reply_frame(
        socket.vsn, join_ref, ref, topic, status, encode_payload(response)), to_push)


cdef int answer_push(ServerSocket socket, Message message, const Header* header, str topic, bytes topic_json,
                     ServerReply reply) except -1:
    cdef bytes response
    cdef bytes status
    cdef char* start
    cdef char* out
    status = b',"status":"ok"}]' if reply.status == "ok" else b',"status":"error"}]'
    if (header == NULL or socket.vsn != 2 or header.kind != KIND_TEXT or type(reply.response) is bytes
            or is_put_off(socket) or reply.status not in ("ok", "error")):
        return answer(socket, message.join_ref, message.ref, topic, reply.status, reply.response, True)
    response = encode_payload(reply.response)
    if drop_reply(socket):
        return 0
    # The refs go back as the same tokens that came in. A null one has no data.
    start = out = socket.hub.reserve(
        token_size(&header.join_ref) + token_size(&header.ref) + PyBytes_GET_SIZE(topic_json)
        + PyBytes_GET_SIZE(response) + REPLY_OVERHEAD_BYTES)
    out[0] = c"["
    out = put_token(out + 1, &header.join_ref)
    out[0] = c","
    out = put_token(out + 1, &header.ref)
    out[0] = c","
    out = put(out + 1, PyBytes_AS_STRING(topic_json), PyBytes_GET_SIZE(topic_json))
    out = put(out, ',"phx_reply",{"response":', 25)
    out = put(out, PyBytes_AS_STRING(response), PyBytes_GET_SIZE(response))
    out = put(out, PyBytes_AS_STRING(status), PyBytes_GET_SIZE(status))
    if socket.send(OPCODE_TEXT, start, out - start):
        socket.hub.counters.replies += 1
    return 0
