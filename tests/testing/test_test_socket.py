"""TestSocket and the plugin's fixtures: no loop in sight."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastphx import (
    AlreadyJoinedError,
    CallTimeoutError,
    ConnectError,
    ConnectionClosed,
    DisconnectedError,
    EncodingError,
    FastphxError,
    NotJoinedError,
    StoppedError,
)
from fastphx.protocol.payload_size import payload_bytes
from fastphx.serializers import JsonV1
from fastphx.testing import JoinError, Server, TestSocket, demo_server
from tests.answering_server import Pushed, answering
from tests.pytest_process import run_pytest


def test_joins_pushes_and_leaves(phoenix_socket: TestSocket) -> None:
    assert not phoenix_socket.joined("room:a")
    assert phoenix_socket.join("room:a", {"n": 1}) == {"joined": {"n": 1}}
    assert phoenix_socket.joined("room:a")
    assert phoenix_socket.push_sync("room:a", "echo", {"n": 2}) == {"status": "ok", "response": {"n": 2}}
    assert phoenix_socket.push_sync("room:a", "echo_error", {}) == {"status": "error", "response": {}}
    assert phoenix_socket.push_sync("room:a", "echo", b"\x00")["response"] == b"\x00"
    first = phoenix_socket.push("room:a", "push", {"n": 3})
    assert phoenix_socket.await_message() == ("room:a", "pushed", {"n": 3})
    assert phoenix_socket.push("room:a", "noreply") == first + 1
    assert phoenix_socket.leave("room:a") == {}
    assert not phoenix_socket.joined("room:a")
    assert phoenix_socket.stats["decode_errors"] == 0


def test_messages_wait_for_the_one_who_asks_for_them(
    phoenix_socket: TestSocket, phoenix_server: Server
) -> None:
    for topic in ("room:a", "room:b"):
        phoenix_socket.join(topic)
        for event in ("one", "two"):
            assert phoenix_server.broadcast(topic, event, {}) == 1
    assert phoenix_socket.await_message(event="two").topic == "room:a"
    assert phoenix_socket.await_message("room:b").event == "one"
    assert phoenix_socket.await_message("room:b", "two").event == "two"
    assert phoenix_socket.await_message() == ("room:a", "one", {})
    phoenix_socket.push("room:a", "stop")
    assert phoenix_socket.await_message() == ("room:a", "phx_close", {})
    with pytest.raises(TimeoutError, match="nothing came"):
        phoenix_socket.await_message(timeout=0.01)


def test_what_is_refused(phoenix_socket: TestSocket, phoenix_server: Server) -> None:
    with pytest.raises(JoinError, match="denied") as caught:
        phoenix_socket.join("room:denied")
    assert caught.value.response == {"reason": "denied"}
    with pytest.raises(NotJoinedError):
        phoenix_socket.push("room:a", "echo")
    with pytest.raises(NotJoinedError):
        phoenix_socket.leave("room:a")
    phoenix_socket.join("room:a")
    with pytest.raises(AlreadyJoinedError):
        phoenix_socket.join("room:a")
    with pytest.raises(EncodingError):
        phoenix_socket.push("room:a", "echo", {"it": object()})
    with pytest.raises(FastphxError, match="already connected"):
        phoenix_socket.connect()
    phoenix_server.faults.drop_replies = -1
    with pytest.raises(CallTimeoutError):
        phoenix_socket.push_sync("room:a", "echo", {}, timeout=0.02)


def test_connecting_and_losing_the_connection() -> None:
    with demo_server() as server, TestSocket(server.websocket_url, connect=False) as socket:
        with pytest.raises(DisconnectedError):
            socket.join("room:a")
        socket.connect(params={"token": "bad"})
        refused = socket.wait_connect_status()
        assert isinstance(refused, ConnectError)
        assert refused.status == 403
        socket.connect(params={"user": "u1"})
        assert socket.wait_connect_status() == "connected"
        assert socket.connected
        socket.join("room:a")
        server.faults.drop_replies = -1
        failed: list[BaseException] = []

        def push() -> None:
            try:
                socket.push_sync("room:a", "echo", {})
            except DisconnectedError as error:
                failed.append(error)

        thread = threading.Thread(target=push)
        thread.start()
        asyncio.run(server.wait_until(lambda stats: stats["dropped_replies"] == 1))
        server.disconnect("user:u1")
        closed = socket.wait_connect_status()
        assert isinstance(closed, ConnectionClosed)
        assert closed.code == 1001
        thread.join(5)
        assert len(failed) == 1
        assert not socket.joined("room:a")


def test_with_another_serializer() -> None:
    with demo_server() as server, TestSocket(server.websocket_url, serializer=JsonV1()) as socket:
        assert socket.wait_connect_status() == "connected"
        assert socket.join("room:a") == {"joined": {}}
        assert socket.push_sync("room:a", "echo", {"n": 1})["response"] == {"n": 1}
        assert socket.leave("room:a") == {}


def test_what_cannot_be_meant_is_refused_at_once() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="no_such_option"):
        TestSocket("ws://127.0.0.1:1/socket/websocket", transport_opts={"no_such_option": 1})
    assert threading.active_count() == before


def test_the_plugin_imports_nothing_until_a_fixture_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert not {'fastphx.testing.server', 'fastphx.testing.connection'} & set(sys.modules)\n\n"
        "def test_fixtures(phoenix_socket, phoenix_server):\n"
        "    phoenix_socket.join('room:a')\n    assert phoenix_server.stats['joins'] == 1\n"
    )
    ended = run_pytest(tmp_path, "test_it.py")
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr


def test_connecting_when_it_cannot() -> None:
    with demo_server() as server, TestSocket(server.websocket_url, connect=False) as socket:
        for url in ("http://127.0.0.1:1/", f"{server.websocket_url}?a=1"):
            with pytest.raises(ValueError, match=r"URL|query"):
                socket.connect(url)
        with pytest.raises(ValueError, match="parameter 'a'"):
            socket.connect(params=[("a", None)])  # type: ignore[list-item]
        # The socket has come to no harm.
        server.stall(3600)
        socket.connect()
        with pytest.raises(FastphxError, match="already"):
            socket.connect()
        assert socket.wait_connect_status() == "connected"
        server.stall(0)
        assert socket.join("room:a") == {"joined": {}}


def test_a_closed_one_says_so_and_is_closed_twice(phoenix_server: Server) -> None:
    socket = TestSocket(phoenix_server.websocket_url)
    assert socket.wait_connect_status() == "connected"
    socket.join("room:a")
    waited: list[BaseException] = []

    def wait() -> None:
        try:
            socket.await_message(timeout=60)
        except StoppedError as error:
            waited.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    socket.close()
    thread.join(5)
    assert len(waited) == 1
    socket.close()
    assert not socket.connected
    for act in (
        lambda: socket.push("room:a", "echo"),
        lambda: socket.joined("room:a"),
        lambda: socket.stats,
        lambda: socket.connect(),
        lambda: socket.wait_connect_status(),
        lambda: socket.await_message(),
    ):
        with pytest.raises(StoppedError):
            act()


def test_what_timed_out_is_named(phoenix_socket: TestSocket, phoenix_server: Server) -> None:
    phoenix_socket.join("room:a")
    with pytest.raises(CallTimeoutError, match=r"push_sync 'noreply' to 'room:a' was not .* 0\.02 s"):
        phoenix_socket.push_sync("room:a", "noreply", timeout=0.02)
    phoenix_server.faults.drop_replies = -1
    with pytest.raises(CallTimeoutError, match="join 'room:b' was not answered"):
        phoenix_socket.join("room:b", timeout=0.02)
    phoenix_server.broadcast("room:a", "other", {})
    with pytest.raises(TimeoutError, match=r"1 others wait: .*other"):
        phoenix_socket.await_message("room:b", timeout=0.2)


def test_a_channel_that_crashes_answers_nobody(phoenix_socket: TestSocket) -> None:
    for topic in ("room:a", "room:b"):
        phoenix_socket.join(topic)
    with pytest.raises(NotJoinedError, match="'room:a' was closed before it answered"):
        phoenix_socket.push_sync("room:a", "crash", timeout=60)
    assert phoenix_socket.await_message("room:a").event == "phx_close"
    assert phoenix_socket.push_sync("room:b", "echo", 1)["response"] == 1


def test_an_argument_of_the_wrong_type_is_told_to_the_caller(phoenix_socket: TestSocket) -> None:
    phoenix_socket.join("room:a")
    with pytest.raises(TypeError):
        phoenix_socket.push("room:a", 7)  # type: ignore[arg-type]
    assert phoenix_socket.joined("room:a")


def test_only_so_many_messages_wait(
    phoenix_socket: TestSocket, phoenix_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastphx.testing.test_socket.MAX_WAITING", 3)
    phoenix_socket.join("room:a")
    for n in range(5):
        phoenix_server.broadcast("room:a", "n", n)
    assert phoenix_socket.push_sync("room:a", "echo")["status"] == "ok"
    assert phoenix_socket.await_message().payload == 2
    assert phoenix_socket.stats["dropped_messages"] == 2


def test_only_so_many_bytes_of_messages_wait(
    phoenix_socket: TestSocket, phoenix_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastphx.testing.test_socket.MAX_WAITING_BYTES", 10_000)
    phoenix_socket.join("room:a")

    def broadcast(numbers: range, size: int) -> None:
        for n in numbers:
            phoenix_server.broadcast("room:a", "n", [n, {"filler": ["x" * size]}])
        assert phoenix_socket.push_sync("room:a", "echo")["status"] == "ok"

    broadcast(range(5), 3000)
    assert [phoenix_socket.await_message().payload[0] for _ in range(3)] == [2, 3, 4]
    assert phoenix_socket.stats["dropped_messages"] == 2
    # Those that were taken leave room; one that is larger than the bound waits alone.
    broadcast(range(3), 3000)
    assert phoenix_socket.stats["dropped_messages"] == 2
    broadcast(range(3, 4), 20_000)
    assert phoenix_socket.await_message().payload[0] == 3
    assert phoenix_socket.stats["dropped_messages"] == 5


@pytest.mark.parametrize(
    ("payload", "size"),
    [
        (None, 8),
        ("abc", 11),
        (b"abc", 11),
        ([1, "ab"], 26),
        ({"key": [b"data"]}, 8 + 11 + 8 + 12),
        ([[]] * 3, 32),
    ],
)
def test_the_size_of_a_payload(payload: Any, size: int) -> None:
    assert payload_bytes(payload) == size


def test_a_payload_may_be_nested_to_any_depth() -> None:
    payload: list[Any] = []
    for _ in range(10_000):
        payload = [payload]
    assert payload_bytes(payload) == 10_001 * 8


def test_a_reply_on_another_topic_is_no_answer() -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        if pushed.event == "echo":
            yield pushed.reply("wrong", topic="room:b")
        yield pushed.reply("right")

    with answering(answer) as url, TestSocket(url) as socket:
        socket.join("room:a")
        socket.join("room:b")
        assert socket.push_sync("room:a", "echo", {})["response"] == "right"


def test_a_refused_join_quotes_nothing_that_it_was_given() -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        text = f"no to {pushed.payload['token']}, p4ram and h3ader"
        if pushed.topic == "room:closed":
            yield [pushed.join_ref, pushed.join_ref, pushed.topic, "phx_close", {"reason": text}]
        else:
            yield pushed.reply({"reason": text}, status="error")

    opts = {"extra_headers": [("x-key", "h3ader")]}
    with answering(answer) as url, TestSocket(url, {"key": "p4ram"}, transport_opts=opts) as socket:
        with pytest.raises(JoinError) as caught:
            socket.join("room:a", {"token": "s3cret"})
        assert "'no to [hidden], [hidden] and [hidden]'" in str(caught.value)
        assert caught.value.response == {"reason": "no to s3cret, p4ram and h3ader"}
        with pytest.raises(NotJoinedError, match=r"no to \[hidden\], \[hidden\] and \[hidden\]"):
            socket.join("room:closed", {"token": "s3cret"})


def test_what_is_asked_of_it_waits_until_it_is_connected(phoenix_server: Server) -> None:
    for _ in range(20):
        with TestSocket(phoenix_server.websocket_url) as socket:
            assert socket.join("room:a") == {"joined": {}}
            assert socket.wait_connect_status() == "connected"
    with TestSocket(phoenix_server.websocket_url, {"token": "bad"}) as socket:
        with pytest.raises(DisconnectedError):
            socket.join("room:a")
        with pytest.raises(DisconnectedError):
            socket.join("room:a")
