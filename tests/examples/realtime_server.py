"""A server that speaks as Supabase Realtime does: the embedded server for what is Phoenix', and before it
what Supabase has added, refusals with a reason and the binary frames of broadcasts."""

from __future__ import annotations

import json
import zlib
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import picows

from fastphx.protocol.message import Message
from fastphx.testing import Server, ServerChannel, ServerPresence, ServerReply, ServerStop, SocketHandler
from tests.serializers.supabase_frames import broadcast_frame, read_push
from tests.transports.raw_server import BINARY, CLOSE, Peer, RawServer, frame, handshake_answer

PATH = "/realtime/v1"
EXPIRED = "a stale token"
REFUSED_KEYS = {
    "": (401, "API key is missing"),
    "old": (401, "Token has expired"),
    "suspended": (403, "Realtime was disabled for this tenant"),
    "unknown": (404, "Tenant not found"),
    "busy": (429, "Too many connected users"),
}


class Upstream(picows.WSListener):
    """What the embedded server sends goes to *peer*, broadcasts of clients as frames of kind 4."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def on_ws_frame(self, transport: picows.WSTransport, received: picows.WSFrame) -> None:
        data, opcode = received.get_payload_as_bytes(), received.msg_type.value
        if opcode == BINARY and data[0] == 2:
            topic_end = 3 + data[1]
            data = broadcast_frame(data[3:topic_end], data[topic_end + data[2] :])
        self.peer.send(frame(opcode, data))

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.peer.writer.close()


class RealtimeChannel(ServerChannel):
    """``realtime:*``, as ``RealtimeWeb.RealtimeChannel``."""

    def __init__(self, realtime: RealtimeServer) -> None:
        self.realtime = realtime
        self.token: str | None = None
        self.changes: list[dict[str, Any]] = []

    def join(self, topic: str, payload: Any) -> ServerReply:
        self.realtime.joins.append(payload)
        self.config = payload["config"]
        self.token = payload.get("access_token")
        if self.token == EXPIRED:
            return ServerReply("error", {"reason": "InvalidJWTToken: Token has expired 5 seconds ago"})
        self.changes = [
            {**change, "id": zlib.crc32(json.dumps(change, sort_keys=True).encode())}
            for change in self.config["postgres_changes"]
        ]
        self.realtime.channels.append(self)
        self.send_info("joined")
        return ServerReply("ok", {"postgres_changes": self.changes})

    def handle_info(self, message: Any) -> None:
        if self.config["presence"]["enabled"]:
            self.push("presence_state", self.realtime.presence.list(self.topic))
        if self.changes:
            self.say("postgres_changes", "ok", "Subscribed to PostgreSQL")

    def handle_in(self, event: str, message: Message) -> Any:
        if event == "broadcast":
            send = self.broadcast if self.config["broadcast"]["self"] else self.broadcast_from
            send("broadcast", message.raw if message.is_binary else message.payload)
            return ServerReply("ok") if self.config["broadcast"]["ack"] else None
        if event == "presence":
            self.follow_presence(message.payload)
            return ServerReply("ok")
        if event == "access_token":
            return self.take_token(message.payload["access_token"])
        return None

    def follow_presence(self, payload: Any) -> None:
        key = self.config["presence"]["key"]
        if payload["event"] == "untrack":
            self.realtime.presence.untrack(self, key)
        elif key in self.realtime.presence.list(self.topic):
            self.realtime.presence.update(self, key, payload["payload"])
        else:
            self.realtime.presence.track(self, key, payload["payload"])

    def take_token(self, token: str) -> Any:
        self.realtime.refreshed.append(token)
        if token == EXPIRED:
            self.say("system", "error", "Token has expired 5 seconds ago")
            return ServerStop("normal")
        self.token = token
        return None

    def say(self, extension: str, status: str, message: str) -> None:
        name = self.topic.removeprefix("realtime:")
        said = {"extension": extension, "status": status, "message": message, "channel": name}
        self.push("system", said)


class RealtimeServer:
    """``async with RealtimeServer() as realtime`` serves a project at ``realtime.url``."""

    def __init__(self) -> None:
        self.presence = ServerPresence()
        self.channels: list[RealtimeChannel] = []
        self.joins: list[Any] = []
        """The payload of each join."""
        self.refreshed: list[str] = []
        """The tokens that came after a join."""
        self.queries: list[dict[str, list[str]]] = []
        """The parameters of each handshake."""
        self.server = Server(
            sockets={PATH: SocketHandler({"realtime:*": lambda: RealtimeChannel(self)})},
        )
        self.front = RawServer(self.relay)

    async def __aenter__(self) -> Self:
        await self.server.start()
        await self.front.__aenter__()
        self.url = f"http://127.0.0.1:{self.front.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop()
        await self.front.__aexit__(kind, error, trace)

    async def relay(self, peer: Peer) -> None:
        request = await peer.request()
        target = urlsplit(request.split(b" ", 2)[1].decode())
        assert target.path == f"{PATH}/websocket"
        query = parse_qs(target.query)
        self.queries.append(query)
        refused = REFUSED_KEYS.get(query.get("apikey", [""])[0])
        if refused is not None:
            return await refuse(peer, *refused)
        upstream, _ = await picows.ws_connect(
            lambda: Upstream(peer), f"{self.server.websocket_url}?{target.query}"
        )
        peer.send(handshake_answer(request))
        try:
            while True:
                opcode, data = await peer.frame()
                if opcode == BINARY:
                    data = as_push(data)
                upstream.send(picows.WSMsgType(opcode), data)
                if opcode == CLOSE:
                    return await peer.end()
        except (EOFError, ConnectionError):
            upstream.disconnect()

    def insert(self, schema: str, table: str, record: dict[str, Any]) -> None:
        """Tell every channel that follows *table* of a row."""
        change = {"type": "INSERT", "schema": schema, "table": table, "record": record, "errors": None}
        for channel in self.channels:
            ids = [
                asked["id"]
                for asked in channel.changes
                if (asked["schema"], asked["table"]) == (schema, table)
            ]
            if ids and channel.is_joined:
                channel.push("postgres_changes", {"ids": ids, "data": change})


async def refuse(peer: Peer, status: int, reason: str) -> None:
    body = json.dumps({"error": reason})
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    peer.send((head + body).encode())
    await peer.writer.drain()


def as_push(frame: bytes) -> bytes:
    """A client's frame of kind 3 as the push of ``broadcast`` that Phoenix knows, of its content."""
    join_ref, ref, topic, content = read_push(frame)
    fields = (join_ref, ref, topic, b"broadcast")
    return bytes((0, *map(len, fields))) + b"".join(fields) + content
