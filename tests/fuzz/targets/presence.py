"""Presences: states and diffs as a server might send them. One that is none is a DecodeError and changes
nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, cast

from fastphx.client.channel import Channel
from fastphx.client.presence import Presence
from fastphx.errors import DecodeError
from fastphx.protocol.frame_write import encode
from fastphx.protocol.message import Message
from tests.fuzz.exact_memory import decode
from tests.fuzz.pieces import JSON, NOT_UTF8
from tests.fuzz.steps import BETWEEN, steps_of

PIECES = (
    *(
        *JSON,
        *NOT_UTF8,
        BETWEEN,
        BETWEEN + b"s{",
        BETWEEN + b"d{",
        b'"joins":',
        b'"leaves":',
        b'"metas":[',
        b'"phx_ref":',
    ),
    *(
        b'{"a":{"metas":[{"phx_ref":"1"}]}}',
        b'"metas":[]',
        b'"phx_ref":[]',
        b'"phx_ref":1',
        b'"a":{}',
        b'"a":null',
    ),
)
MAX_BYTES = 1024


def seeds() -> Iterable[bytes]:
    a, b = (
        b'"a":{"metas":[{"phx_ref":"1","x":1}]}',
        b'"b":{"metas":[{"phx_ref":"2"},{"phx_ref":"3"}],"user":{}}',
    )
    yield BETWEEN.join([b"s{" + a + b"}", b'd{"joins":{' + b + b'},"leaves":{' + a + b"}}"])
    yield BETWEEN.join([b'd{"joins":{' + a + b'},"leaves":{}}', b"s{" + b + b"}", b"s{}"])
    yield BETWEEN.join([b"s{" + a + b"," + b + b"}", b"o", b"d{}", b"s{" + b + b"}"])


class FakeChannel:
    """The hooks that a Presence asks a channel for."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Message], None]] = {}

    def on(self, event: str, handler: Callable[[Message], None]) -> None:
        self.handlers[event] = handler

    def on_outage(self, handler: Callable[[object], None]) -> None:
        self.outage = handler

    def on_close(self, handler: Callable[[object], None]) -> None:
        pass


def check(data: bytes) -> None:
    channel = FakeChannel()
    presence = Presence(cast(Channel, channel))
    told: dict[str, int] = {}

    @presence.on_join
    def joined(key: str, _current: Any, new: Any) -> None:
        told[key] = told.get(key, 0) + len(new["metas"])

    @presence.on_leave
    def left(key: str, _current: Any, gone: Any) -> None:
        assert isinstance(gone["metas"], list)

    for kind, rest in steps_of(data):
        if kind == "o":
            channel.outage(None)
        if kind not in ("s", "d"):
            continue
        event = "presence_state" if kind == "s" else "presence_diff"
        try:
            message = decode(encode(None, None, "room:a", event, rest), 1, False)
        except DecodeError:
            continue
        before, waited = deepcopy(presence.state), presence.in_pending_sync_state
        try:
            channel.handlers[event](message)
        except DecodeError as error:
            assert str(error).isprintable()
            assert (presence.state, presence.in_pending_sync_state) == (before, waited)
        for entry in presence.list():
            assert all(isinstance(meta["phx_ref"], str | int) for meta in entry["metas"])
