"""A socket for programs without an event loop: every method waits for its outcome."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

from fastphx.errors import (
    CallTimeoutError,
    DisconnectedError,
    DisconnectReason,
    FastphxError,
    JoinError,
    NotJoinedError,
    StoppedError,
    clip,
    clip_repr,
)
from fastphx.gen_socket_client import (
    Caller,
    Connect,
    GenSocketClient,
    NoConnect,
    NoReply,
    Reply,
    Socket,
    TransportHandle,
    start_link,
)
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.protocol.payload_size import payload_bytes
from fastphx.serializers import Serializer
from fastphx.testing.loop_thread import LoopThread
from fastphx.transports import WebSocketTransport
from fastphx.transports.base import Transport
from fastphx.transports.endpoint import Params, endpoint_url
from fastphx.transports.pairs import pairs_of
from fastphx.transports.redaction import Redaction

TIMEOUT_S = 5.0
MAX_WAITING = 100_000
"""How many messages, and how many changes of the connection, are kept until somebody asks for them."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Of the payloads of these messages, counted by ``payload_bytes``. The newest message may be larger."""


class Received(NamedTuple):
    """A message that is not a reply."""

    topic: str
    event: str
    payload: Any


class TestSocket:
    """A socket for tests: ``with TestSocket(server.websocket_url) as socket: socket.join("room:a")``.

    It is a GenSocketClient on a loop in a thread of its own. *url* is complete, with ``/websocket``. It
    connects at once unless *connect* is false, and never connects again by itself. Until it is connected, its
    methods wait. Every method waits for at most ``timeout`` seconds (*timeout_s* by default), and then raises
    TimeoutError. Each raises what the behaviour's functions raise: DisconnectedError, NotJoinedError,
    AlreadyJoinedError and EncodingError; and StoppedError once the socket is closed. 100,000 messages, or
    64 MiB of payloads, may wait for ``await_message``. After that, the oldest are dropped, and counted in
    ``stats``.
    """

    __test__ = False  # it is no test case, whatever pytest makes of its name

    def __init__(
        self,
        url: str,
        params: Params | None = None,
        *,
        connect: bool = True,
        transport: type[Transport] = WebSocketTransport,
        serializer: Serializer | None = None,
        transport_opts: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.timeout_s = timeout_s
        self._client = _Client(params, transport_opts or {}, connecting=connect)
        self._closed = False
        self._thread = LoopThread("fastphx-test-socket")
        try:
            socket = self._thread.run(
                start_link(
                    self._client,
                    transport,
                    Connect(url, params) if connect else NoConnect(url, params),
                    serializer=serializer,
                    transport_opts=transport_opts,
                ),
                timeout_s,
            )
        except BaseException:
            self._thread.stop()
            raise
        assert socket is not None
        self._socket: Socket = socket

    def connect(self, url: str | None = None, params: Params | None = None) -> None:
        """Connect to *url* with *params*; by default, to those of the last time. Does not wait: see
        ``wait_connect_status``. Raises FastphxError if it is connected or connecting, and ValueError for an
        invalid URL or parameter."""
        pairs = () if params is None else list(pairs_of(params))
        endpoint_url("ws://host/" if url is None else url, pairs)
        connect = Connect(url, None if params is None else pairs)
        self._thread.call(lambda: self._client.connect(connect), self.timeout_s)

    def wait_connect_status(self, timeout: float | None = None) -> Literal["connected"] | DisconnectReason:
        """The next thing that happens to the connection: "connected", or the reason why it is gone. Raises
        StoppedError if nothing will happen any more."""
        found: Literal["connected"] | DisconnectReason = self._client.statuses.take(
            lambda _status: True, self._within(timeout)
        )
        return found

    def join(self, topic: str, payload: Any = NO_PAYLOAD, timeout: float | None = None) -> Any:
        """Join *topic* and return the join's response. Raises JoinError."""
        return self._ask(("join", topic, *_given(payload)), timeout)

    def leave(self, topic: str, payload: Any = NO_PAYLOAD, timeout: float | None = None) -> Any:
        """Leave *topic*, wait until the server has closed it, and return the payload of the close."""
        return self._ask(("leave", topic, *_given(payload)), timeout)

    def push(self, topic: str, event: str, payload: Any = NO_PAYLOAD) -> int:
        """Send a message and return its ref; a reply is dropped."""
        ref = self._ask(("push", topic, event, *_given(payload)), None)
        assert isinstance(ref, int)
        return ref

    def push_sync(
        self, topic: str, event: str, payload: Any = NO_PAYLOAD, timeout: float | None = None
    ) -> Any:
        """Send a message and return its reply: ``{"status": …, "response": …}``. Raises NotJoinedError if the
        channel is closed, or crashes, before it answers."""
        return self._ask(("push_sync", topic, event, *_given(payload)), timeout)

    def await_message(
        self, topic: str | None = None, event: str | None = None, timeout: float | None = None
    ) -> Received:
        """The next message, with that topic and event if they are given. Other messages are kept. When the
        server closes a channel, that is a message with the event ``phx_close``."""
        found: Received = self._client.messages.take(
            lambda message: topic in (None, message.topic) and event in (None, message.event),
            self._within(timeout),
        )
        return found

    def joined(self, topic: str) -> bool:
        """Whether *topic* is joined."""
        found = self._ask(("joined", topic), None)
        assert isinstance(found, bool)
        return found

    @property
    def connected(self) -> bool:
        return self._socket.connected

    @property
    def stats(self) -> dict[str, int]:
        """The socket's counters, and how many messages were dropped."""
        counters = self._thread.call(lambda: self._socket.stats, self.timeout_s)
        return {**counters, "dropped_messages": self._client.messages.dropped}

    def close(self) -> None:
        """Disconnect, and end the thread. Whatever waits fails with StoppedError. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.run(self._stop(), self.timeout_s)
        finally:
            self._thread.stop()

    async def _stop(self) -> None:
        await self._socket.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _within(self, timeout: float | None) -> float:
        return self.timeout_s if timeout is None else timeout

    def _ask(self, request: tuple[Any, ...], timeout: float | None) -> Any:
        within_s = self._within(timeout)
        try:
            # The loop's timeout comes first: it takes the call off the list of those that wait.
            answer = self._thread.run(self._socket.call(request, within_s), within_s + TIMEOUT_S)
        except CallTimeoutError:
            kind, topic, *rest = request
            what = f" {clip(str(rest[0]))} to" if kind.startswith("push") else ""
            raise CallTimeoutError(
                f"{kind}{what} {clip(str(topic))} was not answered within {within_s:g} s"
            ) from None
        if isinstance(answer, _Failure):
            raise answer.error
        return answer


def _given(payload: Any) -> tuple[Any, ...]:
    return () if payload is NO_PAYLOAD else (payload,)


class _Failure(NamedTuple):
    error: FastphxError | TypeError


class _Client(GenSocketClient):
    """Runs on the loop's thread. A call is answered when its outcome is there."""

    def __init__(self, params: Params | None, opts: Mapping[str, Any], *, connecting: bool) -> None:
        self._params = params
        self._opts = opts
        self._join_payloads: dict[str, object] = {}
        self.statuses: _Box = _Box()
        self.messages: _Box = _Box()
        self._connecting = connecting
        self._early: list[tuple[Any, Caller]] = []
        self._joins: dict[str, Caller] = {}
        self._leaves: dict[str, Caller] = {}
        self._pushes: dict[int, Caller] = {}
        self._topics: dict[int, str] = {}

    def connect(self, connect: Connect) -> None:
        if self._connecting or self.socket.connected:
            state = "connected" if self.socket.connected else "connecting"
            raise FastphxError(f"the socket is already {state}: it cannot connect")
        self._params = self._params if connect.params is None else connect.params
        self.socket.send_info(connect)
        self._connecting = self.socket.running

    def init(self, arg: Any) -> Any:
        return arg

    def handle_connected(self, transport: TransportHandle) -> None:
        self._connecting = False
        self.statuses.put("connected")
        early, self._early = self._early, []
        for message, caller in early:
            answer = self.handle_call(message, caller, transport)
            if isinstance(answer, Reply):
                caller.reply(answer.value)

    def handle_disconnected(self, reason: DisconnectReason) -> None:
        self._connecting = False
        self._topics.clear()
        self._join_payloads.clear()
        for waiting in (self._joins, self._leaves, self._pushes):
            for caller in waiting.values():
                caller.reply(_Failure(DisconnectedError(f"the connection was lost: {reason}")))
            waiting.clear()
        early, self._early = self._early, []
        for _, caller in early:
            caller.reply(_Failure(DisconnectedError(f"the socket could not connect: {reason}")))
        self.statuses.put(reason)

    def handle_info(self, message: Any, transport: TransportHandle) -> Any:
        return message

    def handle_call(self, message: Any, caller: Caller, transport: TransportHandle) -> Reply | NoReply:
        kind, topic, *rest = message
        try:
            if kind == "joined":
                return Reply(transport.joined(topic))
            if self._connecting:
                self._early.append((message, caller))
                return NoReply()
            if kind == "join":
                transport.join(topic, *rest)
                self._joins[topic] = caller
                self._join_payloads[topic] = rest
            elif kind == "leave":
                transport.leave(topic, *rest)
                self._leaves[topic] = caller
            else:
                ref = transport.push(topic, *rest)
                if kind == "push":
                    return Reply(ref)
                self._pushes[ref] = caller
                self._topics[ref] = topic
        except (FastphxError, TypeError) as error:
            return Reply(_Failure(error))
        return NoReply()

    def handle_joined(self, topic: str, payload: Any, transport: TransportHandle) -> None:
        _answer(self._joins, topic, payload)

    def handle_join_error(self, topic: str, payload: Any, transport: TransportHandle) -> None:
        _answer(self._joins, topic, _Failure(JoinError(topic, payload, self._redaction(topic))))
        self._join_payloads.pop(topic, None)

    def handle_channel_closed(self, topic: str, payload: Any, transport: TransportHandle) -> None:
        why = clip_repr(payload, conceal=self._redaction(topic))
        gone = _Failure(NotJoinedError(f"{clip(topic)} was closed before it answered: {why}"))
        _answer(self._joins, topic, gone)
        for ref in [ref for ref, pushed_to in self._topics.items() if pushed_to == topic]:
            del self._topics[ref]
            _answer(self._pushes, ref, gone)
        self._join_payloads.pop(topic, None)
        if not _answer(self._leaves, topic, payload):
            self.messages.put(Received(topic, "phx_close", payload), payload_bytes(payload))

    def _redaction(self, topic: str) -> Redaction:
        """What takes out of a server's text what it was given when connecting and joining."""
        headers = self._opts.get("extra_headers", ())
        values = [list(dict(pairs).values()) for pairs in (self._params or (), headers)]
        return Redaction(values, self._opts.get("auth_token"), self._join_payloads.get(topic))

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: TransportHandle) -> None:
        if self._topics.get(ref) == topic:
            del self._topics[ref]
            _answer(self._pushes, ref, payload)

    def handle_message(self, topic: str, event: str, payload: Any, transport: TransportHandle) -> None:
        self.messages.put(Received(topic, event, payload), payload_bytes(payload))

    def terminate(self, reason: Any) -> None:
        ended = StoppedError(f"the socket has ended: {clip_repr(reason)}")
        ended.__cause__ = reason if isinstance(reason, BaseException) else None
        self.statuses.close(ended)
        self.messages.close(ended)


def _answer(waiting: dict[Any, Caller], key: Any, value: Any) -> bool:
    caller = waiting.pop(key, None)
    if caller is not None:
        caller.reply(value)
    return caller is not None


class _Box:
    """Keeps what has come until somebody takes it."""

    def __init__(self) -> None:
        self.dropped = 0
        self._items: deque[tuple[Any, int]] = deque()
        self._bytes = 0
        self._ended: StoppedError | None = None
        self._changed = threading.Condition()

    def put(self, item: Any, size: int = 0) -> None:
        with self._changed:
            self._items.append((item, size))
            self._bytes += size
            while len(self._items) > MAX_WAITING or (
                self._bytes > MAX_WAITING_BYTES and len(self._items) > 1
            ):
                self._bytes -= self._items.popleft()[1]
                self.dropped += 1
            self._changed.notify_all()

    def close(self, ended: StoppedError) -> None:
        """Nothing comes any more."""
        with self._changed:
            self._ended = ended
            self._changed.notify_all()

    def take(self, wanted: Any, timeout_s: float) -> Any:
        """Take out the first item for which ``wanted(item)`` is true. Raises TimeoutError, with the items
        that are there, and StoppedError if nothing will come any more."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for index, (item, size) in enumerate(self._items):
                    if wanted(item):
                        del self._items[index]
                        self._bytes -= size
                        return item
                if self._ended is not None:
                    raise self._ended
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    there = clip_repr([item for item, _ in itertools.islice(self._items, 10)], 500)
                    raise TimeoutError(
                        f"nothing came within {timeout_s:g} s; {len(self._items)} others wait: {there}"
                    )
