import cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from cpython.tuple cimport PyTuple_GET_SIZE

from fastphx.protocol.message cimport Message, raise_pending

import asyncio
import inspect
import logging
import math
import threading
from collections import deque

from fastphx.errors import BadReturnError, DecodeError, OverloadedError, StoppedError
from fastphx.gen_socket_client.callbacks import WHILE_RUNNING as _WHILE_RUNNING
from fastphx.gen_socket_client.responses import TIMEOUT, NoReply, Stop
from fastphx.timing.wheel import CallbackTimer

cdef extern from *:
    """
    #define fastphx_items(tuple) (((PyTupleObject *)(tuple))->ob_item)

    /* PyObject_Vectorcall, but inline, and without its look at the thread and at the result. */
    static CYTHON_INLINE PyObject *fastphx_call(PyObject *callable, PyObject **args, size_t count) {
        PyTypeObject *type = Py_TYPE(callable);
        if (PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL)) {
            vectorcallfunc function;
            memcpy(&function, (char *)callable + type->tp_vectorcall_offset, sizeof function);
            if (function != NULL)
                return function(callable, args, count, NULL);
        }
        return PyObject_Vectorcall(callable, args, count, NULL);
    }
    """
    PyObject** items "fastphx_items" (tuple items) noexcept
    # A new reference, or NULL with an exception set.
    PyObject* call "fastphx_call" (PyObject* callable, PyObject** args, size_t count) noexcept
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET

cdef enum:
    # How many callbacks may run without waiting before the event loop has its turn.
    EVENTS_A_TURN = 64

logger = logging.getLogger("fastphx")

# Events that mean nothing once their join is gone. The session has counted them.
cdef frozenset _OF_A_JOIN = frozenset(("phx_reply", "phx_close", "phx_error"))

cdef object _DecodeError = DecodeError
cdef object _NoReply = NoReply
cdef object _Stop = Stop
cdef object _CancelledError = asyncio.CancelledError

# An event is a tuple: a callback, its arguments, and the Caller that waits for an answer, or None. A callback
# given by name takes a Message, whose payload is decoded when its turn comes. A Stop takes effect when its
# turn comes.


@cython.final
cdef class EventQueue:
    def __init__(self, client, *, loop, wheel, executor, Py_ssize_t limit,
                 Py_ssize_t limit_bytes, respond, crash):
        self._client = client
        self._handle_message = client.handle_message
        self._loop = loop
        self._wheel = wheel
        self._executor = executor
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._respond = respond
        self._crash = crash
        self._mailbox = deque()
        self._later = []
        self._posted = deque()
        self.is_slow = executor is not None or any(
            [inspect.iscoroutinefunction(getattr(client, name)) for name in _WHILE_RUNNING])

    def attach(self, handle, *, disconnected, heartbeat_timed_out, pause, resume):
        self._handle = handle
        self._disconnected = disconnected
        self._heartbeat_timed_out = heartbeat_timed_out
        self._pause = pause
        self._resume = resume

    @property
    def waiting(self):
        return self._count()

    @property
    def is_current(self):
        return self._drain_task is not None and self._drain_task is asyncio.current_task(self._loop)

    def takes_time(self, callback):
        return self.is_slow or inspect.iscoroutinefunction(callback)

    # -- what the session tells

    @cython.binding(False)
    def on_message(self, Message message not None):
        """The hot one."""
        self._deliver_message("handle_message", self._handle_message, message)

    @cython.binding(False)
    def on_reply(self, Message message not None, waiter, rtt_ns):
        self._deliver_message("handle_reply", None, message)

    def on_joined(self, message, join):
        self._deliver(("handle_joined", (message,), None))

    def on_join_error(self, message, join):
        self._deliver(("handle_join_error", (message,), None))

    def on_join_timeout(self, join):
        """Never: the behaviour's joins have no deadline. The heartbeat notices a dead server."""

    def on_closed(self, message, join):
        # There is always a message, because the behaviour's leaves have no deadline.
        self._deliver(("handle_channel_closed", (message,), None))

    def on_errored(self, message, join):
        self._deliver(("handle_channel_closed", (message,), None))

    def on_unknown_topic(self, message):
        # As in the Elixir library, a message of a topic that is not joined is delivered like any other.
        if message.event not in _OF_A_JOIN:
            self._deliver(("handle_message", (message,), None))

    def on_bad_frame(self, error):
        self._deliver((self._client.handle_decode_error, (error, self._handle), None))

    def on_heartbeat_reply(self, rtt_ns):
        """The connection lives: nothing to do."""

    def on_heartbeat_timeout(self):
        self._heartbeat_timed_out()

    def on_expired(self, ref, waiter):
        """Never: the behaviour's pushes have no deadline."""

    def on_failed(self, ref, waiter, reason):
        """Never: nobody waits for the behaviour's pushes."""

    # -- what the connection tells

    def on_connected(self):
        self.connects += 1
        self._deliver((self._client.handle_connected, (self._handle,), None))

    def on_disconnected(self, reason):
        self._disconnected(reason)

    def on_error(self, exc):
        logger.warning("the transport reports an error: %s", exc, exc_info=exc)

    # -- in

    def deliver(self, callback, args):
        self._deliver((callback, args, None))

    def post(self, callback, args, caller=None, *, bint bounded=True):
        cdef Py_ssize_t waiting
        event = (callback, args, caller)
        if self.ended:
            _refuse(event)
            return
        if bounded:
            waiting = self._count()
            if waiting >= self._limit:
                raise OverloadedError(
                    f"{waiting} events wait, which is mailbox_limit: slow down or raise it")
        if self.is_slow:
            self._put(event)
            self._drain()
            return
        self._posted.append(event)
        self._schedule_posted()

    cdef int _deliver_message(self, str name, object callback, Message message) except -1:
        """If no callback runs, call this one directly from the session, without an event."""
        # PEP 590: the first slot is the callee's.
        cdef PyObject* slots[5]
        if not self.idle:
            return self._deliver((name, (message,), None))
        try:
            payload = message._read_payload()
        except _DecodeError as error:
            self.decode_errors += 1
            return self._deliver((self._client.handle_decode_error, (error, self._handle), None))
        if callback is None:
            event = _ref(message)
            callback = self._client.handle_reply
        else:
            event = message.event
        topic = message.topic
        slots = [NULL, <PyObject*>topic, <PyObject*>event, <PyObject*>payload, <PyObject*>self._handle]
        self._call(callback, slots + 1, 4 | PY_VECTORCALL_ARGUMENTS_OFFSET, None)
        if self._later:
            self._run_later()
        return 0

    cdef int _deliver(self, tuple event) except -1:
        """Take what the network or a timer brings."""
        if self.ended:
            _refuse(event)
        elif self.is_slow:
            self._put(event)
            self._drain()
        elif self.idle:
            self._run_event(event)
            self._run_later()
        elif len(self._later) >= self._limit:
            self._crash(
                OverloadedError(f"{len(self._later)} events came during one callback (mailbox_limit)"))
        else:
            self._later.append(event)
        return 0

    # -- plain callbacks: here and now

    cdef int _call(self, object callback, PyObject** args, size_t count, object caller) except -1:
        """Only where ``idle``."""
        cdef PyObject* result
        if self._timer is not None:
            self._cancel_timeout()
        self.idle = False
        result = call(<PyObject*>callback, args, count)
        if result == <PyObject*>None and caller is None:
            # Most return nothing. This test saves them the set-up of a try.
            Py_DECREF(<object>result)
            self.idle = not self.ended
            return 0
        return self._returned(callback, result, caller)

    cdef int _returned(self, object callback, PyObject* result, object caller) except -1:
        """Takes the reference to *result*; NULL: an exception is set."""
        try:
            if result == NULL:
                raise_pending()
            response = <object>result
            Py_DECREF(response)
            if caller is None or type(response) is not _NoReply or response.timeout is not None:
                self._respond(callback, response, caller)
        except Exception as error:
            self._crash(error)
        except BaseException as error:
            self._crash(error)
            if not isinstance(error, _CancelledError):
                raise
        finally:
            self.idle = not self.ended
        return 0

    cdef int _run_event(self, tuple event) except -1:
        cdef tuple args
        callback, args, caller = self._ready(event)
        if isinstance(callback, _Stop):
            self._respond(callback, callback, None)
        else:
            self._call(callback, items(args), <size_t>PyTuple_GET_SIZE(args), caller)
        return 0

    cdef int _run_later(self) except -1:
        """Run the events that came while a callback ran."""
        while self._later and not self.ended:
            self._run_event(self._later.pop(0))
        return 0

    cdef int _schedule_posted(self) except -1:
        if self.started and not self._posted_scheduled and (self._posted or self._later):
            self._posted_scheduled = True
            self._loop.call_soon(self._run_posted)
        return 0

    def _run_posted(self):
        # Only what was there at the start: a callback that always posts must not hold the loop.
        cdef Py_ssize_t left
        self._posted_scheduled = False
        self._run_later()
        left = len(self._posted)
        while left > 0 and not self.ended:
            left -= 1
            self._deliver(self._posted.popleft())
        if not self.ended:
            self._schedule_posted()

    # -- callbacks that take their time: out of the mailbox

    cdef int _put(self, tuple event) except -1:
        cdef Py_ssize_t size
        self._mailbox.append(event)
        size = len(self._mailbox)
        if size > self.peak:
            self.peak = size
        self._waiting_bytes += _byte_count(event)
        if not self._is_full and (size >= self._limit or self._waiting_bytes >= self._limit_bytes):
            self._is_full = True
            self._pause()
        return 0

    cdef tuple _take(self):
        cdef tuple event = self._mailbox.popleft()
        self._waiting_bytes -= _byte_count(event)
        if (self._is_full and len(self._mailbox) <= self._limit // 2
                and self._waiting_bytes <= self._limit_bytes // 2):
            self._is_full = False
            self._resume()
        return event

    cdef int _drain(self) except -1:
        if self._drain_task is None and self.started:
            self._drain_task = self._loop.create_task(self._drain_mailbox(), name="fastphx callbacks")
        return 0

    async def _drain_mailbox(self):
        """Slow callbacks, one after another. The task ends with the last event."""
        cdef Py_ssize_t turns = 0
        try:
            while self._mailbox and not self.ended:
                await self._run_event_slowly(self._take())
                turns += 1
                if turns % EVENTS_A_TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._drain_task = None

    async def _run_event_slowly(self, event):
        callback, args, caller = self._ready(event)
        self._cancel_timeout()
        try:
            response = callback if isinstance(callback, _Stop) else await self.run_slowly(callback, args)
            if not self.ended:
                self._respond(callback, response, caller)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self.ended or (task is not None and task.cancelling()):
                raise
            self._crash(error)
        except Exception as error:
            if self.ended:
                logger.error("a callback failed while its socket ended: %s", error, exc_info=error)
            else:
                self._crash(error)
        except BaseException as error:
            self._crash(error)
            raise

    async def run_slowly(self, callback, args):
        if self._executor is not None and not inspect.iscoroutinefunction(callback):
            response = await self._loop.run_in_executor(self._executor, self._run_in_thread, callback, args)
        else:
            response = callback(*args)
        return await response if inspect.isawaitable(response) else response

    def _run_in_thread(self, callback, args):
        self.thread_id = threading.get_ident()
        try:
            return callback(*args)
        except StopIteration as error:
            # A future cannot hold this exception, and would never be done.
            raise RuntimeError("a callback raised StopIteration") from error
        finally:
            self.thread_id = None

    # -- both

    cdef Py_ssize_t _count(self) except -1:
        return len(self._mailbox) + len(self._later) + len(self._posted)

    cdef tuple _ready(self, tuple event):
        """The event with its payload decoded. If that fails, ``handle_decode_error`` gets the error."""
        name = event[0]
        if type(name) is not str:
            return <tuple>event
        message = event[1][0]
        try:
            joining = name == "handle_joined" or name == "handle_join_error"
            payload = message.response if joining else message.payload
        except _DecodeError as error:
            self.decode_errors += 1
            return self._client.handle_decode_error, (error, self._handle), None
        callback = getattr(self._client, name)
        if name == "handle_message":
            return callback, (message.topic, message.event, payload, self._handle), None
        if name == "handle_reply":
            return callback, (message.topic, _ref(message), payload, self._handle), None
        return callback, (message.topic, payload, self._handle), None

    def start(self):
        self.started = True
        if not self.is_slow:
            self.idle = True
            self._schedule_posted()
        elif self._mailbox:
            self._drain()

    def start_timeout(self, timeout_s):
        if timeout_s is not None:
            if not isinstance(timeout_s, int | float) or not 0 <= timeout_s < math.inf:
                raise BadReturnError(f"timeout={timeout_s!r} was returned: give seconds, 0 or more")
            if self._timer is None:
                self._timer = CallbackTimer(self._time_out)
            self._timer.schedule(self._wheel, timeout_s)

    cdef int _cancel_timeout(self) except -1:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return 0

    def _time_out(self):
        # Events that wait came before the timeout.
        if not self._count():
            self._deliver((self._client.handle_info, (TIMEOUT, self._handle), None))

    def end(self):
        self.ended = True
        self.idle = False
        self._cancel_timeout()
        self._later.clear()
        self._posted.clear()
        self._mailbox.clear()
        self._waiting_bytes = 0
        self._is_full = False
        task = self._drain_task
        if task is not None and self._executor is None and not self.is_current:
            task.cancel()

    async def settle(self, timeout_s):
        task = self._drain_task
        if task is not None:
            _, pending = await asyncio.wait({task}, timeout=timeout_s)
            if pending:
                logger.error("a callback still runs %g s after its socket was told to end", timeout_s)
                task.cancel()


cdef Py_ssize_t _byte_count(tuple event) except -1:
    return (<Message?>event[1][0]).byte_count() if type(event[0]) is str else 0


cdef object _ref(message):
    number = message.ref_number
    return message.ref if number is None else number


cdef int _refuse(tuple event) except -1:
    if event[2] is not None:
        event[2].fail(StoppedError("the socket is not running"))
    return 0
