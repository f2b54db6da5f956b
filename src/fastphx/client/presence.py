"""Who is there: phoenix.js' ``Presence``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from fastphx.client.channel import Channel
from fastphx.errors import DecodeError
from fastphx.protocol.message import Message

Entry = dict[str, Any]
"""The presence of one key: ``{"metas": [{"phx_ref": …, …}, …]}``, and what the server's ``fetch`` adds."""

State = dict[str, Entry]

MAX_PENDING_DIFFS = 1000
MAX_PENDING_BYTES = 4 * 1024 * 1024
"""How many diffs, and how many bytes of their payloads as they came, are kept until the state that they apply
to has come. The oldest are dropped first, and counted. One that is larger is kept, alone. With another
serializer than JsonV2, only their number counts."""

PresenceCallback = Callable[[str, Entry | None, Entry], object]


class Presence:
    """Follows the presences of *channel*, also over rejoins. *events* are the server's names for state and
    diff.

    Make it before the channel is joined, or right after.
    """

    def __init__(
        self, channel: Channel, *, events: tuple[str, str] = ("presence_state", "presence_diff")
    ) -> None:
        self.channel = channel
        self.state: State = {}
        self.dropped = 0
        """Diffs that were dropped because too many waited for a state."""
        self._pending_diffs: deque[tuple[int, Mapping[str, Any]]] = deque()
        self._pending_bytes = 0
        self.in_pending_sync_state = True
        """True until the state of the channel's current join has come. Diffs wait for it."""
        self._on_join: PresenceCallback | None = None
        self._on_leave: PresenceCallback | None = None
        self._on_sync: Callable[[], object] | None = None
        channel.on(events[0], self._state_came)
        channel.on(events[1], self._diff_came)
        # The join_ref cannot tell: each connection counts from 1 again.
        channel.on_outage(self._await_state)
        channel.on_close(self._await_state)

    def on_join(self, callback: PresenceCallback) -> PresenceCallback:
        """Call ``callback(key, current, new)`` for each join. *current* is the presence before it, or None;
        *new* has only the new metas."""
        self._on_join = callback
        return callback

    def on_leave(self, callback: PresenceCallback) -> PresenceCallback:
        """Call ``callback(key, current, left)`` for each leave. *current* is what remains (its ``metas`` may
        be empty), *left* is what has gone."""
        self._on_leave = callback
        return callback

    def on_sync(self, callback: Callable[[], object]) -> Callable[[], object]:
        """Call ``callback()`` after each change that the server has sent."""
        self._on_sync = callback
        return callback

    def list(self, by: Callable[[str, Entry], Any] | None = None) -> list[Any]:
        """The presences, or what *by(key, presence)* makes of each."""
        return list_presences(self.state, by)

    def _await_state(self, _: object) -> None:
        self.in_pending_sync_state = True
        # These are of a join whose state never came. The next join's state includes them.
        self._pending_diffs.clear()
        self._pending_bytes = 0

    def _state_came(self, message: Message) -> None:
        new_state = _payload(message)
        _check(new_state, message)
        self.in_pending_sync_state = False
        self.state = sync_state(self.state, new_state, self._on_join, self._on_leave)
        pending, self._pending_diffs = self._pending_diffs, deque()
        self._pending_bytes = 0
        for _, diff in pending:
            self.state = sync_diff(self.state, diff, self._on_join, self._on_leave)
        if self._on_sync is not None:
            self._on_sync()

    def _diff_came(self, message: Message) -> None:
        diff = _payload(message)
        for part in ("joins", "leaves"):
            _check(diff.get(part, {}), message)
        if self.in_pending_sync_state:
            self._keep(diff, message.byte_count())
            return
        self.state = sync_diff(self.state, diff, self._on_join, self._on_leave)
        if self._on_sync is not None:
            self._on_sync()

    def _keep(self, diff: Mapping[str, Any], size: int) -> None:
        pending = self._pending_diffs
        pending.append((size, diff))
        self._pending_bytes += size
        while len(pending) > MAX_PENDING_DIFFS or (
            self._pending_bytes > MAX_PENDING_BYTES and len(pending) > 1
        ):
            self._pending_bytes -= pending.popleft()[0]
            self.dropped += 1


def sync_state(
    state: Mapping[str, Entry],
    new_state: Mapping[str, Entry],
    on_join: PresenceCallback | None = None,
    on_leave: PresenceCallback | None = None,
) -> State:
    """The state after the server has sent *new_state*, the whole state. The callbacks are told how it differs
    from *state*. Neither argument is changed. As phoenix.js' ``Presence.syncState``."""
    joins: State = {}
    leaves: State = {key: entry for key, entry in state.items() if key not in new_state}
    for key, new in new_state.items():
        current = state.get(key)
        if current is None:
            joins[key] = new
            continue
        new_refs = _refs(new)
        current_refs = _refs(current)
        joined = [meta for meta in new["metas"] if meta["phx_ref"] not in current_refs]
        left = [meta for meta in current["metas"] if meta["phx_ref"] not in new_refs]
        if joined:
            joins[key] = {**new, "metas": joined}
        if left:
            leaves[key] = {**current, "metas": left}
    return sync_diff(state, {"joins": joins, "leaves": leaves}, on_join, on_leave)


def sync_diff(
    state: Mapping[str, Entry],
    diff: Mapping[str, Any],
    on_join: PresenceCallback | None = None,
    on_leave: PresenceCallback | None = None,
) -> State:
    """The state after the server's *diff* (``{"joins": …, "leaves": …}``). Neither argument is changed. As
    phoenix.js' ``Presence.syncDiff``."""
    result = dict(state)
    for key, joined in diff.get("joins", {}).items():
        current = result.get(key)
        new = {**joined, "metas": list(joined["metas"])}
        if current is not None:
            joined_refs = _refs(joined)
            kept = [meta for meta in current["metas"] if meta["phx_ref"] not in joined_refs]
            new["metas"] = kept + new["metas"]
        result[key] = new
        if on_join is not None:
            on_join(key, current, joined)
    for key, left in diff.get("leaves", {}).items():
        current = result.get(key)
        if current is None:
            continue
        left_refs = _refs(left)
        remaining = [meta for meta in current["metas"] if meta["phx_ref"] not in left_refs]
        current = {**current, "metas": remaining}
        result[key] = current
        if on_leave is not None:
            on_leave(key, current, left)
        if not remaining:
            del result[key]
    return result


def list_presences(state: Mapping[str, Entry], by: Callable[[str, Entry], Any] | None = None) -> list[Any]:
    """The presences of *state*, or what *by(key, presence)* makes of each. As ``Presence.list``."""
    return [entry if by is None else by(key, entry) for key, entry in state.items()]


def _refs(entry: Entry) -> set[Any]:
    return {meta["phx_ref"] for meta in entry["metas"]}


def _payload(message: Message) -> dict[str, Any]:
    # A channel's own decoder is for the application's events, and not for these.
    message.decoder = None
    payload = message.payload
    if not isinstance(payload, dict):
        raise DecodeError("presences are not an object", topic=message.topic, event=message.event)
    return payload


def _check(presences: object, message: Message) -> None:
    """Raises DecodeError if they are not what Phoenix.Presence sends: by key objects with ``metas``, each of
    which has a ``phx_ref``."""
    what = None
    if not isinstance(presences, dict):
        what = "presences are not an object"
    elif not all(
        isinstance(entry, dict) and isinstance(entry.get("metas"), list) for entry in presences.values()
    ):
        what = "a presence has no list of metas"
    elif not all(
        isinstance(meta, dict) and isinstance(meta.get("phx_ref"), str | int)
        for entry in presences.values()
        for meta in entry["metas"]
    ):
        what = "a presence has a meta without phx_ref"
    if what is not None:
        raise DecodeError(what, topic=message.topic, event=message.event)
