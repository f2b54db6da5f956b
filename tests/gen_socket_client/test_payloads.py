"""What goes out where a payload is None or not given, integers of any size, and serializers of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from fastphx import JsonV2, RawJson
from fastphx.gen_socket_client import transport_handle
from fastphx.testing import Channel, Reply, Server
from tests.gen_socket_client.recorder import Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "payloads:a"


class Kept(Channel):
    """Keeps the payload of its join, and echoes what is pushed."""

    def join(self, topic: str, payload: Any) -> Any:
        return Reply("ok", {"joined": payload})

    def handle_in(self, event: str, message: Any) -> Any:
        return Reply("ok", message.payload)


@pytest.fixture
async def echoing() -> Any:
    async with Server(channels={"payloads:*": Kept}) as server:
        yield server


async def test_none_is_null_and_what_is_not_given_is_empty(echoing: Server, start: Starter) -> None:
    client = await start.connected(echoing)
    for act, joined in (
        (lambda transport: transport.join(TOPIC, None), None),
        (lambda transport: transport.join(TOPIC), {}),
        (lambda transport: transport_handle.join(transport, TOPIC), {}),
        (lambda transport: transport_handle.join(transport, TOPIC, None), None),
    ):
        await client.do(act)
        assert await client.next("handle_joined") == (TOPIC, {"joined": joined})
        for push, response in (
            (lambda transport: transport.push(TOPIC, "echo", None), None),
            (lambda transport: transport.push(TOPIC, "echo"), {}),
            (lambda transport: transport_handle.push(transport, TOPIC, "echo"), {}),
            (lambda transport: transport.push(TOPIC, "echo", RawJson("null")), None),
        ):
            ref = await client.do(push)
            reply: dict[str, Any] = {"status": "ok", "response": response}
            assert await client.next("handle_reply") == (TOPIC, ref, reply)
        await client.do(lambda transport: transport.leave(TOPIC, None))
        assert (await client.next("handle_reply"))[2]["status"] == "ok"
        await client.next("handle_channel_closed")


async def test_an_integer_beyond_64_bits_comes_back_as_it_went(echoing: Server, start: Starter) -> None:
    client = await start.connected(echoing)
    await client.do(lambda transport: transport.join(TOPIC, {"n": -(2**90)}))
    assert await client.next("handle_joined") == (TOPIC, {"joined": {"n": -(2**90)}})
    reply = await client.push_sync(TOPIC, "echo", {"n": [2**64, 2**63, 1.5]})
    assert reply["response"] == {"n": [2**64, 2**63, 1.5]}
    assert [type(each) for each in reply["response"]["n"]] == [int, int, float]


class Shouting(JsonV2):
    """Another codec under the same name."""

    def encode(self, join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> tuple[bytes, int]:
        if event == "echo":
            payload = {"shouted": str(payload).upper()}
        return super().encode(join_ref, ref, topic, event, payload)

    def decode(self, data: bytes, opcode: int) -> Any:
        join_ref, ref, topic, event, payload = super().decode(data, opcode)
        return join_ref, ref, topic, event, {**payload, "decoded": True}


async def test_a_subclass_of_the_serializer_is_used(echoing: Server, start: Starter) -> None:
    client = await start.connected(echoing, Recorder(), serializer=Shouting())
    await client.join(TOPIC)
    reply = await client.push_sync(TOPIC, "echo", "quiet")
    assert reply == {"status": "ok", "response": {"shouted": "QUIET"}, "decoded": True}
