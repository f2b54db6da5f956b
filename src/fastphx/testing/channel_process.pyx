from asyncio import CancelledError

from cpython.bytes cimport PyBytes_GET_SIZE

from fastphx.protocol.frame_scan cimport Header, REF_NUMBER
from fastphx.protocol.message cimport Message
from fastphx.protocol.sink cimport OPCODE_TEXT
from fastphx.testing.replies cimport answer, answer_push, send_reply
from fastphx.testing.responses cimport ServerReply, ServerStop
from fastphx.testing.server_socket cimport ITEM_BYTES, STATE_OPEN, ServerSocket
from fastphx.testing.text_frame cimport encode_payload, reply_frame, text_frame

import logging
from collections import deque
from types import CoroutineType

import orjson

from fastphx.errors import DecodeError, clip, clip_repr
from fastphx.protocol.deep_frame import is_too_deep
from fastphx.testing.traceback_text import traceback_text

cdef object _dumps = orjson.dumps
cdef object _logger = logging.getLogger("fastphx.testing")

cdef enum ItemKind:
    ITEM_IN = 0
    ITEM_INFO = 1
    ITEM_LEAVE = 2
    ITEM_JOIN = 3

cdef Py_ssize_t size_of(Message message) except -1:
    """The bytes in it that a client chose."""
    cdef Py_ssize_t size
    if message is None:
        return 0
    size = PyBytes_GET_SIZE(message.raw) + 4 * len(message.event)
    if message._rare is not None:
        size += sum([4 * len(ref) for ref in message._rare if type(ref) is str])
    return size


cdef int refuse_join(ServerSocket socket, Message message, object response) except -1:
    socket.hub.counters.join_errors += 1
    return answer(socket, message.join_ref, message.ref, message.topic, "error", response, False)


cdef bint nests_too_deep(object error) except -1:
    return is_too_deep(error.__cause__)


cdef int report_crashed_join(ServerSocket socket, Message message, object error) except -1:
    socket.hub.counters.crashes += 1
    _logger.error("a join of %s crashed\n%s", clip(message.topic), traceback_text(error))
    return 0


cdef class ChannelProcess:
    """Calls a channel's callbacks. While an async one runs, what comes waits in the mailbox."""

    cdef int start(self, ServerSocket socket, Message message, const Header* header) except -1:
        self.topic = message.topic
        self.topic_bytes = message.topic.encode()
        self.topic_json = _dumps(message.topic)
        self.join_ref = message.join_ref
        self.join_ref_number = header.join_ref.number if header.join_ref.type == REF_NUMBER else 0
        self.join_ref_quoted = header.join_ref.quoted if header.join_ref.type == REF_NUMBER else 0
        self.socket = socket
        # The text, its UTF-8 and its JSON.
        self.enqueue(3 * PyBytes_GET_SIZE(self.topic_bytes))
        return 0

    # Joining and leaving.

    cdef int run_join(self, Message message, object payload) except -1:
        try:
            self.running = True
            try:
                result = self.join(self.topic, payload)
            finally:
                self.running = False
            if type(result) is CoroutineType:
                return self.start_task(ITEM_JOIN, message, result)
            return self.end_join(message, result)
        except (Exception, CancelledError) as error:
            return self.crash_join(message, error)

    cdef int crash_join(self, Message message, object error) except -1:
        report_crashed_join(self.socket, message, error)
        return self.fail_join(message, {"reason": "join crashed"})

    cdef int end_join(self, Message message, object result) except -1:
        cdef ServerReply reply
        if self.state == CHANNEL_CLOSED:
            return 0
        if result is None:
            reply = ServerReply()
        elif type(result) is ServerReply:
            reply = <ServerReply>result
        else:
            raise TypeError(f"join returned {clip_repr(result)}: return None or a ServerReply")
        if reply.status != "ok":
            return self.fail_join(message, reply.response)
        # This may fail, so it comes first: a response that cannot be encoded is a crashed join.
        cdef bytes response = encode_payload(reply.response)
        self.state = CHANNEL_JOINED
        self.socket.pubsub.subscribe(self.topic, self.socket)
        self.socket.hub.counters.joins += 1
        send_reply(self.socket, OPCODE_TEXT, reply_frame(
            self.socket.vsn, message.join_ref, message.ref, message.topic, "ok", response), False)
        return self.drain()

    cdef int fail_join(self, Message message, object response) except -1:
        if self.state != CHANNEL_CLOSED:
            self.state = CHANNEL_CLOSED
            self.socket.forget(self.topic, self)
            self.mailbox = None
            self.dequeue_all()
            self.call_monitors("join failed")
        return refuse_join(self.socket, message, response)

    cdef int leave(self, Message message) except -1:
        if self.task is not None or self.running:
            return self.post(ITEM_LEAVE, message)
        return self.answer_leave(message)

    cdef int answer_leave(self, Message message) except -1:
        self.socket.hub.counters.leaves += 1
        answer(self.socket, message.join_ref, message.ref, message.topic, "ok", {}, False)
        self.end("left")
        return self.send_close()

    # Callbacks.

    cdef int receive(self, Message message, Header* header) except -1:
        if self.task is not None or self.running:
            return self.post(ITEM_IN, message)
        return self.run_handle_in(message, header)

    cdef int send_info_later(self, object message) except -1:
        if self.state == CHANNEL_CLOSED:
            return 0
        self.post(ITEM_INFO, message)
        if not self.running and self.task is None:
            self.socket.hub.loop.call_soon(_drain, self)
        return 0

    cdef int run_handle_in(self, Message message, Header* header) except -1:
        self.running = True
        try:
            result = self.handle_in(message.event, message)
        except DecodeError as error:
            return self.crash(error) if nests_too_deep(error) else self.socket.bad_frame(error)
        except (Exception, CancelledError) as error:
            return self.crash(error)
        finally:
            self.running = False
        if result is not None:
            if type(result) is CoroutineType:
                return self.start_task(ITEM_IN, message, result)
            self.finish(message, header, result)
        # Without a header, `drain` has called this, and continues by itself.
        if self.mailbox is not None and header != NULL:
            self.drain()
        return 0

    cdef int run_handle_info(self, object message) except -1:
        self.running = True
        try:
            result = self.handle_info(message)
        except (Exception, CancelledError) as error:
            return self.crash(error)
        finally:
            self.running = False
        if result is None:
            return 0
        if type(result) is CoroutineType:
            return self.start_task(ITEM_INFO, None, result)
        return self.finish(None, NULL, result)

    cdef int finish(self, Message message, Header* header, object result) except -1:
        """Do what a callback returned."""
        cdef ServerStop stop
        if result is None or self.socket.state != STATE_OPEN:
            return 0
        try:
            if type(result) is ServerReply and message is not None:
                answer_push(self.socket, message, header, self.topic, self.topic_json, <ServerReply>result)
            elif type(result) is ServerStop:
                stop = <ServerStop>result
                if stop.reply is not None and message is not None:
                    answer_push(self.socket, message, header, self.topic, self.topic_json, stop.reply)
                self.stop(stop.reason)
            else:
                what = "handle_info" if message is None else "handle_in"
                raise TypeError(
                    f"{what} returned {clip_repr(result)}: return None, a ServerReply or a ServerStop")
        except Exception as error:
            self.crash(error)
        return 0

    cdef int start_task(self, int kind, Message message, object coroutine) except -1:
        if self.state == CHANNEL_CLOSED or not self.enqueue(size_of(message)):
            coroutine.close()
            return 0
        self.task = self.socket.hub.loop.create_task(coroutine)

        def on_done(task):
            _task_done(self, kind, message, task)

        self.task.add_done_callback(on_done)
        return 0

    cdef int post(self, int kind, object item) except -1:
        if not self.enqueue(0 if kind == ITEM_INFO else size_of(item)):
            return 0
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.append((kind, item))
        return 0

    cdef bint enqueue(self, Py_ssize_t size) except -1:
        if not self.socket.enqueue(size + ITEM_BYTES):
            return False
        self.queued_bytes += size + ITEM_BYTES
        return True

    cdef int dequeue(self, Py_ssize_t size) noexcept:
        self.queued_bytes -= size + ITEM_BYTES
        return self.socket.dequeue(size + ITEM_BYTES)

    cdef int dequeue_all(self) noexcept:
        self.socket.dequeue(self.queued_bytes)
        self.queued_bytes = 0
        return 0

    cdef int drain(self) except -1:
        """Handle the messages that waited for the channel's callback to end."""
        while self.mailbox and self.task is None and not self.running and self.state == CHANNEL_JOINED:
            kind, item = self.mailbox.popleft()
            self.dequeue(0 if kind == ITEM_INFO else size_of(item))
            if kind == ITEM_IN:
                self.run_handle_in(item, NULL)
            elif kind == ITEM_LEAVE:
                self.answer_leave(item)
            else:
                self.run_handle_info(item)
        return 0

    # The end.

    cdef int crash(self, object error) except -1:
        if self.state == CHANNEL_CLOSED:
            return 0
        _logger.error("%s crashed\n%s", self, traceback_text(error))
        return self.stop(error)

    cdef int stop(self, object reason) except -1:
        cdef bytes payload
        if self.state == CHANNEL_CLOSED:
            return 0
        self.end(reason)
        if reason in ("normal", "shutdown") or (
                isinstance(reason, tuple) and reason and reason[0] == "shutdown"):
            return self.send_close()
        payload = b'{"reason":"channel_crash"}'
        self.socket.hub.counters.crashes += 1
        return self.socket.send_bytes(OPCODE_TEXT, text_frame(
            self.socket.vsn, self.join_ref, self.join_ref, self.topic, "phx_error", payload))

    cdef int send_close(self) except -1:
        if self.socket.send_bytes(OPCODE_TEXT, text_frame(
                self.socket.vsn, self.join_ref, self.join_ref, self.topic, "phx_close", b"{}")):
            self.socket.hub.counters.closes += 1
        return 0

    cdef int close_replaced(self) except -1:
        cdef ChannelProcess replaced = self.replaced
        self.replaced = None
        return 0 if replaced is None else replaced.send_close()

    cdef int end(self, object reason) except -1:
        if self.state == CHANNEL_CLOSED:
            return 0
        self.close_replaced()
        if self.state == CHANNEL_JOINED:
            self.socket.pubsub.unsubscribe(self.topic, self.socket)
        self.state = CHANNEL_CLOSED
        self.socket.forget(self.topic, self)
        self.mailbox = None
        self.dequeue_all()
        if self.task is not None:
            self.task.cancel()
            self.task = None
        self.call_monitors(reason)
        try:
            self.terminate(reason)
        except (Exception, CancelledError) as error:
            _logger.error("terminate of %s raised\n%s", self, traceback_text(error))
        return 0

    cdef int call_monitors(self, object reason) except -1:
        if self.monitors is None:
            return 0
        for monitor in self.monitors:
            try:
                monitor(reason)
            except (Exception, CancelledError) as error:
                _logger.error("a monitor of %s raised\n%s", self, traceback_text(error))
        return 0


def _drain(ChannelProcess process not None):
    process.drain()


def _task_done(ChannelProcess process not None, int kind, Message message, task):
    if process.state == CHANNEL_CLOSED:
        if not task.cancelled():
            task.exception()        # it ended by itself while the channel was being closed
        return
    process.task = None
    process.dequeue(size_of(message))
    error = TimeoutError("its coroutine was cancelled") if task.cancelled() else task.exception()
    if isinstance(error, DecodeError) and not nests_too_deep(error):
        process.socket.bad_frame(error)
    elif kind == ITEM_JOIN:
        try:
            if error is not None:
                raise error
            process.end_join(message, task.result())
        except Exception as raised:
            process.crash_join(message, raised)
        process.close_replaced()
    elif error is not None:
        process.crash(error)
    else:
        process.finish(message, NULL, task.result())
        process.drain()
