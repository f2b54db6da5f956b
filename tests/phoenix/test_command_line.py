"""The commands, and the socket for tests, against a real Phoenix."""

from __future__ import annotations

import asyncio
import json

import pytest

from fastphx.testing import JoinError, TestSocket
from tests.cli.command import Running, run
from tests.client.waiting import LIMIT_S
from tests.phoenix.phoenix import Phoenix


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
def test_push(phoenix: Phoenix, transport: str, vsn: str) -> None:
    options = ("--transport", transport, "--vsn", vsn)
    done = run("push", phoenix.url, "room:a", "echo", '{"n": 1}', *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"status": "ok", "response": {"n": 1}}
    done = run("push", phoenix.url, "room:denied", "echo", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert "denied" in done.stderr


async def test_listen(phoenix: Phoenix) -> None:
    joins = (await phoenix.counters())["joins"]
    async with Running("listen", phoenix.url, "room:listen", "--count", "2") as command:
        async with asyncio.timeout(LIMIT_S):
            while (await phoenix.counters())["joins"] == joins:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        with TestSocket(phoenix.websocket_url) as socket:
            socket.join("room:listen")
            socket.push("room:listen", "new_msg", {"n": 1})
            socket.push("room:listen", "new_msg", b"\xff")
            messages = [json.loads(await command.line()) for _ in range(2)]
        assert (await command.end())[0] == 0
    assert messages[0]["payload"] == {"n": 1}
    assert messages[1]["payload_base64"] == "/w=="


def test_the_socket_for_tests(phoenix: Phoenix) -> None:
    with TestSocket(phoenix.websocket_url, {"user": "ann"}) as socket:
        assert socket.join("room:a", {"n": 1}) == {"joined": {"n": 1}}
        with pytest.raises(JoinError):
            socket.join("room:denied")
        assert socket.push_sync("room:a", "whoami")["response"]["user"] == "ann"
        socket.push("room:a", "push", {"n": 3})
        assert socket.await_message() == ("room:a", "pushed", {"n": 3})
        assert socket.leave("room:a") == {}
