"""The presences of one server, with the messages that Phoenix.Presence sends."""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import Mapping
from typing import Any

from fastphx.testing.channel import ServerChannel

Metas = dict[str, dict[str, list[dict[str, Any]]]]


class ServerPresence:
    """The presences of every topic, by key. A key has one meta for each channel that tracks it.

    Each change broadcasts ``presence_diff`` on the topic at once. A channel's presences end with it.
    """

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, dict[ServerChannel, dict[str, Any]]]] = {}
        self._refs = itertools.count(int.from_bytes(os.urandom(4), "big"))

    def track(self, channel: ServerChannel, key: str, meta: Mapping[str, Any]) -> str:
        """Add *key*'s presence on the channel's topic. Returns its phx_ref. Raises ValueError if this channel
        already tracks it."""
        keys = self._topics.setdefault(channel.topic, {})
        metas = keys.setdefault(key, {})
        if channel in metas:
            raise ValueError(f"{key!r} is already tracked on {channel.topic!r} by this channel")
        ref = self._next_ref()
        metas[channel] = {**meta, "phx_ref": ref}
        channel.monitor(lambda _reason: self.untrack(channel, key))
        self._broadcast_diff(channel, {key: {"metas": [metas[channel]]}}, {})
        return ref

    def update(self, channel: ServerChannel, key: str, meta: Mapping[str, Any]) -> str:
        """Replace *key*'s meta. Returns its new phx_ref. Raises KeyError if it is not tracked."""
        metas = self._topics[channel.topic][key]
        old = metas[channel]
        ref = self._next_ref()
        metas[channel] = {**meta, "phx_ref": ref, "phx_ref_prev": old["phx_ref"]}
        self._broadcast_diff(channel, {key: {"metas": [metas[channel]]}}, {key: {"metas": [old]}})
        return ref

    def untrack(self, channel: ServerChannel, key: str) -> None:
        """Remove *key*'s presence, if there is one."""
        keys = self._topics.get(channel.topic, {})
        meta = keys.get(key, {}).pop(channel, None)
        if meta is None:
            return
        if not keys[key]:
            del keys[key]
        if not keys:
            del self._topics[channel.topic]
        self._broadcast_diff(channel, {}, {key: {"metas": [meta]}})

    def list(self, topic: str) -> Metas:
        """The topic's presences, as ``presence_state`` carries them."""
        return {key: {"metas": list(metas.values())} for key, metas in self._topics.get(topic, {}).items()}

    def _broadcast_diff(self, channel: ServerChannel, joins: Metas, leaves: Metas) -> None:
        channel.broadcast("presence_diff", {"joins": joins, "leaves": leaves})

    def _next_ref(self) -> str:
        return base64.urlsafe_b64encode(next(self._refs).to_bytes(12, "big")).decode("ascii")
