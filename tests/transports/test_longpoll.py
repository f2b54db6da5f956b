"""The client's side of long polling: against a script where the server must misbehave, and against ours."""

import asyncio
import base64
import json
import socket
import ssl
import sys
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from fastphx.errors import ConnectError, ConnectionClosed, DisconnectedError, OverloadedError, TransportDown
from fastphx.gen_socket_client import Connect, GenSocketClient, start_link
from fastphx.protocol.sink import FrameWriter
from fastphx.testing import demo_server
from fastphx.transports import BINARY, TEXT, Transport, TransportOwner
from fastphx.transports.longpoll import MIN_ANSWER_BYTES, LongPollTransport, longpoll_url
from tests.free_port import free_port
from tests.transports.cookie_jar import RecordingJar
from tests.transports.longpoll_peer import RecordingOwner, ScriptedServer
from tests.transports.raw_server import Peer, RawServer

TIMEOUT_S = 30.0
RECORDED = json.loads((Path(__file__).parents[1] / "data" / "longpoll.json").read_text())["exchanges"]
OPENED = {"messages": [], "status": 410, "token": "TOKEN"}


def answer_of(given: Any) -> web.Response:
    """A response can be sent once, so a parameter makes one."""
    made: web.Response = given() if callable(given) else json_answer(given)
    return made


def json_answer(body: Any) -> web.Response:
    return web.Response(text=json.dumps(body), content_type="application/json")


def scripted(*polls: Any, posts: Any = None) -> Any:
    """Answers polls with each of *polls* in turn, and then with none; a POST with *posts*."""
    answers: Iterator[Any] = iter((OPENED, *polls))
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            given = {"status": 200} if posts is None else posts
        else:
            given = next(answers, None)
            if given is None:
                await over.wait()
        return answer_of(given)

    return answer


def test_it_is_a_transport() -> None:
    assert issubclass(LongPollTransport, Transport)
    assert isinstance(RecordingOwner(), TransportOwner)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("ws://h/socket/websocket?a=1", "http://h/socket/longpoll?a=1"),
        ("wss://h:1/socket/websocket", "https://h:1/socket/longpoll"),
        ("https://h/socket/longpoll?a=%2F", "https://h/socket/longpoll?a=%2F"),
        ("ws://h/websocket/other", "http://h/websocket/other"),
    ],
)
def test_the_endpoint(given: str, wanted: str) -> None:
    assert longpoll_url(given) == wanted


@pytest.mark.parametrize("url", ["ftp://h/socket", "socket", "http://", "http://user:pw@h/socket"])
def test_an_endpoint_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host|user name"):
        longpoll_url(url)


@pytest.mark.parametrize(
    ("opts", "named"),
    [
        ({"longpoller_timeout": 0}, "longpoller_timeout"),
        ({"max_batch_size": 0}, "max_batch_size"),
        ({"max_batch_size": 101}, "max_batch_size"),
        ({"proxy": "socks5://127.0.0.1:1"}, "proxy"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
async def test_options_that_cannot_be_meant(opts: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        await LongPollTransport.start("ws://127.0.0.1:1/socket", RecordingOwner(), opts)


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    polls = [json.loads(e["response"]) for e in RECORDED[2:6] if e["method"] == "GET"]
    url = f"ws://127.0.0.1:{free_port()}/socket/websocket"
    async with ScriptedServer(scripted(*polls)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.partition("/socket")[0].replace("ws", "http"))
        transport = await LongPollTransport.start(url, RecordingOwner(), {})
        transport.close()
        assert proxy.headers[0]["Host"] == url.split("/")[2]
        with pytest.raises(ConnectError, match="refused"):
            await LongPollTransport.start(url, RecordingOwner(), {"proxy": None})
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(ConnectError, match="refused"):
            await LongPollTransport.start(url, RecordingOwner(), {})
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "socks5://me:secret@127.0.0.1:1")
    with pytest.raises(ConnectError, match="is a SOCKS proxy, which long polling cannot use") as caught:
        await LongPollTransport.start(url, RecordingOwner(), {})
    assert "secret" not in str(caught.value)


async def test_the_recorded_exchanges_from_the_clients_side() -> None:
    """What Phoenix answered, and that we send what was sent to it."""
    polls = [json.loads(e["response"]) for e in RECORDED[2:6] if e["method"] == "GET"]
    owner = RecordingOwner()
    async with ScriptedServer(scripted(*polls)) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        await owner.next("connected")
        join, batch = RECORDED[1]["body"], RECORDED[3]["body"]
        transport.push(join.encode(), TEXT)
        got = [await owner.next("message") for _ in range(3)]
        assert got == [(TEXT, text.encode()) for poll in polls for text in poll["messages"]]
        for frame in batch.split("\n"):
            transport.push(frame.encode(), TEXT)
        transport.close()
        reason = await owner.next("disconnected")
        assert (reason.code, reason.reason) == (1000, "")
        assert server.requests[0] == ("GET", "vsn=2.0.0", "")
        assert [(query, body) for method, query, body in server.requests if method == "POST"] == [
            ("vsn=2.0.0&token=TOKEN", join),
            ("vsn=2.0.0&token=TOKEN", batch),
        ]
        assert {
            headers.get("Content-Type") for headers in server.headers[1:] if "Content-Type" in headers
        } == {"application/x-ndjson"}
    with pytest.raises(DisconnectedError):
        transport.push(b"[]", TEXT)


async def test_batches_are_bounded_ordered_and_one_at_a_time() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted()) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        for number in range(250):
            transport.push(b"[%d]" % number, TEXT)
        transport.push(b'{"vsn":\n1}', TEXT)
        transport.push(b"[1,\r\n2]", TEXT)
        transport.push(b"\x00\xff", BINARY)
        transport.push(b"[" + b"a" * 700_000, TEXT)
        transport.push(b"[" + b"b" * 700_000, TEXT)
        transport.close()
        await owner.next("connected")
        await owner.next("disconnected")
    bodies = [body for method, _, body in server.requests if method == "POST"]
    assert [len(body.split("\n")) for body in bodies[:3]] == [100, 100, 50]
    assert "\n".join(bodies[:3]).split("\n") == [f"[{number}]" for number in range(250)]
    assert bodies[3] == '{"vsn":\n1}'
    first, second, third = bodies[4].split("\n")
    assert first == "[1,  2]"
    assert base64.b64decode(second) == b"\x00\xff"
    assert third.startswith("[a")
    assert bodies[5].startswith("[b")


async def test_a_binary_message_comes_in_base64_or_as_phoenix_sends_it() -> None:
    # Its server forgets the opcode: what happens to be UTF-8 goes into the JSON as it is.
    frames = [
        b"\x00\x01\x06\x061room:bpushed\xc3\xa9",
        b"\x01\x01\x01\x06\x0212room:bok{}",
        b"\x02\x06\x03room:bnew[1]",
    ]
    messages = [base64.b64encode(b"\x02\x00\x00\xff").decode(), *(frame.decode() for frame in frames)]
    owner = RecordingOwner()
    async with ScriptedServer(scripted({"status": 200, "messages": messages})) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        await owner.next("connected")
        got = [await owner.next("message") for _ in messages]
        transport.close()
        await owner.next("disconnected")
    assert got == [(BINARY, b"\x02\x00\x00\xff"), *((BINARY, frame) for frame in frames)]


async def test_what_is_unsent_is_bounded() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted()) as server:
        transport = await LongPollTransport.start(server.url, owner, {"max_write_buffer": 10})
        transport.push(b"[" * 100, TEXT)
        with pytest.raises(OverloadedError, match="max_write_buffer"):
            transport.push(b"[", TEXT)
        transport.close()
        await owner.next("connected")
        await owner.next("disconnected")
    assert [body for method, _, body in server.requests if method == "POST"] == ["[" * 100]


async def test_what_was_taken_is_unsent_no_more() -> None:
    owner = RecordingOwner()
    async with demo_server(longpoll=True) as server, asyncio.timeout(TIMEOUT_S):
        url = f"{server.websocket_url}?vsn=2.0.0"
        transport = await LongPollTransport.start(url, owner, {"max_write_buffer": 50})
        await owner.next("connected")
        for _ in range(5):
            while True:
                # The answer to the POST may come a little after the message it led to.
                try:
                    transport.push(b'[null,"1","phoenix","heartbeat",{}]', TEXT)
                except OverloadedError:
                    await asyncio.sleep(0.001)
                else:
                    break
            await owner.next("message")
        transport.close()
        await owner.next("disconnected")


@pytest.mark.parametrize(
    ("poll", "code"),
    [
        ({"messages": [], "status": 410, "token": "OTHER"}, 3410),
        ({"status": 403}, 1008),
        ({"status": 500}, 1002),
        ({"status": 200, "messages": 1}, 1002),
        ({"status": 200, "messages": [1]}, 1002),
        ([], 1002),
        (partial(web.Response, text="<html>"), 1002),
        (partial(web.Response, status=500), 1011),
        (partial(web.Response, status=302, headers={"Location": "http://elsewhere/?token=x"}), 1006),
        ({"status": 200, "messages": ["[" + "a" * 2000]}, 1009),
        (partial(web.Response, text="[" * (MIN_ANSWER_BYTES + 1)), 1009),
    ],
)
async def test_how_a_poll_ends_the_connection(poll: Any, code: int) -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted(poll)) as server:
        await LongPollTransport.start(server.url, owner, {"max_message_size": 1000})
        await owner.next("connected")
        reason = await owner.next("disconnected")
        assert isinstance(reason, ConnectionClosed)
        assert reason.code == code
        assert "token" not in str(reason)


@pytest.mark.parametrize(
    ("post", "code"),
    [({"status": 410}, 3410), ({"status": 401}, 1011), (partial(web.Response, status=500), 1011)],
)
async def test_how_a_post_ends_the_connection(post: Any, code: int) -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted(posts=post)) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        transport.push(b"[]", TEXT)
        await owner.next("connected")
        assert (await owner.next("disconnected")).code == code
        assert [method for method, _, _ in server.requests].count("POST") == 1


async def test_one_frame_a_post_for_a_phoenix_that_takes_no_batch() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted()) as server:
        transport = await LongPollTransport.start(server.url, owner, {"max_batch_size": 1})
        for number in range(3):
            transport.push(b"[%d]" % number, TEXT)
        transport.close()
        await owner.next("connected")
        await owner.next("disconnected")
        assert [body for method, _, body in server.requests if method == "POST"] == ["[0]", "[1]", "[2]"]


async def test_a_batch_that_an_older_phoenix_hung_on_says_what_to_do() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted(posts={"status": 408})) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        transport.push(b"[1]", TEXT)
        transport.push(b"[2]", TEXT)
        await owner.next("connected")
        reason = await owner.next("disconnected")
    assert reason.code == 1011
    assert "2 frames: before 1.7, Phoenix needs max_batch_size=1" in reason.reason


async def test_a_poll_and_a_post_have_their_time() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted()) as server:
        await LongPollTransport.start(server.url, owner, {"longpoller_timeout": 0.05})
        await owner.next("connected")
        reason = await owner.next("disconnected")
        assert (reason.code, "0.05 s" in reason.reason) == (1006, True)


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ({"status": 403}, 403, "refused"),
        ({"status": 204}, None, "204"),
        ({"status": 410}, None, "no new session"),
        (partial(web.Response, status=503, text="later"), 503, "503"),
        (partial(web.Response, text="<html>hello"), 200, "<html>hello"),
    ],
)
async def test_a_session_that_is_not_opened(answer: Any, status: int | None, said: str) -> None:
    async def give(_: web.Request) -> web.StreamResponse:
        return answer_of(answer)

    owner = RecordingOwner()
    async with ScriptedServer(give) as server:
        with pytest.raises(ConnectError, match=said) as failure:
            await LongPollTransport.start(server.url + "&token=hidden", owner, {})
    assert failure.value.status == status
    assert "hidden" not in str(failure.value)
    assert owner.events.empty()


async def test_many_short_messages_come_together() -> None:
    message = "[" + "1" * 98 + "]"
    owner = RecordingOwner()
    async with ScriptedServer(scripted({"status": 200, "messages": [message] * 50})) as server:
        transport = await LongPollTransport.start(server.url, owner, {"max_message_size": 100})
        await owner.next("connected")
        for _ in range(50):
            assert await owner.next("message") == (TEXT, message.encode())
        transport.abort()
        await owner.next("disconnected")


async def test_no_error_and_no_traceback_of_one_has_a_secret() -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return web.Response(text=f"{request.path_qs}\r\n{headers}", status=404)

    async def no_http(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"what?\r\n\r\n")
        return web.Response()

    async def refuse(request: web.Request) -> web.StreamResponse:
        opened = {**OPENED, "token": f"{secret}-session"}
        return (
            await answer(request)
            if secret in request.query.getall("token", [""])[-1]
            else json_answer(opened)
        )

    # In a variable, since a traceback shows the lines of this test.
    secret = "".join(("confi", "dential"))
    opts = {"auth_token": f"{secret}-token", "extra_headers": {"Authorization": f"Bearer {secret}"}}
    for answer in (echo, no_http):
        async with ScriptedServer(answer) as server:
            with pytest.raises(ConnectError) as failure:
                await LongPollTransport.start(f"{server.url}&key={secret}-key", RecordingOwner(), opts)
        assert secret not in "".join(traceback.format_exception(failure.value))
        assert secret.encode() not in failure.value.body
        async with ScriptedServer(refuse) as server:
            owner = RecordingOwner()
            await LongPollTransport.start(server.url, owner, opts)
            await owner.next("connected")
            reason = await owner.next("disconnected")
        assert secret not in "".join(traceback.format_exception(reason))


async def test_there_is_room_again_after_a_refusal() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted()) as server:
        transport = await LongPollTransport.start(server.url, owner, {"max_write_buffer": 10})
        await owner.next("connected")
        transport.push(b"[" * 10, TEXT)
        with pytest.raises(OverloadedError):
            transport.push(b"[]", TEXT)
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    transport.push(b"[]", TEXT)
                    break
                except OverloadedError:
                    await asyncio.sleep(0.01)
        transport.close()
        await owner.next("disconnected")


async def test_nobody_listens() -> None:
    with pytest.raises(ConnectError, match="the connection was refused"):
        await LongPollTransport.start(f"ws://127.0.0.1:{free_port()}/socket/websocket", RecordingOwner(), {})


async def test_a_server_that_leaves_before_it_answers() -> None:
    async def leave(peer: Peer) -> None:
        await peer.request()

    async with RawServer(leave) as server:
        with pytest.raises(ConnectError, match="the server closed the connection before it answered"):
            await LongPollTransport.start(server.url, RecordingOwner(), {})


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_name_that_cannot_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    # Uvloop's name lookup cannot be replaced, and a real one would leave this machine.
    async def getaddrinfo(*_args: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(ConnectError, match="the host name cannot be resolved"):
        await LongPollTransport.start("ws://phoenix.test/socket", RecordingOwner(), {})


async def test_a_socket_file_that_is_not_there(tmp_path: Path) -> None:
    opts = {"socket_path": tmp_path / "missing"}
    with pytest.raises(ConnectError, match="No such file or directory"):
        await LongPollTransport.start("ws://localhost/socket", RecordingOwner(), opts)
    with pytest.raises(ValueError, match="no TLS over a Unix domain socket"):
        await LongPollTransport.start("wss://localhost/socket", RecordingOwner(), opts)


async def test_a_post_has_its_time() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            await over.wait()
        elif len(server.requests) > 1:
            await asyncio.sleep(0.01)
            return json_answer({"status": 204})
        return json_answer(OPENED)

    over = asyncio.Event()
    owner = RecordingOwner()
    async with ScriptedServer(answer) as server:
        transport = await LongPollTransport.start(server.url, owner, {"longpoller_timeout": 0.5})
        await owner.next("connected")
        transport.push(b"[]", TEXT)
        reason = await owner.next("disconnected")
        over.set()
    assert (reason.code, reason.reason) == (1006, "a POST was not answered within 0.5 s")


async def test_after_an_abort_no_message_comes() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted({"status": 200, "messages": ["[1]", "[2]"]})) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        owner.on_message = lambda _: transport.abort()
        await owner.next("connected")
        assert await owner.next("message") == (TEXT, b"[1]")
        assert (await owner.next("disconnected")).code == 1006
        # It is over: nothing comes of more.
        transport.close()
        transport.abort()
        assert owner.events.empty()


async def test_an_attempt_has_a_deadline_and_can_be_cancelled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/socket/websocket"
        with pytest.raises(ConnectError, match=r"0\.05 s"):
            await LongPollTransport.start(url, RecordingOwner(), {"connect_timeout": 0.05})
        attempt = asyncio.ensure_future(LongPollTransport.start(url, RecordingOwner(), {}))
        await asyncio.sleep(0)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    assert len(asyncio.all_tasks()) == 1


async def test_a_pause_stops_the_polls_and_has_an_end() -> None:
    message = {"status": 200, "messages": ["[1]"], "token": "TOKEN"}
    owner = RecordingOwner()
    paused = asyncio.Event()

    async with ScriptedServer(scripted(message, message)) as server:
        transport = await LongPollTransport.start(server.url, owner, {})

        def pause(_: bytes) -> None:
            transport.pause_reading()
            paused.set()

        owner.on_message = pause
        await owner.next("connected")
        await owner.next("message")
        polls = len(server.requests)
        assert paused.is_set()
        owner.on_message = None
        transport.resume_reading()
        await owner.next("message")
        assert len(server.requests) > polls
        transport.pause_reading()
        transport.abort()
        await owner.next("disconnected")

    owner = RecordingOwner()
    async with ScriptedServer(scripted(message)) as server:
        transport = await LongPollTransport.start(server.url, owner, {"max_pause": 0.1})
        owner.on_message = pause
        transport.pause_reading()
        await owner.next("connected")
        error = await owner.next("error")
        assert isinstance(error, OverloadedError)
        assert (await owner.next("disconnected")).exc is error


async def test_an_owner_that_raises_ends_the_connection() -> None:
    def refuse(_: bytes) -> None:
        raise LookupError("no such thing")

    owner = RecordingOwner()
    owner.on_message = refuse
    async with ScriptedServer(scripted({"status": 200, "messages": ["[1]", "[2]"]})) as server:
        await LongPollTransport.start(server.url, owner, {})
        await owner.next("connected")
        assert isinstance(await owner.next("error"), LookupError)
        reason = await owner.next("disconnected")
        assert isinstance(reason, TransportDown)
        assert isinstance(reason.exc, LookupError)


async def test_an_owner_that_fails_when_it_is_connected_ends_the_connection() -> None:
    class Failing(RecordingOwner):
        def notify_connected(self, writer: FrameWriter | None) -> None:
            raise LookupError("no such thing")

    owner = Failing()
    async with ScriptedServer(scripted()) as server:
        await LongPollTransport.start(server.url, owner, {})
        error = await owner.next("error")
        assert (await owner.next("disconnected")).exc is error


async def test_text_that_is_neither_json_nor_base64_is_text() -> None:
    owner = RecordingOwner()
    async with ScriptedServer(scripted({"status": 200, "messages": ["what?"]})) as server:
        transport = await LongPollTransport.start(server.url, owner, {})
        await owner.next("connected")
        assert await owner.next("message") == (TEXT, b"what?")
        transport.abort()
        await owner.next("disconnected")


async def test_without_aiohttp_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)  # type: ignore[arg-type]
    with pytest.raises(ModuleNotFoundError, match=r"pip install fastphx\[longpoll\]"):
        await LongPollTransport.start("ws://127.0.0.1:1/socket", RecordingOwner(), {})


async def test_headers_cookies_and_the_auth_token() -> None:
    with_cookie = json_answer(OPENED)
    with_cookie.set_cookie("node", "b")
    answers = iter((with_cookie, json_answer({"status": 410})))

    async def give(_: web.Request) -> web.StreamResponse:
        return next(answers)

    owner = RecordingOwner()
    async with ScriptedServer(give) as server:
        await LongPollTransport.start(
            server.url, owner, {"auth_token": "s3cret", "extra_headers": {"X-Own": "1"}}
        )
        await owner.next("connected")
        await owner.next("disconnected")
    first, second = server.headers
    assert (first["X-Phoenix-AuthToken"], first["X-Own"], first["Accept"]) == (
        "s3cret",
        "1",
        "application/json",
    )
    assert second["Cookie"] == "node=b"


async def test_the_cookies_of_a_jar_go_with_it_and_come_into_it() -> None:
    jar = RecordingJar()

    async def give(request: web.Request) -> web.StreamResponse:
        answer = json_answer(OPENED if len(server.requests) == 1 else {"status": 410})
        answer.headers.add("Set-Cookie", f"seen={len(server.requests)}")
        return answer

    owner = RecordingOwner()
    async with ScriptedServer(give) as server:
        opts = {"cookies": jar, "extra_headers": {"cookie": "own=1"}}
        await LongPollTransport.start(server.url, owner, opts)
        await owner.next("connected")
        await owner.next("disconnected")
    assert server.headers[0].getall("Cookie") == ["own=1; user=ann"]
    assert jar.stored == ["seen=1", "seen=2"]


class Chat(GenSocketClient):
    def __init__(self) -> None:
        self.seen: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def init(self, arg: Any) -> Any:
        return Connect(arg)

    def handle_connected(self, transport: Any) -> None:
        transport.join("room:lobby", {"nick": "ann"})

    def handle_joined(self, topic: str, payload: Any, transport: Any) -> None:
        self.seen.put_nowait(("joined", payload))
        transport.push(topic, "echo", {"n": 1})
        transport.push(topic, "echo", b"\x00\n\xff")
        transport.push(topic, "new_msg", {"n": 2})

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: Any) -> None:
        self.seen.put_nowait(("reply", payload["response"]))

    def handle_message(self, topic: str, event: str, payload: Any, transport: Any) -> None:
        self.seen.put_nowait((event, payload))

    def handle_disconnected(self, reason: Any) -> None:
        self.seen.put_nowait(("disconnected", reason.code))


async def test_a_socket_over_it_against_our_server() -> None:
    async with demo_server(longpoll=True) as server:
        chat = Chat()
        running = await start_link(chat, LongPollTransport, server.websocket_url)
        assert running is not None

        async def seen() -> tuple[Any, ...]:
            return await asyncio.wait_for(chat.seen.get(), TIMEOUT_S)

        assert await seen() == ("joined", {"joined": {"nick": "ann"}})
        assert await seen() == ("reply", {"n": 1})
        assert await seen() == ("reply", b"\x00\n\xff")
        assert await seen() == ("new_msg", {"n": 2})
        server.disconnect()
        assert await seen() == ("disconnected", 3410)
        await running.stop("normal")
    assert len(asyncio.all_tasks()) == 1


async def test_over_tls_the_certificate_is_verified() -> None:
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    owner = RecordingOwner()
    async with demo_server(longpoll=True, ssl=ours) as server:
        assert server.longpoll_url.startswith("https://")
        url = f"{server.longpoll_url}?vsn=2.0.0"
        with pytest.raises(ConnectError, match="certificate"):
            await LongPollTransport.start(url, owner, {})
        for opts in ({"ssl": theirs}, {"ssl_verify": False}):
            transport = await LongPollTransport.start(url, owner, opts)
            await owner.next("connected")
            transport.push(b'[null,"1","phoenix","heartbeat",{}]', TEXT)
            opcode, _ = await owner.next("message")
            assert opcode == TEXT
            transport.close()
            await owner.next("disconnected")
