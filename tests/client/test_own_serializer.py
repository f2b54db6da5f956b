"""Messages that another serializer than JsonV2 decodes: their bytes count, and one may be read later."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from fastphx import DecodeError, GzipJson, JoinError, JsonV1, JsonV2, PushError, RawJson, connect
from fastphx.protocol.message import Message
from fastphx.serializers import Decoded
from tests.answering_server import Answer, Pushed, answering
from tests.client.waiting import until, within
from tests.transports.raw_server import BINARY, frame

COUNT = 40
MIB = 1024 * 1024
DEEP = "[" * 5000 + "]" * 5000


class Unzipping(JsonV2):
    """Sends JSON, and reads what is compressed."""

    def decode(self, data: bytes, opcode: int) -> Decoded:
        return GzipJson().decode(data, opcode)


def zipped(*message: Any) -> bytes:
    return frame(BINARY, gzip.compress(json.dumps(message).encode()))


def sending_much(pushed: Pushed) -> list[Any] | None:
    if pushed.event != "go":
        return None
    much = [zipped(None, None, pushed.topic, "n", {"n": n, "filler": ["x" * MIB]}) for n in range(COUNT)]
    ok = {"status": "ok", "response": {}}
    return [*much, zipped(pushed.join_ref, pushed.ref, pushed.topic, "phx_reply", ok)]


@pytest.mark.parametrize("how", ["iterator", "handler", "nobody"])
async def test_what_a_frame_becomes_counts_against_a_queues_bytes(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What nobody takes is kept for as long as a slow machine needs.
    monkeypatch.setattr("fastphx.client.delivery.BACKLOG_S", 60.0)
    gate = asyncio.Event()

    async def take(_: Message) -> None:
        await gate.wait()

    with answering(sending_much) as url:
        async with connect(url, serializer=Unzipping()) as client:
            room = await client.join("room:a", policy="drop_oldest", max_queue_bytes=4 * MIB)
            if how == "iterator":
                aiter(room)
            elif how == "handler":
                room.on("n", take)
            await within(room.push("go"))
            await until(lambda: client.stats.messages == COUNT)
            assert 1 <= room.queue_depth <= 4
            gate.set()


def refusing(event: str, response: str) -> Answer:
    def answer(pushed: Pushed) -> list[str] | None:
        if pushed.event != event:
            return None
        payload = f'{{"status":"error","response":{response}}}'
        message = {"topic": pushed.topic, "ref": pushed.ref, "event": "phx_reply"}
        return [json.dumps(message)[:-1] + f',"payload":{payload}}}']

    return answer


class OldAnswers(JsonV2):
    """Sends arrays, and reads objects as well."""

    def decode(self, data: bytes, opcode: int) -> Decoded:
        return (JsonV1() if data.startswith(b"{") else super()).decode(data, opcode)


async def test_a_push_whose_old_reply_is_too_deep_fails_at_once() -> None:
    with answering(refusing("deep", DEEP)) as url:
        async with connect(url, serializer=OldAnswers()) as client:
            room = await client.join("room:a")
            with pytest.raises(DecodeError):
                await within(room.push("deep"))
            assert (await within(room.push("fine"))).status == "ok"


async def test_a_join_that_is_refused_with_an_old_reply_that_is_too_deep_fails_at_once() -> None:
    with answering(refusing("phx_join", DEEP)) as url:
        async with connect(url, serializer=OldAnswers()) as client:
            with pytest.raises(JoinError):
                await within(client.join("room:a"))


async def test_an_old_reply_that_is_not_too_deep_is_read() -> None:
    with answering(refusing("new", "[[1]]")) as url:
        async with connect(url, serializer=OldAnswers()) as client:
            room = await client.join("room:a")
            with pytest.raises(PushError) as caught:
                await within(room.push("new"))
            assert caught.value.reply.response == [[1]]


def test_what_is_too_deep_is_read_later() -> None:
    text = f'["1","2","room:a","new",{DEEP}]'.encode()
    old = f'{{"topic":"room:a","event":"new","ref":null,"payload":{DEEP}}}'.encode()
    for decoded in (
        JsonV1().decode(old, 1),
        JsonV2().decode(text, 1),
        GzipJson().decode(gzip.compress(text), 2),
    ):
        payload = decoded[4]
        assert isinstance(payload, RawJson)
        assert payload.data == DEEP.encode()
