"""How a page lives: its views' joins, and whatever the server sends and answers, between a user's actions.
Only errors of ours come out of an action, and a browser that was closed leaves nothing waiting."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from random import Random
from typing import Any, cast

import orjson

from fastphx.client.options import Options
from fastphx.client.outage import Outage
from fastphx.client.state import ClientState, StateCallback
from fastphx.errors import (
    ChannelCrashedError,
    ClosedError,
    ConnectionLostError,
    DecodeError,
    DisconnectedError,
    EncodingError,
    FastphxError,
    JoinError,
    JoinTimeoutError,
    NotJoinedError,
    PushTimeoutError,
)
from fastphx.liveview.browser import Browser
from fastphx.liveview.http import Fields, Response
from fastphx.liveview.live_socket import LiveChannel, LiveClient, SocketOptions
from fastphx.liveview.living import MAX_VIEWS
from fastphx.liveview.view import View
from fastphx.protocol.frame_write import encode
from fastphx.protocol.message import Message
from fastphx.protocol.sink import TEXT
from tests.fuzz.exact_memory import decode
from tests.fuzz.pieces import JSON
from tests.fuzz.steps import BETWEEN, joined, number, steps_of

URL = "http://host.test"
MAIN = b'<div data-phx-main data-phx-session="s" data-phx-static="t" id="phx-a"></div>'
CHILD = (
    b'<div data-phx-session=\\"s\\" data-phx-static=\\"t\\" data-phx-parent-id=\\"phx-a\\" id=\\"b\\"></div>'
)
FORM = b'<form id=\\"f\\" phx-change=\\"c\\" phx-submit=\\"s\\"><input name=\\"a\\"></form>'
BUTTON = b'<button phx-click=\\"inc\\">x</button>'
KINDS = b"jrtdneoEcaAxXkuvlpgbfwHs."
PIECES = (
    *(
        *JSON,
        BETWEEN,
        MAIN,
        CHILD,
        FORM,
        BUTTON,
        b'"rendered":',
        b'"s":["',
        b'"diff":',
        b'"liveview_version":"1.1.0"',
    ),
    *(BETWEEN + bytes([kind, 0]) for kind in KINDS),
    *(
        b'{"to":"/a","kind":"push"}',
        b'"live_patch":',
        b'"live_redirect":',
        b'"redirect":',
        b'"flash":"f"',
        b'"to":"',
    ),
    *(
        b'"reason":"reload"',
        b'"reason":"stale"',
        b'"reason":"unauthorized"',
        b'"token":"t"',
        b'"container":["p",{}]',
    ),
    *(
        b'"kind":"replace"',
        b"phx-mounted",
        b"phx-trigger-action",
        b"data-phx-sticky",
        b"//[",
        b'"link_redirect":true',
    ),
)
MAX_BYTES = 2048
KEEPS_UP, RENDERS_NOT, JOINS_NO_CHILDREN, IN_TURN = 1, 2, 4, 8
TIMEOUT_S = 20.0
MAX_TURNS = 1000


class Loop(asyncio.SelectorEventLoop):
    """Time stands still, until a step lets it pass."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s


LOOP = Loop()


def seeds() -> Iterable[bytes]:
    join = b'j\x00{"rendered":{"s":["<p>","</p>"],"0":"%b"},"liveview_version":"1.1.0"}'
    page = b"H\x00" + MAIN
    for options in range(16):
        yield joined(
            options, [page, b".", join % BUTTON, b"v", b'a\x00{"diff":{"0":"x"}}', b"d\x00" + b'{"0":"y"}']
        )
        yield joined(
            options, [page, b".", join % CHILD, b".", b'j\x00{"rendered":{"s":["x"]}}', b"e\x01", b"k\xff"]
        )
        yield joined(
            options, [page, b".", join % FORM, b"s", b"a\x00{}", b"x", b'o\x00{"rendered":{"s":["x"]}}']
        )
    for around in (b"<div data-phx-session=s>", b"<div id=a data-phx-session=s>"):
        yield joined(0, [b"H\x00" + around + MAIN + b"</div>", b".", join % b"x", b".", join % b"y"])
    for last in (
        b'r\x00{"reason":"reload","token":"t"}',
        b'r\x00{"redirect":{"to":"/b","flash":"f"}}',
        b"t",
        b"c",
        b"X",
    ):
        yield joined(KEEPS_UP, [page, b".", last, b".", join % b"x", b"u"])
    for told in (
        b'{"to":"/c","kind":"push"}',
        b'{"to":"/c","kind":"replace","flash":"f"}',
        b'{"to":"//["}',
        b"[]",
    ):
        for which in range(3):
            yield joined(
                IN_TURN, [page, b".", join % b"x", b"n%c" % which + told, b"b", join % b"y", b"f", b"l"]
            )
    yield joined(
        KEEPS_UP, [page, b".", join % b"x", b"p", b"a\x00{}", b"g", join % b"x", b"w", b"E\x00{}", b"k\xff"]
    )


def check(data: bytes) -> None:
    if data:
        LOOP.run_until_complete(Run(data[0], list(steps_of(data[1:]))).play())


class Channel(LiveChannel):
    """A view's channel, whose server is the input."""

    __slots__ = ("_client", "_given", "_join_ref", "_response", "asked", "handlers", "is_joined", "joining")

    def __init__(self, client: Client, topic: str, payload: Any) -> None:
        self.topic = topic
        self.handlers: dict[str, Callable[[Any], object]] = {}
        self.joining: asyncio.Future[None] | None = None
        self.asked: list[tuple[asyncio.Future[Message], Callable[[Message], object] | None]] = []
        self.is_joined = False
        self._client = client
        self._given = payload
        self._join_ref = 0
        self._response: tuple[Any, int] = (None, 0)

    @property
    def join_ref(self) -> int:
        return self._join_ref

    def on(self, event: str, handler: Any = None) -> Any:
        self.handlers[event] = handler
        return handler

    def take_response(self) -> tuple[Any, int]:
        response, self._response = self._response, (None, self._response[1])
        return response

    async def join(self, *, timeout: float | None = None) -> None:
        self._client.channels[self.topic] = self
        encoded(self._given())
        self.joining = LOOP.create_future()
        try:
            async with asyncio.timeout(timeout):
                await self.joining
        except TimeoutError as error:
            if isinstance(error, FastphxError):
                raise
            raise JoinTimeoutError("late") from None
        finally:
            self.joining = None

    async def leave(self, *, timeout: float | None = None) -> None:
        if self._client.channels.get(self.topic) is self:
            del self._client.channels[self.topic]
        self.end(ClosedError("left"))

    async def ask(
        self, event: str, payload: Any, on_reply: Callable[[Message], object] | None, timeout_s: float
    ) -> Message:
        if self._client.is_lost:
            raise DisconnectedError("lost")
        if not self.is_joined:
            raise NotJoinedError("not joined")
        encoded(payload)
        answer: asyncio.Future[Message] = LOOP.create_future()
        self.asked.append((answer, on_reply))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            if isinstance(error, FastphxError):
                raise
            raise PushTimeoutError("late") from None
        finally:
            self.asked = [each for each in self.asked if each[0] is not answer]

    # -- what the server does

    def accept(self, response: Any, size_bytes: int) -> None:
        self._join_ref += 1
        self._response = (response, size_bytes)
        self.is_joined = True
        if self.joining is not None and not self.joining.done():
            self.joining.set_result(None)

    def refuse(self, error: FastphxError) -> None:
        if self.joining is not None and not self.joining.done():
            self.joining.set_exception(error)

    def tell(self, event: str, message: Any) -> None:
        handler = self.handlers.get(event)
        if handler is not None:
            handler(message)

    def answer(self, message: Message, at: int) -> None:
        waiting = [each for each in self.asked if not each[0].done()]
        if waiting:
            answer, on_reply = waiting[at % len(waiting)]
            if on_reply is not None:
                on_reply(message)
            answer.set_result(message)

    def end(self, error: FastphxError) -> None:
        """It is joined no more; *error* is what whoever waits for an answer is told."""
        self.is_joined = False
        for answer, _ in self.asked:
            if not answer.done():
                answer.set_exception(error)
        if isinstance(error, ClosedError):
            self.refuse(error)


class Client:
    """The live socket, as its page sees it."""

    def __init__(self, _options: Options) -> None:
        self.channels: dict[str, Channel] = {}
        self.closed_because: BaseException | None = None
        self.is_lost = self.was_opened = False
        self._told: list[StateCallback] = []

    async def open(self) -> None:
        self.was_opened = True
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.end(ClosedError("closed"))

    def on_state(self, callback: StateCallback) -> None:
        self._told.append(callback)

    def channel(self, topic: str, payload: Any) -> Channel:
        return Channel(self, topic, payload)

    def lose(self) -> None:
        """The connection is lost, and opened again with the next step that joins."""
        if self.closed_because is None:
            self.is_lost = True
            for channel in list(self.channels.values()):
                channel.end(ConnectionLostError("lost"))
            self._tell(ClientState.RECONNECTING)

    def end(self, error: ClosedError) -> None:
        if self.closed_because is None:
            self.closed_because = error
            for channel in list(self.channels.values()):
                channel.end(error)
            self._tell(ClientState.CLOSED)

    def _tell(self, state: ClientState) -> None:
        for callback in self._told:
            callback(state)


class Documents:
    """HTTP, whose answers are the input's: each once, and the last for ever."""

    def __init__(self, documents: list[str]) -> None:
        self.documents = documents[::-1] or [MAIN.decode()]
        self.cookies: dict[str, str] = {}
        self.is_closed = False

    async def get(self, url: str) -> Response:
        await asyncio.sleep(0)
        html = self.documents.pop() if len(self.documents) > 1 else self.documents[0]
        return Response(url, 200, html)

    async def post(self, url: str, fields: Fields) -> Response:
        return await self.get(url)

    async def close(self) -> None:
        self.is_closed = True

    def set_cookie(self, _url: str, name: str, value: str) -> None:
        self.cookies[name] = value

    def header(self, _url: str) -> str | None:
        return None

    def store(self, _url: str, _set_cookies: Sequence[str]) -> None:
        pass


class Logged(logging.Handler):
    """What was logged as an exception that nobody had expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


LOGGED = Logged()
logging.getLogger("fastphx.liveview").addHandler(LOGGED)
logging.getLogger("fastphx.liveview").propagate = False


class Run:
    """One browser, its user, and its server."""

    def __init__(self, options: int, steps: list[tuple[str, bytes]]) -> None:
        self.steps = steps
        self.turns = 3 if options & IN_TURN else 0
        self.clients: list[Client] = []
        self.actions: list[asyncio.Task[Any]] = []
        self.http = Documents([rest[1:].decode("utf-8", "replace") for kind, rest in steps if kind == "H"])
        self.browser = Browser(
            URL,
            SocketOptions(keeps_up=bool(options & KEEPS_UP)),
            lambda: self.http,
            timeout_s=TIMEOUT_S,
            random=Random(1),
            make_client=self.client,
            renders=not options & RENDERS_NOT,
            joins_children=not options & JOINS_NO_CHILDREN,
        )

    def client(self, options: Options) -> LiveClient:
        client = Client(options)
        self.clients.append(client)
        return cast(LiveClient, client)

    async def play(self) -> None:
        failures: list[dict[str, Any]] = []
        LOOP.set_exception_handler(lambda _loop, context: failures.append(context))
        LOGGED.records.clear()
        self.act(self.browser.open("/"))
        for kind, rest in self.steps:
            self.step(kind, rest)
            for _ in range(20 if kind == "." else self.turns):
                await asyncio.sleep(0)
            self.check_page()
        closing = LOOP.create_task(self.browser.close())
        await self.until(closing.done)
        closing.result()
        # What was asked for ends with the browser, by itself.
        await self.until(lambda: all(action.done() for action in self.actions))
        await self.until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        assert all(client.closed_because is not None for client in self.clients if client.was_opened)
        assert self.http.is_closed
        assert not failures, failures
        assert not LOGGED.records, LOGGED.records[0].getMessage()
        for action in self.actions:
            error = action.exception()
            assert error is None or isinstance(error, FastphxError), repr(error)
            assert str(error).isprintable(), error

    async def until(self, over: Callable[[], bool]) -> None:
        for _ in range(MAX_TURNS):
            if over():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"still there: {asyncio.all_tasks()}")

    def act(self, action: Coroutine[Any, Any, Any]) -> None:
        task = LOOP.create_task(action)
        # An error that nobody has asked for would be told to the next input.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.actions.append(task)

    # -- what happens

    def step(self, kind: str, rest: bytes) -> None:
        if kind == "k":
            LOOP.now_s += number(rest, 256) / 4
        elif kind in "uvlpgbfws" and kind:
            self.user(kind)
        elif kind and self.clients:
            self.server(kind, self.clients[-1], number(rest, 256), rest[1:])

    def user(self, kind: str) -> None:
        browser = self.browser
        if kind == "l":
            self.act(browser.open("/l"))
        elif kind == "b":
            self.act(browser.back())
        elif kind == "f":
            self.act(browser.forward())
        elif browser._view is not None:
            view = browser.view
            actions: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
                "u": lambda: view.event("any", {"a": 1}),
                "v": lambda: view.click("[phx-click],a,button"),
                "s": lambda: view.submit("form", {"a": "x"}),
                "p": lambda: view.patch("/p?a=1"),
                "g": lambda: view.navigate("/g"),
                "w": lambda: view.wait_for("#w", timeout=5),
            }
            self.act(actions[kind]())

    def server(self, kind: str, client: Client, which: int, raw: bytes) -> None:
        if kind in "xX":
            client.lose() if kind == "x" else client.end(ClosedError("gone"))
            return
        channels = list(client.channels.values())
        if not channels or client.closed_because is not None:
            return
        channel = channels[which % len(channels)]
        try:
            response = orjson.loads(raw)
        except orjson.JSONDecodeError:
            response = None
        match kind:
            case "j" if channel.joining is not None:
                client.is_lost = False
                channel.accept(response, len(raw))
            case "r":
                channel.refuse(JoinError(channel.topic, response))
            case "t":
                channel.refuse(JoinTimeoutError("late"))
            case "o" if channel.joining is None:
                client.is_lost = False
                channel.accept(response, len(raw))
                channel.tell(Outage.EVENT, Outage(channel.topic, 0.0, 1.0, 1))
            case "e":
                channel.end(ChannelCrashedError("crashed"))
                self.tell(channel, "phx_error", raw or b"{}")
            case "E" if channel.joining is None and not channel.is_joined:
                self.tell(channel, "phx_error", reply("error", raw), "7")
            case "c":
                channel.end(ClosedError("closed by the server"))
                self.tell(channel, "phx_close", b"{}")
            case "d" | "n" if channel.is_joined:
                event = "diff" if kind == "d" else ("live_patch", "live_redirect", "redirect")[which % 3]
                self.tell(channel, event, raw)
            case "a" | "A":
                answer = message(channel, "phx_reply", reply("ok" if kind == "a" else "error", raw), "9")
                if answer is not None:
                    channel.answer(answer, which)

    def tell(self, channel: Channel, event: str, raw: bytes, ref: str | None = None) -> None:
        told = message(channel, "phx_reply" if ref else event, raw, ref)
        if told is not None:
            channel.tell(event, told)

    # -- what must hold

    def check_page(self) -> None:
        live = self.browser.page
        if live is None:
            return
        assert len(live.living) <= MAX_VIEWS
        for view_id, living in live.living.items():
            assert living.id == view_id
            assert not living.is_left
            assert all(child.parent is living and not child.is_left for child in living.children.values())
        view = self.browser._view
        if view is not None and not view.is_over:
            assert shown(view) == shown(view)


def shown(view: View) -> tuple[str, ...]:
    assert "\n" not in view.title
    texts = []
    for read in (view.html, view.page_text):
        try:
            texts.append(read())
        except FastphxError as error:
            assert str(error).isprintable()
            texts.append(str(error))
    return tuple(texts)


def message(channel: Channel, event: str, raw: bytes, ref: str | None = None) -> Message | None:
    """A frame of the server's; None where *raw* makes it none."""
    try:
        return decode(encode(str(channel.join_ref), ref, channel.topic, event, raw), TEXT, False)
    except DecodeError:
        return None


def reply(status: str, response: bytes) -> bytes:
    return b'{"response":%b,"status":"%b"}' % (response or b"{}", status.encode())


def encoded(payload: Any) -> bytes:
    """As a client does."""
    try:
        return orjson.dumps(payload)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"cannot be encoded: {error}") from None
