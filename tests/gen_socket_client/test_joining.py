"""Joining, leaving, and what may be done in each state of a topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastphx import AlreadyJoinedError, DisconnectedError, EncodingError, FastphxError, NotJoinedError
from fastphx.gen_socket_client import join, joined, leave, push
from fastphx.testing import Server
from tests.gen_socket_client.recorder import AsyncRecorder, Recorder
from tests.gen_socket_client.starter import Starter

TOPIC = "room:a"
kinds = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])

Act = Callable[[Any], Any]


def outcome(act: Act, transport: Any) -> Any:
    """What *act* returns, "sent" for a ref, or the type of what it raises."""
    try:
        result = act(transport)
    except FastphxError as error:
        return type(error)
    return result if isinstance(result, bool) else "sent"


ACTS: dict[str, Act] = {
    "join": lambda transport: transport.join(TOPIC),
    "push": lambda transport: transport.push(TOPIC, "noreply"),
    "leave": lambda transport: transport.leave(TOPIC),
    "joined": lambda transport: transport.joined(TOPIC),
}

TABLE: dict[str, dict[str, Any]] = {
    "closed": {"join": "sent", "push": NotJoinedError, "leave": NotJoinedError, "joined": False},
    "errored": {"join": "sent", "push": NotJoinedError, "leave": NotJoinedError, "joined": False},
    "joining": {
        "join": AlreadyJoinedError,
        "push": NotJoinedError,
        "leave": NotJoinedError,
        "joined": False,
    },
    "joined": {"join": AlreadyJoinedError, "push": "sent", "leave": "sent", "joined": True},
    "leaving": {"join": AlreadyJoinedError, "push": NotJoinedError, "leave": NotJoinedError, "joined": True},
    "disconnected": {
        "join": DisconnectedError,
        "push": DisconnectedError,
        "leave": DisconnectedError,
        "joined": False,
    },
}


async def bring_to(state: str, client: Recorder, server: Server) -> Act:
    """Bring the topic into *state*; returns what has to be done in the same callback, before the act."""
    if state in ("joined", "leaving", "errored", "disconnected"):
        await client.join(TOPIC)
    if state == "errored":
        server.crash_channels(TOPIC)
        await client.next("handle_channel_closed")
    if state == "disconnected":
        server.cut()
        await client.next("handle_disconnected")
    first: dict[str, Act] = {"joining": ACTS["join"], "leaving": ACTS["leave"]}
    return first.get(state, lambda _transport: None)


@pytest.mark.parametrize("act", list(ACTS))
@pytest.mark.parametrize("state", list(TABLE))
@kinds
async def test_the_table(server: Server, start: Starter, state: str, act: str, kind: type[Recorder]) -> None:
    client = await start.connected(server, kind())
    first = await bring_to(state, client, server)

    def both(transport: Any) -> Any:
        first(transport)
        return outcome(ACTS[act], transport)

    assert await client.do(both) == TABLE[state][act]


async def test_joined_through_all_states(server: Server, start: Starter) -> None:
    def is_joined(*args: Any) -> None:
        seen.append(args[-1].joined(TOPIC))

    seen: list[bool] = []
    client = Recorder(
        handle_joined=is_joined,
        handle_join_error=is_joined,
        handle_channel_closed=is_joined,
        handle_reply=is_joined,
    )
    await start.connected(server, client)
    assert await client.do(lambda transport: transport.joined(TOPIC)) is False
    assert await client.do(lambda transport: (transport.join(TOPIC), transport.joined(TOPIC))) == (1, False)
    await client.next("handle_joined")
    assert await client.do(lambda transport: (transport.leave(TOPIC), transport.joined(TOPIC))) == (2, True)
    await client.next("handle_reply")
    await client.next("handle_channel_closed")
    assert await client.do(lambda transport: transport.joined(TOPIC)) is False
    # In handle_joined, in the leave's handle_reply, and in handle_channel_closed.
    assert seen == [True, True, False]


async def test_a_join_gets_its_response(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    await client.do(lambda transport: transport.join(TOPIC, {"nick": "ann"}))
    assert await client.next("handle_joined") == (TOPIC, {"joined": {"nick": "ann"}})


async def test_a_join_without_a_payload_sends_an_empty_object(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    await client.do(lambda transport: transport.join(TOPIC))
    assert await client.next("handle_joined") == (TOPIC, {"joined": {}})


@kinds
@pytest.mark.parametrize(
    ("topic", "reason"),
    [("room:denied", "denied"), ("room:crash_join", "join crashed"), ("nope:x", "unmatched topic")],
)
async def test_a_refused_join(
    server: Server, start: Starter, kind: type[Recorder], topic: str, reason: str
) -> None:
    client = await start.connected(server, kind())
    for _ in range(2):
        await client.do(lambda transport: transport.join(topic))
        assert await client.next("handle_join_error") == (topic, {"reason": reason})
    assert await client.do(lambda transport: transport.joined(topic)) is False


async def test_a_double_join_leaves_the_first_as_it_is(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    assert await client.refusal(lambda transport: transport.join(TOPIC)) is AlreadyJoinedError
    assert await client.push_sync(TOPIC, "echo", {"x": 1}) == {"status": "ok", "response": {"x": 1}}
    assert server.stats["joins"] == 1


async def test_a_push_before_the_join_sends_nothing_and_the_topic_can_be_joined(
    server: Server, start: Starter
) -> None:
    client = await start.connected(server)
    assert await client.refusal(lambda transport: transport.push(TOPIC, "echo")) is NotJoinedError
    assert await client.join(TOPIC) == 1
    assert await client.push_sync(TOPIC, "echo") == {"status": "ok", "response": {}}
    assert server.stats["unmatched"] == 0


@kinds
async def test_a_leave_is_replied_to_and_then_closed(
    server: Server, start: Starter, kind: type[Recorder]
) -> None:
    client = await start.joined(server, client=kind())
    ref = await client.do(lambda transport: transport.leave(TOPIC, {"why": "done"}))
    assert await client.next("handle_reply") == (TOPIC, ref, {"status": "ok", "response": {}})
    assert await client.next("handle_channel_closed") == (TOPIC, {})
    assert server.stats["leaves"] == 1
    assert await client.join(TOPIC) == ref + 1


@kinds
async def test_the_servers_channel_stops(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    await client.push(TOPIC, "stop")
    assert await client.next("handle_channel_closed") == (TOPIC, {})
    assert client.socket.connected
    assert await client.refusal(ACTS["push"]) is NotJoinedError
    await client.join(TOPIC)


@kinds
async def test_the_servers_channel_crashes(server: Server, start: Starter, kind: type[Recorder]) -> None:
    client = await start.joined(server, client=kind())
    await client.push(TOPIC, "crash")
    topic, payload = await client.next("handle_channel_closed")
    assert (topic, payload) == (TOPIC, {"reason": "channel_crash"})
    await client.join(TOPIC)
    assert await client.push_sync(TOPIC, "echo", 1) == {"status": "ok", "response": 1}


async def test_several_topics_on_one_socket(server: Server, start: Starter) -> None:
    client = await start.joined(server)
    await client.join("room:b")
    await client.push("room:b", "stop")
    assert await client.next("handle_channel_closed") == ("room:b", {})
    assert (await client.push_sync(TOPIC, "echo", {"x": 1}))["response"] == {"x": 1}


async def test_the_module_functions(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    assert await client.do(lambda transport: join(transport, TOPIC, {"a": 1})) == 1
    assert await client.next("handle_joined") == (TOPIC, {"joined": {"a": 1}})
    assert await client.do(lambda transport: joined(transport, TOPIC)) is True
    ref = await client.do(lambda transport: push(transport, TOPIC, "echo", {"b": 2}))
    assert await client.next("handle_reply") == (TOPIC, ref, {"status": "ok", "response": {"b": 2}})
    assert await client.do(lambda transport: leave(transport, TOPIC)) == ref + 1


async def test_a_join_that_cannot_be_encoded_changes_nothing(server: Server, start: Starter) -> None:
    client = await start.connected(server)
    assert await client.refusal(lambda transport: transport.join(TOPIC, {1, 2})) is EncodingError
    assert await client.refusal(lambda transport: transport.join("\ud800", {})) is EncodingError
    assert await client.join(TOPIC) == 1
