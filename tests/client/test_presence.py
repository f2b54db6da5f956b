"""Presence: phoenix.js' documented cases, the recorded scenario, the embedded server."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fastphx import Client, DecodeError, Presence, connect
from fastphx.client.presence import (
    MAX_PENDING_BYTES,
    MAX_PENDING_DIFFS,
    list_presences,
    sync_diff,
    sync_state,
)
from fastphx.protocol.frame_write import encode
from fastphx.protocol.message import decode
from fastphx.testing import Channel, Reply, Server
from tests.client.waiting import until

WIRE = json.loads((Path(__file__).parents[1] / "data" / "websocket.json").read_text())


def meta(number: int, ref: str) -> dict[str, Any]:
    return {"id": number, "phx_ref": ref}


def three() -> dict[str, Any]:
    return {f"u{n}": {"metas": [meta(n, str(n))]} for n in (1, 2, 3)}


class Calls:
    def __init__(self) -> None:
        self.joined: dict[str, Any] = {}
        self.left: dict[str, Any] = {}

    def on_join(self, key: str, current: Any, new: Any) -> None:
        self.joined[key] = copy.deepcopy((current, new))

    def on_leave(self, key: str, current: Any, left: Any) -> None:
        self.left[key] = copy.deepcopy((current, left))


def test_sync_state_of_an_empty_state() -> None:
    before: dict[str, Any] = {}
    assert sync_state(before, three()) == three()
    assert before == {}


def test_sync_state_tells_joins_and_leaves() -> None:
    calls = Calls()
    state = sync_state({"u4": {"metas": [meta(4, "4")]}}, three(), calls.on_join, calls.on_leave)
    assert state == three()
    assert calls.joined == {key: (None, entry) for key, entry in three().items()}
    assert calls.left == {"u4": ({"metas": []}, {"metas": [meta(4, "4")]})}


def test_sync_state_joins_only_new_metas() -> None:
    calls = Calls()
    new = {"u3": {"metas": [meta(3, "3"), meta(3, "3.new")]}}
    state = sync_state({"u3": {"metas": [meta(3, "3")]}}, new, calls.on_join, calls.on_leave)
    assert state == new
    assert calls.joined == {"u3": ({"metas": [meta(3, "3")]}, {"metas": [meta(3, "3.new")]})}
    assert calls.left == {}


def test_sync_diff_of_an_empty_state() -> None:
    joins = {"u1": {"metas": [meta(1, "1")]}}
    assert sync_diff({}, {"joins": joins, "leaves": {}}) == joins


def test_sync_diff_adds_metas_and_removes_empty_presences() -> None:
    state = three()
    before = copy.deepcopy(state)
    diff = {
        "joins": {"u1": {"metas": [meta(1, "1.2")]}},
        "leaves": {"u2": {"metas": [meta(2, "2")]}, "nobody": {"metas": [meta(9, "9")]}},
    }
    diff_before = copy.deepcopy(diff)
    assert sync_diff(state, diff) == {
        "u1": {"metas": [meta(1, "1"), meta(1, "1.2")]},
        "u3": {"metas": [meta(3, "3")]},
    }
    assert (state, diff) == (before, diff_before)


def test_sync_diff_keeps_a_presence_with_other_metas() -> None:
    state = {"u1": {"metas": [meta(1, "1"), meta(1, "1.2")]}}
    diff = {"joins": {}, "leaves": {"u1": {"metas": [meta(1, "1")]}}}
    assert sync_diff(state, diff) == {"u1": {"metas": [meta(1, "1.2")]}}


def test_list() -> None:
    assert list_presences(three()) == list(three().values())
    assert list_presences(three(), lambda key, entry: (key, entry["metas"][0]["id"])) == [
        ("u1", 1),
        ("u2", 2),
        ("u3", 3),
    ]


class RecordedChannel:
    """Stands where a channel stands, with the frames of a real server."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def on(self, event: str, handler: Any) -> None:
        self.handlers[event] = handler

    def on_outage(self, handler: Any) -> None:
        self.on("phx_outage", handler)

    def on_close(self, handler: Any) -> None:
        self.on("phx_close", handler)


def test_the_recorded_scenario() -> None:
    scenario = next(scenario for scenario in WIRE["scenarios"] if scenario["name"] == "presence")
    channel = RecordedChannel()
    presence = Presence(channel)  # type: ignore[arg-type]
    seen: list[Any] = []
    presence.on_sync(
        lambda: seen.append(presence.list(lambda key, entry: (key, entry["metas"][-1]["status"])))
    )
    for frame in scenario["frames"]:
        if frame["dir"] != "recv":
            continue
        message = decode(frame["text"].encode())
        if message.event in channel.handlers:
            channel.handlers[message.event](message)
    assert seen == [[("ann", "on")], [("ann", "away")]]
    assert len(presence.state["ann"]["metas"]) == 1
    assert presence.state["ann"]["metas"][0]["phx_ref_prev"] == "GOrEib27Yz-74wWR"


def test_diffs_before_the_state_wait_within_a_bound() -> None:
    channel = RecordedChannel()
    presence = Presence(channel, events=("s", "d"))  # type: ignore[arg-type]
    frame = b'["1",null,"t","d",{"joins":{"k%d":{"metas":[{"phx_ref":"r"}]}},"leaves":{}}]'
    for n in range(MAX_PENDING_DIFFS + 5):
        channel.handlers["d"](decode(frame % n))
    assert presence.list() == []
    assert presence.in_pending_sync_state
    channel.handlers["s"](decode(b'["1",null,"t","s",{}]'))
    assert len(presence.list()) == MAX_PENDING_DIFFS
    assert "k4" not in presence.state
    assert presence.dropped == 5


def test_diffs_before_the_state_are_bounded_in_bytes() -> None:
    channel = RecordedChannel()
    presence = Presence(channel, events=("s", "d"))  # type: ignore[arg-type]
    frame = b'["1",null,"t","d",{"joins":{"%s":{"metas":[{"phx_ref":"r","about":"%s"}]}},"leaves":{}}]'

    def come(key: bytes, size: int) -> None:
        channel.handlers["d"](decode(frame % (key, b"x" * size)))

    for _ in range(2):
        for n in range(8):
            come(b"k%d" % n, MAX_PENDING_BYTES // 4)
        channel.handlers["s"](decode(b'["1",null,"t","s",{}]'))
        assert sorted(presence.state) == ["k5", "k6", "k7"]
        # The bytes of those that were applied, or forgotten, are given back.
        presence.state = {}
        channel.handlers["phx_outage"](None)
    assert presence.dropped == 10
    come(b"small", 1)
    come(b"large", 2 * MAX_PENDING_BYTES)
    channel.handlers["phx_outage"](None)
    for n in range(3):
        come(b"k%d" % n, MAX_PENDING_BYTES // 4)
    channel.handlers["s"](decode(b'["1",null,"t","s",{}]'))
    assert sorted(presence.state) == ["k0", "k1", "k2"]
    assert presence.dropped == 11


def test_one_diff_larger_than_the_bound_is_kept_alone() -> None:
    channel = RecordedChannel()
    presence = Presence(channel, events=("s", "d"))  # type: ignore[arg-type]
    frame = b'["1",null,"t","d",{"joins":{"%s":{"metas":[{"phx_ref":"r","about":"%s"}]}},"leaves":{}}]'
    channel.handlers["d"](decode(frame % (b"small", b"x")))
    channel.handlers["d"](decode(frame % (b"large", b"x" * MAX_PENDING_BYTES)))
    channel.handlers["s"](decode(b'["1",null,"t","s",{}]'))
    assert sorted(presence.state) == ["large"]


def test_diffs_of_a_join_whose_state_never_came_are_not_applied_to_the_next() -> None:
    channel = RecordedChannel()
    presence = Presence(channel)  # type: ignore[arg-type]
    diff = b'["1",null,"t","presence_diff",{"joins":{"gone":{"metas":[{"phx_ref":"r"}]}},"leaves":{}}]'
    channel.handlers["presence_diff"](decode(diff))
    channel.handlers["phx_outage"](None)
    channel.handlers["presence_state"](decode(b'["1",null,"t","presence_state",{}]'))
    assert presence.list() == []


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("presence_state", b'{"a":null}'),
        ("presence_state", b'{"a":{}}'),
        ("presence_state", b'{"a":{"metas":{}}}'),
        ("presence_state", b'{"a":{"metas":[{"phx_ref":"1"},{}]}}'),
        ("presence_state", b'{"a":{"metas":[{"phx_ref":[]}]}}'),
        ("presence_diff", b'{"joins":[]}'),
        ("presence_diff", b'{"joins":{"b":{"metas":[{"phx_ref":"2"}]}},"leaves":{"ann":1}}'),
    ],
)
def test_what_no_presence_looks_like_is_a_decode_error_and_changes_nothing(
    event: str, payload: bytes
) -> None:
    channel = RecordedChannel()
    presence = Presence(channel)  # type: ignore[arg-type]
    state = b'{"ann":{"metas":[{"phx_ref":"0"}]}}'
    channel.handlers["presence_state"](decode(encode("1", None, "t", "presence_state", state)))
    with pytest.raises(DecodeError) as caught:
        channel.handlers[event](decode(encode("1", None, "t", event, payload)))
    assert caught.value.event == event
    assert presence.state == {"ann": {"metas": [{"phx_ref": "0"}]}}


async def test_presence_on_the_embedded_server(server: Server, client: Client) -> None:
    ann_room = await client.join("presence:p", {"user": "ann"}, decoder="raw")
    ann = Presence(ann_room)
    joined: list[str] = []
    left: list[str] = []
    ann.on_join(lambda key, current, new: joined.append(key))
    ann.on_leave(lambda key, current, gone: left.append(key))
    await until(lambda: ann.list(lambda key, entry: key) == ["ann"])

    async with connect(server.url) as other:
        room = await other.join("presence:p", {"user": "bob"})
        bob = Presence(room)
        await until(lambda: sorted(bob.state) == ["ann", "bob"])
        await until(lambda: sorted(ann.state) == ["ann", "bob"])
        await room.push("update", {"status": "away"})
        await until(lambda: ann.state["bob"]["metas"][0]["status"] == "away")
    await until(lambda: sorted(ann.state) == ["ann"])
    assert "bob" in joined
    assert "bob" in left
    # A rejoin gets a new state, and the diffs of the old join are not applied to it.
    server.cut()
    await until(lambda: client.stats.gaps == 1)
    await until(lambda: not ann.in_pending_sync_state)
    assert sorted(ann.state) == ["ann"]
    assert len(ann.state["ann"]["metas"]) == 1


async def test_a_diff_before_the_state_of_a_new_connection_waits() -> None:
    members: list[Channel] = []

    class Members(Channel):
        def join(self, topic: str, payload: Any) -> Reply:
            members.append(self)
            return Reply("ok")

    def entry(ref: str) -> dict[str, Any]:
        return {"metas": [{"phx_ref": ref}]}

    async with (
        Server({"members:*": Members}) as server,
        connect(server.url, backoff=lambda attempt: 0.0) as client,
    ):
        room = client.channel("members:1")
        presence = Presence(room)
        await room.join()
        members[-1].push("presence_state", {"ann": entry("1")})
        await until(lambda: presence.state)
        # The new join has the ref of the old one: each connection counts from 1.
        join_ref = room.join_ref
        server.cut()
        await until(lambda: room.gaps == 1)
        assert room.join_ref == join_ref
        assert presence.in_pending_sync_state
        server.broadcast("members:1", "presence_diff", {"joins": {"bob": entry("2")}, "leaves": {}})
        members[-1].push("presence_state", {"ann": entry("1")})
        await until(lambda: not presence.in_pending_sync_state)
        assert sorted(presence.state) == ["ann", "bob"]
