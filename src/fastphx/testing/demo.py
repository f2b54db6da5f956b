"""The demo channels that ``fastphx serve`` offers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from fastphx.errors import clip
from fastphx.protocol.frame_write import RawJson
from fastphx.protocol.message import Message
from fastphx.testing.channel import ServerChannel
from fastphx.testing.handshake import Handshake
from fastphx.testing.presence import ServerPresence
from fastphx.testing.responses import ServerReply, ServerStop
from fastphx.testing.server import Server
from fastphx.testing.socket_handler import SocketHandler

SHORT_IDLE_TIMEOUT_S = 1.0
SLOW_S = 0.1
MAX_SLOW_S = 60.0
MAX_PUSHES = 10_000
"""How many pushes one ``push_many`` may ask for."""
MAX_PRESENCE_CHARS = 255
"""How long a user or a status may be: it is kept while the channel is joined, and sent to the whole topic."""

_NOT_COMPACT = re.compile(rb"[\s\\]").search


def compact(message: Message) -> Any:
    """A message's payload, to be sent on. It is passed on as it came, undecoded and unchecked, unless it has
    a space or an escape that Phoenix would write in another way."""
    raw = message.raw
    if message.is_binary:
        return raw
    if not raw:
        return message.payload
    return RawJson(raw) if _NOT_COMPACT(raw) is None else message.payload


class RoomChannel(ServerChannel):
    """``room:*``: answers ``echo``, ``echo_error``, ``status``, ``value`` (with the payload's), ``whoami``,
    ``slow`` (after ``ms`` milliseconds), ``stop_reply``; pushes ``pushed`` for ``push``, and ``count`` times
    for ``push_many``; broadcasts ``new_msg``, for ``new_msg_from`` to all others; does nothing for
    ``noreply``; ends for ``crash``, ``stop``, ``stop_shutdown``; ends the socket for ``kick`` and
    ``kill_socket``. Any other event crashes it. ``room:denied`` and ``room:crash_join`` cannot be joined,
    and ``room:slow_join`` joins after ``ms`` milliseconds."""

    __slots__ = ()

    def join(self, topic: str, payload: Any) -> Any:
        if topic == "room:denied":
            return ServerReply("error", {"reason": "denied"})
        if topic == "room:crash_join":
            raise RuntimeError("joining room:crash_join crashes")
        if topic == "room:slow_join":
            return _slow_join(payload)
        return ServerReply("ok", {"joined": payload})

    def handle_in(self, event: str, message: Message) -> Any:
        if event == "echo":
            return ServerReply("ok", compact(message))
        handle = _ROOM_EVENTS.get(event)
        return super().handle_in(event, message) if handle is None else handle(self, message)


def _new_msg(channel: ServerChannel, message: Message) -> None:
    channel.broadcast("new_msg", compact(message))


def _push(channel: ServerChannel, message: Message) -> None:
    channel.push("pushed", compact(message))


def _new_msg_from(channel: ServerChannel, message: Message) -> None:
    channel.broadcast_from("new_msg", compact(message))


def _push_many(channel: ServerChannel, message: Message) -> ServerReply:
    count = message.payload["count"]
    if not isinstance(count, int) or not 0 < count <= MAX_PUSHES:
        raise ValueError(f"a count is a whole number from 1 to {MAX_PUSHES}")
    for number in range(1, count + 1):
        channel.push("pushed", {"n": number})
    return ServerReply("ok")


def _whoami(channel: ServerChannel, _message: Message) -> ServerReply:
    return ServerReply("ok", channel.socket.assigns)


async def _slow_join(payload: Any) -> ServerReply:
    await asyncio.sleep(_delay_s(payload))
    return ServerReply("ok")


async def _slow(_channel: ServerChannel, message: Message) -> ServerReply:
    await asyncio.sleep(_delay_s(message.payload))
    return ServerReply("ok", compact(message))


def _delay_s(payload: Any) -> float:
    """What the payload's ``ms`` asks for."""
    milliseconds = payload.get("ms") if isinstance(payload, dict) else None
    delay_s = milliseconds / 1000 if isinstance(milliseconds, int | float) else SLOW_S
    return min(max(delay_s, 0.0), MAX_SLOW_S)


def _crash(_channel: ServerChannel, _message: Message) -> None:
    raise RuntimeError("the event crash crashes the channel")


def _kick(channel: ServerChannel, _message: Message) -> None:
    channel.socket.disconnect()


def _kill_socket(channel: ServerChannel, _message: Message) -> None:
    channel.socket.cut()


_ROOM_EVENTS: dict[str, Callable[[ServerChannel, Message], Any]] = {
    "echo_error": lambda _channel, message: ServerReply("error", compact(message)),
    "status": lambda _channel, _message: ServerReply("ok"),
    "value": lambda _channel, message: ServerReply("ok", message.payload["value"]),
    "whoami": _whoami,
    "noreply": lambda _channel, _message: None,
    "push": _push,
    "push_many": _push_many,
    "new_msg": _new_msg,
    "new_msg_from": _new_msg_from,
    "slow": _slow,
    "crash": _crash,
    "stop": lambda _channel, _message: ServerStop("normal"),
    "stop_shutdown": lambda _channel, _message: ServerStop("shutdown"),
    "stop_reply": lambda _channel, message: ServerStop("normal", ServerReply("ok", compact(message))),
    "kick": _kick,
    "kill_socket": _kill_socket,
}


class FanChannel(ServerChannel):
    """``fan:*``: every event is broadcast to all subscribers, its sender included."""

    __slots__ = ()

    def handle_in(self, event: str, message: Message) -> None:
        self.broadcast(event, compact(message))


class PresenceChannel(ServerChannel):
    """``presence:*``: tracks the join's ``user``; ``update`` changes its ``status``."""

    def __init__(self, presence: ServerPresence) -> None:
        self.presence = presence
        self.user = ""

    def join(self, topic: str, payload: Any) -> ServerReply:
        user = payload.get("user") if isinstance(payload, dict) else None
        if not isinstance(user, str) or not 0 < len(user) <= MAX_PRESENCE_CHARS:
            return ServerReply("error", {"reason": "no user"})
        self.user = user
        self.send_info("after_join")
        return ServerReply("ok")

    def handle_info(self, message: Any) -> None:
        self.presence.track(self, self.user, {"online_at": 1, "status": "on"})
        self.push("presence_state", self.presence.list(self.topic))

    def handle_in(self, event: str, message: Message) -> None:
        if event != "update":
            raise LookupError(f"presence:* has no event {clip(event)}")
        status = message.payload.get("status", "on")
        if not isinstance(status, str) or len(status) > MAX_PRESENCE_CHARS:
            raise ValueError(f"a status is a text of at most {MAX_PRESENCE_CHARS} characters")
        # Phoenix' tracker is another process than the channel: the reply goes out before the diff.
        self.reply(message, ServerReply("ok"))
        self.presence.update(self, self.user, {"online_at": 1, "status": status})


def _connect(handshake: Handshake) -> Any:
    params = handshake.params
    if params.get("token") == "bad":
        return False
    return {"user": params.get("user"), "auth_token": handshake.auth_token}


def _id(assigns: Any) -> str | None:
    user = assigns["user"]
    return None if user is None else f"user:{user}"


def demo_sockets(
    *, idle_timeout_s: float = 60.0, max_channels_per_transport: int = 100
) -> dict[str, SocketHandler]:
    """``/socket``, and ``/short``, which is the same with an idle timeout of one second."""
    presence = ServerPresence()
    channels: dict[str, Callable[[], ServerChannel]] = {
        "room:*": RoomChannel,
        "fan:*": FanChannel,
        "presence:*": lambda: PresenceChannel(presence),
    }

    def handler(timeout_s: float) -> SocketHandler:
        return SocketHandler(
            channels,
            _connect,
            _id,
            idle_timeout_s=timeout_s,
            max_channels_per_transport=max_channels_per_transport,
        )

    return {"/socket": handler(idle_timeout_s), "/short": handler(min(idle_timeout_s, SHORT_IDLE_TIMEOUT_S))}


def demo_server(
    *, idle_timeout_s: float = 60.0, max_channels_per_transport: int = 100, **options: Any
) -> Server:
    """A Server with the demo channels; *options* are the Server's own."""
    sockets = demo_sockets(
        idle_timeout_s=idle_timeout_s, max_channels_per_transport=max_channels_per_transport
    )
    return Server(sockets=sockets, **options)
