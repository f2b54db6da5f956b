"""Whatever a client sends, it is answered, refused with 1011, or ignored; nothing escapes as an exception."""

import logging
import random

import pytest

from fastphx.testing import demo_server
from tests.testing.raw_socket import RawSocket

SEEDS = {
    "2.0.0": [
        '["1","1","room:a","phx_join",{"k":"\\u00e9"}]',
        '["1","2","room:a","echo",{"x":[1,2.5,null,"s\\"q"]}]',
        '["1","3","room:a","phx_leave",{}]',
        '[null,"4","phoenix","heartbeat",{}]',
        '["1","5","presence:p","phx_join",{"user":"ann"}]',
        '["1","6","presence:p","update",{"status":"x"}]',
        '["1","7","room:a","new_msg",{"n":1}]',
    ],
    "1.0.0": [
        '{"topic":"room:a","event":"phx_join","payload":{"k":1},"ref":"1"}',
        '{"topic":"room:a","event":"echo","payload":{"x":1},"ref":2}',
        '{"topic":"room:a","event":"phx_leave","payload":{},"ref":null}',
        '{"topic":"presence:p","event":"phx_join","payload":{"user":"ann"},"ref":"4"}',
        '{"topic":"room:a","event":"slow","payload":{"ms":"x"},"ref":"5"}',
    ],
}
BINARY = [
    bytes.fromhex("00010106083131726f6f6d3a6270" + b"hx_join".hex() + "00"),
    bytes.fromhex("00010106043132726f6f6d3a626563686f0001ff"),
    bytes.fromhex("00000006040000726f6f6d3a62"),
]
WORDS = [
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "NaN",
    "-0",
    "1e9",
    "\\ud800",
    "\x00",
    "é",
    " ",
    "99" * 12,
]


def spoil(rng: random.Random, frame: str) -> str:
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(frame) + 1)
        cut = rng.choice([0, 0, 1, 5])
        frame = frame[:at] + rng.choice(WORDS) + frame[at + cut :]
    return frame


@pytest.mark.parametrize("vsn", SEEDS)
async def test_nothing_escapes(vsn: str, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(7)
    caplog.set_level(logging.ERROR)
    async with demo_server() as server:
        sent = 0
        for _ in range(60):
            async with RawSocket(f"{server.websocket_url}?vsn={vsn}") as socket:
                for _ in range(10):
                    if rng.random() < 0.15:
                        frame = rng.choice(BINARY)
                        socket.send(frame[: rng.randrange(len(frame) + 1)] + rng.randbytes(rng.randrange(3)))
                    else:
                        socket.send(spoil(rng, rng.choice(SEEDS[vsn])))
                    sent += 1
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        assert server.topics == {}
        stats = server.stats
        assert stats["bad_frames"] > 10
        assert stats["joins"] > 10
        assert 60 < stats["frames_received"] <= sent
    assert [record.message for record in caplog.records if record.name == "fastphx.testing.picows"] == []
